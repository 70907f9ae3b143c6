// The self-test in the page: a button, and what `genre-gpu check` prints.
import { checkKernels, unpackCases } from "./check.js";
import { powerOf } from "./deviation.js";
import { tableOf } from "./draw.js";
import { elementOf, statusLine, stoppable } from "./elements.js";
import { orLost, WITH_WEBGPU } from "./network.js";
import { saveFile } from "./save.js";

/** As in src/check/report.rs. */
const ABOUT = "error: the largest difference from the reference, plain loops in f64. limit: how much of what is " +
  "allowed it uses. A kernel reads what the GPU itself computed: of several that are wrong, the cause is the first " +
  "in the order of a step.";

/**
 * Cells of a row: name, verdict, error, share of the limit.
 * @param {string} name
 * @param {import("./types").Tally} tally
 */
function rowOf(name, { comparisons, failed, error, share }) {
  const verdict = failed > 0 ? "WRONG" : comparisons > 0 ? "ok" : "unused";
  return [name, verdict, comparisons === 0 ? "-" : Number.isFinite(error) ? powerOf(error, 1) : "inf",
    Number.isFinite(share) ? `${(100 * share).toFixed(0)} %` : "-"];
}

/**
 * The kernels that the page uses on such a GPU.
 * @param {import("./types").PageData} data
 * @param {"hardware" | "software"} kind
 */
function kernelsOf({ models, training, recordings }, kind) {
  const used = [...models, ...(training?.models ?? [])].map((model) => recordings[model.recordings[kind]]);
  return used.flatMap((recording) => Object.keys(recording.kernels));
}

/** Rows in the order of names. @param {Record<string, import("./types").Tally>} tallies */
function rowsOf(tallies) {
  return Object.keys(tallies).sort().map((name) => rowOf(name, tallies[name]));
}

/** Columns of equal width, the first two to the left. @param {string[][]} rows */
function alignedRows(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => row.map((cell, i) =>
    i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ").trimEnd());
}

/** What is wrong, each once. @param {import("./types").Checked} checked */
function wrongOf({ kernels, operations }) {
  const all = [...Object.values(kernels), ...Object.values(operations)].flatMap(({ wrong }) => wrong);
  return [...new Set(all)].sort();
}

/** The verdict in words. @param {import("./types").Checked} checked */
export function checkVerdict({ kernels, first, passed, seconds }) {
  const took = `in ${seconds.toFixed(1)} s`;
  if (passed) return `Passed ${took}: this GPU computes what the reference does.`;
  const causes = Object.entries(first).sort(([, a], [, b]) => b - a)
    .map(([name, times]) => `${name} (in ${times} ${times === 1 ? "case" : "cases"})`);
  const unused = Object.keys(kernels).filter((name) => kernels[name].comparisons === 0);
  const named = causes.length > 0 ? ` First wrong in a step: ${causes.join(", ")}.` : "";
  const missing = unused.length > 0 ? ` Not checked, since nothing came of them: ${unused.join(", ")}.` : "";
  return `FAILED ${took}: what this GPU computes on this page cannot be trusted.${named}${missing} Another browser or ` +
    "a newer driver may help. Please report this text.";
}

/**
 * The text that `genre-gpu check` prints, as far as a page knows it.
 * @param {import("./types").Checked} checked
 * @param {{ gpu: string, kind: "hardware" | "software", version: string, browser: string }} on
 */
export function checkText(checked, { gpu, kind, version, browser }) {
  const tables = [["kernel", checked.kernels], ["check", checked.operations]].map(([name, tallies]) =>
    alignedRows([[/** @type {string} */ (name), "", "error", "limit"],
      .../** @type {string[][]} */ (rowsOf(/** @type {any} */ (tallies)))]).join("\n"));
  const wrong = wrongOf(checked);
  const head = [`GPU: ${gpu}, WebGPU`, `genre-gpu ${version} in a page, fused kernels, ${kind === "software" ? "wide" : "narrow"} tiles`, `browser: ${browser}`];
  return [head.join("\n"), ...tables, ABOUT,
    ...(wrong.length > 0 ? [`Wrong:\n${wrong.join("\n")}`] : []), checkVerdict(checked)].join("\n\n") + "\n";
}

/**
 * Makes the part of the page work that checks the GPU.
 * @param {import("./types").PageData} data
 * @param {import("./types").Networks} networks
 */
export function startChecking(data, networks) {
  const { say, progress } = statusLine("check-status");
  const result = elementOf("check-result", HTMLElement);
  const bar = elementOf("check-progress", HTMLProgressElement);
  const [start, stop, copy, save] = ["check-start", "check-stop", "check-copy", "check-save"].map((id) =>
    elementOf(id, HTMLButtonElement));
  /** @type {ReturnType<typeof stoppable> | null} */
  let stopping = null;
  let text = "";

  /** @param {boolean} checks */
  function busy(checks) {
    // The button that has the focus is hidden.
    const isFocused = [start, stop].some((button) => button === document.activeElement);
    start.hidden = checks;
    stop.hidden = bar.hidden = !checks;
    if (isFocused) (checks ? stop : start).focus();
  }

  /** @param {import("./types").Checked} checked @param {string} gpu @param {"hardware" | "software"} kind */
  function show(checked, gpu, kind) {
    text = checkText(checked, { gpu, kind, version: data.version, browser: navigator.userAgent });
    elementOf("check-kernels", HTMLElement).replaceChildren(tableOf(`Kernels on ${gpu}`,
      ["Kernel", "Verdict", "Error", "Limit"], rowsOf(checked.kernels)));
    elementOf("check-operations", HTMLElement).replaceChildren(tableOf("The same comparisons by operation",
      ["Operation", "Verdict", "Error", "Limit"], rowsOf(checked.operations)));
    const wrong = wrongOf(checked);
    elementOf("check-wrong", HTMLElement).textContent = wrong.join("\n");
    elementOf("check-wrong", HTMLElement).hidden = wrong.length === 0;
    result.hidden = false;
  }

  async function check() {
    stopping = stoppable();
    const { signal } = stopping;
    result.hidden = true;
    busy(true);
    say("Looking for the GPU …");
    try {
      const gpu = await networks.gpu();
      if (!gpu.device) {
        say(`There is no GPU to check: ${gpu.missing}. ${WITH_WEBGPU} have WebGPU; ` +
          "or check with the program: genre-gpu check.", true);
        return;
      }
      say("Preparing the check …");
      const cases = await unpackCases(data, gpu.kind);
      bar.max = cases.length;
      bar.value = 0;
      const work = checkKernels(gpu.device, cases, kernelsOf(data, gpu.kind), (done) => {
        bar.value = done;
        progress(`Checked ${done} of ${cases.length} cases on ${gpu.name}`);
      }, signal);
      const checked = await orLost(gpu.device, work);
      if (!checked) {
        say("Stopped: nothing is known of this GPU.");
        return;
      }
      show(checked, gpu.name, gpu.kind);
      say(checkVerdict(checked), !checked.passed);
    } catch (error) {
      say(`The check ended: ${/** @type {Error} */ (error).message}. That, too, is a reason not to trust this GPU; ` +
        "start it again to see whether it repeats.", true);
    } finally {
      busy(false);
    }
  }

  start.addEventListener("click", check);
  stop.addEventListener("click", () => stopping?.stop());
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Not allowed to copy: save it";
    }
    setTimeout(() => {
      copy.textContent = "Copy as text";
    }, 3000);
  });
  save.addEventListener("click", () => saveFile("check.txt", text));
  start.disabled = false;
}
