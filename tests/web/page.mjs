// The page of `genre-gpu web` in headless Chromium, beside the program:
//   node tests/web/page.mjs PROGRAM FOLDER [FOLDER FOR SCREENSHOTS]
// FOLDER keeps the runs and the page. Ends with 1 if anything is wrong. CHROMIUM names the browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { element, trainingArrays, withElement, writeArrays } from "./arrays.mjs";
import { scalars } from "./events.mjs";

const [program, folder, shots] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node tests/web/page.mjs PROGRAM FOLDER [FOLDER FOR SCREENSHOTS]");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
if (shots) mkdirSync(shots, { recursive: true });
const at = (...names) => resolve(folder, ...names);
// The browser's own adapter for the program, too, where Debian's package has it.
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const same = existsSync(driver) ? ["--adapter", "swiftshader"] : [];
const env = same.length > 0 ? { ...process.env, VK_ADD_DRIVER_FILES: driver } : process.env;
const genreGpu = (...words) =>
  execFileSync(resolve(program), words, { encoding: "utf8", cwd: folder, maxBuffer: 1 << 28, env });

// Two runs, their page, and songs that they were not trained on.
for (const model of ["p1", "p2"]) {
  if (!existsSync(at(model, "model.safetensors"))) {
    genreGpu("train", "--model", model, "--device", "cpu", "--epochs", "2", "--out", model, "--overwrite", "--quiet");
  }
}
genreGpu("web", "p1", "p2", "--out", "page.html", "--quiet");
if (!existsSync(at("songs"))) genreGpu("demo", "--wav", "songs", "--songs", "1", "--quiet");
const page = readFileSync(at("page.html"), "utf8");
const songs = ["classical", "metal", "rock"].map((genre) => at("songs", `demo.${genre}.00000.wav`));

const gpuFlags = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan",
  "--disable-gpu-sandbox"];
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browsers = {
  webgpu: await chromium.launch({ executablePath, args: ["--no-sandbox", ...gpuFlags] }),
  // No secure context has WebGPU with this flag.
  script: await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-features=WebGPU", "--disable-gpu",
    "--disable-blink-features=WebGPU"] }),
};
let failed = 0;

/** Opens the page; what it complains of or asks for is kept. */
async function open(kind = "webgpu", options = {}, file = "page.html") {
  const context = await browsers[kind].newContext({ viewport: { width: 1200, height: 900 }, acceptDownloads: true, ...options });
  const tab = await context.newPage();
  // A hang fails the test; a software GPU compiles for minutes on a busy machine.
  tab.setDefaultTimeout(600_000);
  if (kind === "script") await tab.addInitScript("delete Navigator.prototype.gpu");
  const [troubles, requests] = [[], []];
  tab.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) troubles.push(message.text());
  });
  tab.on("pageerror", (error) => troubles.push(String(error)));
  tab.on("request", (request) => requests.push(request.url()));
  const url = pathToFileURL(at(file)).href;
  await tab.goto(url);
  await tab.waitForFunction(() => /The models run/.test(document.getElementById("device").textContent));
  const check = () => {
    assert.deepEqual(troubles, [], "the console is silent");
    const left = requests.filter((at) => at !== url && !/^(data|blob):/.test(at));
    assert.deepEqual(left, [], "no request leaves the page");
  };
  return { tab, check, close: () => context.close() };
}

const said = (tab, id) => tab.locator(`#${id}`).textContent();

/** Gives the page a file and waits for a verdict or a complaint. */
async function hear(tab, file) {
  await tab.evaluate(() => {
    document.getElementById("status").textContent = "waiting";
  });
  await tab.setInputFiles("#file", file);
  await tab.waitForFunction(() => {
    const status = document.getElementById("status");
    return status.textContent === "" || status.classList.contains("warning");
  });
}

/** In a page that is loaded: has its device in `globalThis.device`, which the page keeps to itself. */
function keepDevice() {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function caught(...words) {
    globalThis.device = await request.apply(this, words);
    return globalThis.device;
  };
}

/** Opens the page again with its device in `globalThis.device`. */
async function catchDevice(tab) {
  await tab.addInitScript(keepDevice);
  await tab.reload();
  await tab.waitForFunction(() => /The models run/.test(document.getElementById("device").textContent));
}

/** axe-core has nothing to say, and nothing is wider than the window. */
async function accessible(tab) {
  const [inside, outside] = await tab.evaluate(() =>
    [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
  assert.ok(outside <= inside, `${outside} dots in a window of ${inside}`);
  await tab.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  const { violations } = await tab.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`), []);
}

async function saved(tab, button) {
  const [download] = await Promise.all([tab.waitForEvent("download"), tab.click(button)]);
  return readFileSync(await download.path());
}

async function test(name, run) {
  try {
    await run();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`WRONG ${name}\n      ${String(error.stack ?? error).replaceAll("\n", "\n      ")}`);
  }
}

const furthest = (some, others) => Math.max(...some.map((x, i) => Math.abs(x - others[i])));

await test("it is at most 6 MB, and its text stands before its data", async () => {
  assert.ok(Buffer.byteLength(page) <= 6e6, `${Buffer.byteLength(page)} bytes`);
  assert.ok(page.indexOf("<h1>") < page.indexOf('type="text/plain"'));
});

for (const kind of ["webgpu", "script"]) {
  await test(`verdicts and probabilities are those of predict (${kind})`, async () => {
    const { tab, check, close } = await open(kind);
    const device = await said(tab, "device");
    assert.match(device, kind === "webgpu" ? /WebGPU/ : /JavaScript.*no WebGPU/);
    for (const [i, model] of ["p1", "p2"].entries()) {
      await tab.check(`input[name=model][value="${i}"]`);
      const native = JSON.parse(genreGpu("predict", model, ...songs, "--json", "--quiet"));
      let far = 0;
      for (const [s, song] of songs.entries()) {
        await hear(tab, song);
        assert.equal(await said(tab, "status"), "");
        const found = JSON.parse(await saved(tab, "#save-verdict"));
        const want = native[s];
        assert.equal(found.verdict, want.verdict);
        assert.equal(found.cuts.length, want.cuts.length);
        const probabilities = (song) => [...Object.values(song.probabilities), ...Object.values(song.uncalibrated),
          ...song.cuts.flatMap((cut) => [...Object.values(cut.probabilities), ...Object.values(cut.uncalibrated)])];
        far = Math.max(far, furthest(probabilities(found), probabilities(want)));
      }
      console.log(`      ${model}, ${kind}: furthest ${far.toExponential(1)}`);
      assert.ok(far < 5e-6, `${model}: ${far}`);
    }
    const heat = await tab.waitForFunction(() => /half of the heat|is empty here/.test(
      document.getElementById("explanation").textContent));
    assert.ok(heat);
    check();
    if (shots && kind === "webgpu") await tab.screenshot({ path: join(shots, "listen.png"), fullPage: true });
    await close();
  });
}

await test("unusable files get clear words, and the page goes on", async () => {
  const rate = 8000;
  const wav = (seconds, sample) => {
    const n = Math.round(seconds * rate);
    const bytes = Buffer.alloc(44 + 2 * n);
    bytes.write("RIFF", 0);
    bytes.writeUInt32LE(36 + 2 * n, 4);
    bytes.write("WAVEfmt ", 8);
    for (const [value, place, size] of [[16, 16, 4], [1, 20, 2], [1, 22, 2], [rate, 24, 4], [2 * rate, 28, 4], [2, 32, 2],
      [16, 34, 2]]) {
      bytes.writeUIntLE(value, place, size);
    }
    bytes.write("data", 36);
    bytes.writeUInt32LE(2 * n, 40);
    for (let i = 0; i < n; i += 1) bytes.writeInt16LE(Math.round(sample(i)), 44 + 2 * i);
    return bytes;
  };
  const files = {
    "empty.wav": [Buffer.alloc(0), /empty/],
    "text.mp3": [Buffer.from("this is no sound at all, only text\n".repeat(50)), /text\.mp3/],
    "long.wav": [wav(2 * 3600, () => 0), /2 hours|120|minutes/],
    "header.wav": [wav(0, () => 0), /header\.wav has no sound/],
  };
  const { tab, check, close } = await open();
  for (const [name, [bytes, words]] of Object.entries(files)) {
    writeFileSync(at(name), bytes);
    await hear(tab, at(name));
    assert.match(await said(tab, "status"), words, name);
  }
  const whole = readFileSync(songs[0]);
  writeFileSync(at("cut.wav"), whole.subarray(0, whole.length / 2));
  await hear(tab, at("cut.wav"));
  assert.match(await said(tab, "facts"), /its header promises [\d.]+ s of sound, there are/);
  writeFileSync(at("silence.wav"), wav(5, () => 0));
  await hear(tab, at("silence.wav"));
  assert.match(await said(tab, "verdict"), /unsure.*silent/);
  writeFileSync(at("short.wav"), wav(0.3, (i) => 8000 * Math.sin(i / 3)));
  await hear(tab, at("short.wav"));
  assert.match(await said(tab, "verdict"), /unsure.*too short/);
  await hear(tab, songs[0]);
  assert.doesNotMatch(await said(tab, "verdict"), /too short/);
  check();
  await close();
});

await test("another model keeps the moment and the class that are looked at; of several files the first is heard", async () => {
  const { tab, check, close } = await open("script");
  await tab.evaluate((contents) => {
    const dataTransfer = new DataTransfer();
    for (const [i, content] of contents.entries()) {
      const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
      dataTransfer.items.add(new File([bytes], `song ${i}.wav`));
    }
    document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, songs.slice(0, 2).map((song) => readFileSync(song, "base64")));
  await tab.waitForFunction(() => /Of 2 files the first is heard/.test(document.getElementById("status").textContent));
  assert.match(await said(tab, "verdict"), /^song 0\.wav: /);
  await tab.locator("#strip button").nth(9).click();
  await tab.selectOption("#target", { label: "rock" });
  const framed = async () => /Framed: cut (\d+)/.exec(await said(tab, "explanation"))[1];
  const before = await framed();
  await tab.check('input[name=model][value="1"]');
  await tab.waitForFunction(() => /Judged by P2 on/.test(document.getElementById("facts").textContent));
  assert.equal(await framed(), before);
  assert.equal(await tab.locator("#target option:checked").textContent(), "rock");
  check();
  await close();
});

await test("a new choice ends the work on the one before", async () => {
  const { tab, check, close } = await open("script");
  await tab.evaluate(() => {
    globalThis.announced = [];
    const announcement = document.getElementById("announcement");
    new MutationObserver(() => globalThis.announced.push(announcement.textContent))
      .observe(announcement, { childList: true });
    const status = document.getElementById("status");
    const clips = document.querySelectorAll("button.clip");
    const seen = new MutationObserver(() => {
      if (!/^Computing/.test(status.textContent)) return;
      seen.disconnect();
      clips[0].click();
    });
    seen.observe(status, { childList: true });
  });
  await tab.setInputFiles("#file", songs[0]);
  await tab.waitForFunction(() => globalThis.announced.length > 0);
  assert.match((await tab.evaluate(() => globalThis.announced))[0], /^classical, /);
  check();
  await close();
});

for (const [what, fail] of [
  ["memory is short", () => {
    // No test can count on how much a machine has: the scope says so.
    const filters = [];
    const { pushErrorScope: push, popErrorScope: pop } = GPUDevice.prototype;
    GPUDevice.prototype.pushErrorScope = function pushed(filter) {
      filters.push(filter);
      return push.call(this, filter);
    };
    GPUDevice.prototype.popErrorScope = function popped() {
      const isMemory = filters.pop() === "out-of-memory";
      return pop.call(this).then((error) => (isMemory ? new GPUOutOfMemoryError("") : error));
    };
  }],
  ["a buffer is too large", () => {
    const create = GPUDevice.prototype.createBuffer;
    GPUDevice.prototype.createBuffer = function tooLarge(descriptor) {
      return create.call(this, { ...descriptor, size: 2 ** 48 });
    };
  }],
  ["reading back fails", () => {
    GPUBuffer.prototype.mapAsync = () => Promise.reject(new Error("nothing can be read"));
  }],
  ["the GPU is lost", () => {
    const { mapAsync } = GPUBuffer.prototype;
    GPUBuffer.prototype.mapAsync = function lost(...words) {
      globalThis.device.destroy();
      return mapAsync.apply(this, words);
    };
  }],
]) {
  await test(`where WebGPU fails, since ${what}, JavaScript takes over, and the page says so`, async () => {
    const { tab, close } = await open();
    await tab.addInitScript(keepDevice);
    await tab.addInitScript(fail);
    await tab.reload();
    await tab.waitForFunction(() => /The models run|P1 on .* runs/.test(document.getElementById("device").textContent));
    await hear(tab, songs[0]);
    assert.equal(await said(tab, "status"), "");
    assert.match(await said(tab, "device"), /P1 on .* runs in this page's JavaScript.*since WebGPU failed: /);
    assert.match(await said(tab, "facts"), /on this page's JavaScript/);
    await tab.waitForFunction(() => /half of the heat|is empty here/.test(
      document.getElementById("explanation").textContent));
    await hear(tab, songs[1]);
    assert.match(await said(tab, "facts"), /on this page's JavaScript/);
    await close();
  });
}

await test("training has the losses of train --device gpu, and its weights are taken", async () => {
  const { tab, check, close } = await open();
  await tab.fill("#train-epochs", "4");
  // The second click of a double click meets the other button, and does not stop.
  await tab.evaluate(() => {
    for (const id of ["train-start", "train-stop"]) document.getElementById(id).click();
  });
  // It stops between two steps, and goes on from there.
  await tab.waitForFunction(() => /Epoch 2 of 4/.test(document.getElementById("train-status").textContent));
  await tab.click("#train-stop");
  await tab.waitForFunction(() => /Stopped in epoch 2/.test(document.getElementById("train-status").textContent));
  // Looking at another choice takes nothing away.
  await tab.selectOption("#train-model", "1");
  assert.equal(await said(tab, "train-start"), "Train");
  assert.match(await said(tab, "train-status"), /takes the place of the results below/);
  await tab.selectOption("#train-model", "0");
  assert.equal(await said(tab, "train-start"), "Resume");
  assert.ok(await tab.locator("#train-result").isVisible());
  await tab.click("#train-start");
  await tab.waitForFunction(() => /Done: test accuracy/.test(document.getElementById("train-status").textContent));
  if (shots) await tab.locator("#train").screenshot({ path: join(shots, "train.png") });
  await accessible(tab);
  const log = JSON.parse(await saved(tab, "#train-log"));
  writeFileSync(at("training.json"), JSON.stringify(log));
  writeFileSync(at("model.safetensors"), await saved(tab, "#train-download"));
  check();
  await close();

  const arrays = trainingArrays(page);
  writeArrays(at("arrays"), arrays);
  rmSync(at("events"), { recursive: true, force: true });
  genreGpu("train", "--data", "arrays", "--device", "gpu", ...same, "--epochs", "4", "--out", "native", "--overwrite",
    "--log-dir", "events", "--quiet", "--class-names", arrays.classes.join(","));
  const want = scalars(at("events", "train"), "batch_loss");
  assert.ok(want.length >= 50 && log.steps.length === want.length, `${want.length} and ${log.steps.length} steps`);
  const furthestOf = (from, to) => {
    const some = log.steps.slice(from, to).map((loss, i) => Math.abs(loss - want[from + i]) / want[from + i]);
    console.log(`      steps ${from + 1} to ${to}: at most ${Math.max(...some).toExponential(1)} relative`);
    return Math.max(...some);
  };
  // On another adapter than the browser's a rounding may decide a maximum or the sign of a sum, and the two part.
  assert.ok(furthestOf(0, 50) <= (same.length > 0 ? 1e-5 : 1e-4));

  genreGpu("import", "model.safetensors", "--out", "imported", "--overwrite", "--quiet");
  const metrics = JSON.parse(genreGpu("evaluate", "imported", "--data", "arrays", "--part", "test", "--json", "--quiet"));
  const accuracy = metrics.test?.accuracy ?? metrics.parts?.test?.accuracy;
  assert.ok(Math.abs(accuracy - log.history.at(-1).test_accuracy) < 1e-6, `${accuracy}`);
});

await test("a GPU that is lost in training is reported, and training goes on", async () => {
  const { tab, close } = await open();
  await catchDevice(tab);
  await tab.fill("#train-epochs", "2");
  await tab.click("#train-start");
  await tab.waitForFunction(() => /Epoch 2 of 2/.test(document.getElementById("train-status").textContent));
  await tab.evaluate(() => globalThis.device.destroy());
  await tab.waitForFunction(() => /GPU was lost.*Resume.*after epoch 1/.test(
    document.getElementById("train-status").textContent));
  await tab.click("#train-start");
  await tab.waitForFunction(() => /Done: test accuracy/.test(document.getElementById("train-status").textContent));
  await hear(tab, songs[0]);
  assert.equal(await said(tab, "status"), "");
  await close();
});

await test("without WebGPU training says what is missing", async () => {
  const { tab, check, close } = await open("script");
  await tab.click("#train-start");
  await tab.waitForFunction(() => /Training needs WebGPU/.test(document.getElementById("train-status").textContent));
  check();
  await close();
});

/** Checks the GPU and returns the verdict, and the cells of each kernel. */
async function checked(tab) {
  await tab.click("#check-start");
  await tab.waitForFunction(() => /^(Passed|FAILED|The check ended|There is no GPU)/.test(
    document.getElementById("check-status").textContent));
  const rows = await tab.locator("#check-kernels tbody tr").evaluateAll((all) =>
    all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  return { verdict: await said(tab, "check-status"), kernels: Object.fromEntries(rows.map(([name, ...rest]) => [name, rest])) };
}

await test("the self-test passes, and every kernel that the page uses is compared", async () => {
  const { tab, check, close } = await open();
  const { verdict, kernels } = await checked(tab);
  assert.match(verdict, /^Passed in/);
  const { recordings, models, training } = JSON.parse(element(page, "data"));
  const ofSoftware = [...models, ...training.models].map((model) => recordings[model.recordings.software]);
  const used = new Set(ofSoftware.flatMap((recording) => recording.kernel_names));
  for (const name of used) assert.equal(kernels[name]?.[0], "ok", name);
  const text = (await saved(tab, "#check-save")).toString();
  for (const name of used) assert.match(text, new RegExp(`\\n${name} +ok `));
  const worst = Object.entries(kernels).map(([name, [, , share]]) => [parseInt(share, 10), name]).sort(([a], [b]) => b - a);
  console.log(`      ${verdict} ${worst.slice(0, 3).map(([share, name]) => `${name} ${share} %`).join(", ")}`);
  check();
  if (shots) await tab.locator("#check").screenshot({ path: join(shots, "check.png") });
  await accessible(tab);
  await close();
});

// A part of a kernel's text, and what is wrong in its place.
for (const [kernel, right, wrong] of [
  ["sgd_step", "step.momentum * velocity - ", "step.momentum * velocity + "],
]) {
  await test(`a wrong kernel is named: ${kernel}`, async () => {
    const data = JSON.parse(element(page, "data"));
    const { code } = data.kernels[kernel];
    assert.ok(code.includes(right), `${kernel} has ${right}`);
    data.kernels[kernel].code = code.replaceAll(right, wrong);
    writeFileSync(at("broken.html"), withElement(page, "data", JSON.stringify(data)));
    const { tab, close } = await open("webgpu", {}, "broken.html");
    const { verdict, kernels } = await checked(tab);
    assert.match(verdict, new RegExp(`^FAILED in.*First wrong in a step: ${kernel} `));
    assert.equal(kernels[kernel][0], "WRONG");
    assert.match(await said(tab, "check-wrong"), /elements differ by more than/);
    await close();
  });
}

await test("without WebGPU the self-test says what is missing; a lost GPU is reported, and the next check works", async () => {
  const without = await open("script");
  assert.match((await checked(without.tab)).verdict, /There is no GPU to check: this browser has no WebGPU/);
  without.check();
  await without.close();
  const { tab, close } = await open();
  await catchDevice(tab);
  await tab.click("#check-start");
  await tab.waitForFunction(() => /^Checked [0-9]+ of/.test(document.getElementById("check-status").textContent));
  await tab.evaluate(() => globalThis.device.destroy());
  await tab.waitForFunction(() => /^The check ended: the GPU was lost/.test(
    document.getElementById("check-status").textContent));
  assert.match((await checked(tab)).verdict, /^Passed in/);
  await close();
});

for (const [name, options] of Object.entries({
  wide: {}, phone: { viewport: { width: 390, height: 844 } }, dark: { colorScheme: "dark" },
})) {
  await test(`it is accessible, and nothing is wider than the window (${name})`, async () => {
    const { tab, check, close } = await open("script", options);
    await tab.locator("button.clip").first().click();
    await tab.waitForFunction(() => /half of the heat|is empty here/.test(
      document.getElementById("explanation").textContent));
    if (shots) await tab.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
    await accessible(tab);
    check();
    await close();
  });
}

await test("all is reached by the keyboard", async () => {
  const { tab, check, close } = await open("script");
  await tab.locator("button.clip").first().focus();
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => !document.getElementById("result").hidden);
  await tab.locator("#strip button[aria-pressed=true]").focus();
  await tab.keyboard.press("ArrowRight");
  assert.equal(await tab.locator("#strip button[aria-pressed=true]").evaluate((button) =>
    [...button.parentElement.children].indexOf(button)), 1);
  assert.match(await said(tab, "explanation"), /cut 2 of/);
  // From the top, Tab stops at every control that can be used; of a group of choices, at the one that is chosen.
  const wanted = await tab.evaluate(() => {
    const all = [...document.querySelectorAll("button, input, select, summary, audio, [tabindex]")];
    const used = all.filter((one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility() &&
      (one.type !== "radio" || one.checked));
    used.forEach((one, i) => one.setAttribute("data-stop", String(i)));
    document.activeElement.blur();
    return used.map((one) => one.outerHTML.slice(0, 80));
  });
  assert.ok(wanted.length > 12, `${wanted.length} controls`);
  const reached = new Set();
  // A player has stops of its own within.
  for (let i = 0; i < wanted.length + 20; i += 1) {
    await tab.keyboard.press("Tab");
    reached.add(await tab.evaluate(() => Number(document.activeElement?.getAttribute("data-stop") ?? -1)));
  }
  assert.deepEqual(wanted.filter((_, i) => !reached.has(i)), []);
  // What has the focus when training begins or ends is hidden or disabled: it goes to what can be done next.
  await tab.locator("#train-epochs").focus();
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => /Training needs WebGPU/.test(document.getElementById("train-status").textContent));
  assert.equal(await tab.evaluate(() => document.activeElement.id), "train-start");
  assert.equal(await said(tab, "train-start"), "Train");
  check();
  await close();
});

await Promise.all(Object.values(browsers).map((browser) => browser.close()));
console.log(failed === 0 ? `page.html, ${(statSync(at("page.html")).size / 1e6).toFixed(1)} MB: all is well` : `${failed} wrong`);
process.exit(failed === 0 ? 0 : 1);
