// Replays every recording of a folder in Chromium and prints what came out as JSON:
//   node tests/web/run.mjs FOLDER CHROMIUM
// FOLDER has NAME.json for each recording: { recording, samples, labels, order, settings }, and
// shaders.json with the text of all kernels, each of which must compile.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, chromium] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const shaders = "shaders.json";
const names = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== shaders);

const page = `<!doctype html><meta charset="utf-8"><script type="module">
import { openRecording, readFloats, runPass, uploadSamples } from "/replay.js";
const answer = (body) => fetch("/answer", { method: "POST", body: JSON.stringify(body) });
try {
  const answers = {};
  const compiler = await (await navigator.gpu?.requestAdapter())?.requestDevice();
  if (!compiler) throw new Error("no adapter");
  for (const [label, code] of Object.entries(await (await fetch("/${shaders}")).json())) {
    const { messages } = await compiler.createShaderModule({ label, code }).getCompilationInfo();
    if (messages.length > 0) {
      throw new Error(label + ", line " + messages[0].lineNum + ": " + messages[0].message);
    }
  }
  for (const name of ${JSON.stringify(names)}) {
    const job = await (await fetch("/" + name)).json();
    const adapter = await navigator.gpu.requestAdapter();
    answers.adapter = adapter.info.description || adapter.info.vendor || "unknown";
    const device = await adapter.requestDevice();
    const faults = [];
    device.addEventListener("uncapturederror", (event) => faults.push(event.error.message));
    const model = await openRecording(device, job.recording, ["evaluate", "train"]);
    const { roles, classes, weights } = job.recording;
    const order = new Uint32Array(job.order);
    uploadSamples(model, new Float32Array(job.samples), new Uint32Array(job.labels));
    runPass(model, "evaluate", order);
    const probabilities = await readFloats(model, roles.probabilities, order.length * classes);
    runPass(model, "train", order, job.settings);
    const after = await readFloats(model, roles.parameters, weights.length);
    if (faults.length > 0) throw new Error(faults[0]);
    answers[name] = { probabilities: [...probabilities], weights: [...after] };
    device.destroy();
  }
  await answer(answers);
} catch (error) {
  await answer({ error: String(error.stack ?? error) });
}
</script>`;

const profile = mkdtempSync(join(tmpdir(), "genre-gpu-web-"));
const server = createServer((request, response) => {
  if (request.url === "/answer") {
    let body = "";
    request.on("data", (piece) => { body += piece; });
    request.on("end", () => {
      response.end();
      process.stdout.write(body + "\n");
      browser.kill("SIGKILL");
    });
    return;
  }
  const name = request.url.slice(1);
  response.setHeader("content-type", name.endsWith(".js") ? "text/javascript" : "text/html");
  if (name === "") response.end(page);
  else if (name === "replay.js") response.end(readFileSync(join(here, "../../web", name)));
  else if (name === shaders || names.includes(name)) response.end(readFileSync(join(folder, name)));
  else response.writeHead(404).end();
}).listen(0, "127.0.0.1", () => {
  const flags = [
    "--headless=new", "--no-sandbox", "--disable-gpu-sandbox", "--no-first-run",
    "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan",
    `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`,
  ];
  browser = spawn(chromium, flags, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  browser.stderr.on("data", (piece) => { said += piece; });
  browser.on("exit", (code, signal) => {
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    if (signal === "SIGKILL") process.exit(0);
    process.stderr.write(`${chromium} ended with ${code ?? signal}:\n${said.slice(-2000)}\n`);
    process.exit(1);
  });
});
let browser;
// A browser that hangs fails the test.
setTimeout(() => {
  process.stderr.write(`${chromium} did not answer in ten minutes\n`);
  browser?.kill();
}, 600_000).unref();
