// The report in headless Chromium: node tests/page/report.mjs REPORT.html [FOLDER FOR SCREENSHOTS]
// Ends with 1 if anything is wrong. CHROMIUM names the browser (default: /usr/bin/chromium).
import assert from "node:assert/strict";
import { readFileSync, writeFileSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [report, shots] = process.argv.slice(2);
if (!report) {
  console.error("usage: node tests/page/report.mjs REPORT.html [FOLDER FOR SCREENSHOTS]");
  process.exit(2);
}
if (shots) mkdirSync(shots, { recursive: true });
const work = mkdtempSync(join(tmpdir(), "report-"));
const html = readFileSync(report, "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
let failed = 0;

// Opens the page; whatever it complains of or asks for is kept.
async function open(options = {}, file = report) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  const troubles = [], requests = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) troubles.push(message.text());
  });
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  const url = pathToFileURL(resolve(file)).href;
  await page.goto(url);
  await page.waitForSelector("html[data-ready=yes]", { timeout: 60000 });
  const check = () => {
    assert.deepEqual(troubles, [], "the console is silent");
    const left = requests.filter((at) => at !== url && !at.startsWith("data:"));
    assert.deepEqual(left, [], "no request leaves the page");
  };
  return { page, check, close: () => context.close() };
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

// Different colours on a canvas.
const colours = (canvas) => canvas.evaluate((c) => {
  const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
});
const pixels = (canvas) => canvas.evaluate((c) => c.toDataURL());

await test("it stays under 12 MB", async () => {
  assert.ok(Buffer.byteLength(html) < 12e6, `${Buffer.byteLength(html)} bytes`);
});

await test("sections stand in order, and the contents lead to them", async () => {
  const { page, check, close } = await open();
  const heads = await page.locator("main > section > h2").allTextContents();
  assert.deepEqual(heads.slice(0, 7),
    ["Set-up and data", ...[1, 2, 3, 4, 5, 6].map((n) => `Question ${n}`)]);
  for (const link of await page.locator("nav a").all()) {
    const to = await link.getAttribute("href");
    assert.equal(await page.locator(to).count(), 1, to);
  }
  check();
  await close();
});

await test("pictures are drawn", async () => {
  const { page, check, close } = await open();
  const canvases = await page.locator("#question-4 canvas").all();
  assert.ok(canvases.length > 0, "there are some");
  for (const canvas of canvases) assert.ok(await colours(canvas) > 20, "a spectrogram has many colours");
  // A heatmap has colour where its map has any; a spectrogram in grey has none.
  const heat = page.locator("#question-5 figure.sample:not(:has(.empty)) canvas").first();
  const grey = await heat.evaluate((c) => {
    const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
    return data.every((v, i) => i % 4 !== 1 || (v === data[i - 1] && v === data[i + 1]));
  });
  assert.equal(grey, false);
  check();
  await close();
});

await test("kinds of map are switched, by click and by key", async () => {
  const { page, check, close } = await open();
  const canvas = () => page.locator("#question-5 canvas").first();
  const seen = [await pixels(canvas())];
  await page.locator("#question-5").getByLabel("HiResCAM").check();
  seen.push(await pixels(canvas()));
  await page.keyboard.press("ArrowRight");
  seen.push(await pixels(canvas()));
  await page.keyboard.press("ArrowRight");
  seen.push(await pixels(canvas()));
  assert.equal(new Set(seen).size, 4, "four different pictures");
  assert.ok(await page.locator("#question-5").getByLabel("spectrogram").isChecked());
  check();
  await close();
});

await test("curves are read out by pointer and by key", async () => {
  const { page, check, close } = await open();
  const svg = page.locator("#question-2 svg.curve").first();
  const output = page.locator("#question-2 output").first();
  await svg.scrollIntoViewIfNeeded();
  const box = await svg.boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.5);
  assert.match(await output.textContent(), /^epoch \d+: training [\d.]+, validation [\d.]+/);
  await svg.focus();
  await page.keyboard.press("Home");
  assert.match(await output.textContent(), /^epoch 1: /);
  await page.keyboard.press("ArrowRight");
  const strips = await svg.locator(".strip").count();
  assert.match(await output.textContent(), strips > 1 ? /^epoch 2: / : /^epoch 1: /);
  assert.ok((await svg.locator(".guide").getAttribute("d")).startsWith("M"));
  const table = await page.locator("#question-2 details tbody tr").count();
  assert.equal(table, strips, "the table has as many epochs");
  check();
  await close();
});

await test("a matrix's cell opens its samples, by click and by Enter", async () => {
  const { page, check, close } = await open();
  const buttons = page.locator("#question-3 .matrix button[data-part=train]");
  const panel = page.locator("#question-3 .panel");
  const cell = buttons.first();
  await cell.click();
  assert.equal(await cell.getAttribute("aria-expanded"), "true");
  const count = Number((await cell.evaluate((b) => b.firstChild.textContent)).replaceAll(",", ""));
  const [, pictured, all] = (await panel.locator("[role=status]").textContent()).match(/(\d+) of (\d+) have/);
  assert.equal(Number(all), count);
  assert.ok(await panel.evaluate((p) => p.previousElementSibling?.querySelector("[aria-expanded=true]") !== null),
    "the samples stand right behind their matrix");
  assert.ok(await panel.locator("h3").evaluate((h) => h === document.activeElement), "focus goes to them");
  assert.equal(await panel.locator("canvas").count(), Number(pictured));
  const indices = (await panel.locator(".indices").textContent()).split(", ");
  assert.equal(indices.length, count, "all indices are listed");
  await cell.focus();
  await page.keyboard.press("Enter");
  assert.ok(await panel.isHidden(), "Enter closes it again");
  const last = buttons.last();
  await last.focus();
  await page.keyboard.press("Enter");
  assert.ok(await panel.isVisible());
  check();
  await close();
});

await test("a sample opens large and closes by Escape, and focus returns", async () => {
  const { page, check, close } = await open();
  const opener = page.locator("#question-5 .sample button").first();
  await opener.focus();
  await page.keyboard.press("Enter");
  const dialog = page.locator("dialog#large");
  assert.ok(await dialog.isVisible());
  assert.ok(await colours(dialog.locator("canvas")) > 20);
  const before = await pixels(dialog.locator("canvas"));
  await dialog.getByLabel("spectrogram").check();
  assert.notEqual(await pixels(dialog.locator("canvas")), before);
  if (shots) {
    await dialog.getByLabel("Grad-CAM", { exact: true }).check();
    await page.screenshot({ path: join(shots, "large-1200.png") });
  }
  await page.keyboard.press("Escape");
  assert.ok(await dialog.isHidden());
  assert.ok(await opener.evaluate((b) => b === document.activeElement));
  check();
  await close();
});

// Half a second of silence, as a sample with sound has it.
function silence() {
  const [rate, n] = [8000, 4000], wav = Buffer.alloc(44 + 2 * n);
  wav.write("RIFF", 0); wav.writeUInt32LE(36 + 2 * n, 4); wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16); wav.writeUInt16LE(1, 20); wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(rate, 24); wav.writeUInt32LE(2 * rate, 28);
  wav.writeUInt16LE(2, 32); wav.writeUInt16LE(16, 34); wav.write("data", 36); wav.writeUInt32LE(2 * n, 40);
  return `data:audio/wav;base64,${wav.toString("base64")}`;
}

await test("sound moves a cursor over the picture", async () => {
  const marked = join(work, "sound.html");
  const audio = JSON.stringify([{ name: "clip", source: silence() }]);
  writeFileSync(marked, html.replace('"shown":[{', `"shown":[{"audio":${audio},`));
  const { page, check, close } = await open({}, marked);
  await page.locator(".sample[data-run='0'][data-at='0'] button").first().click();
  const cursor = page.locator("dialog .cursor");
  assert.ok(await cursor.isHidden());
  await page.locator("dialog audio").first().evaluate((a) => a.play());
  await page.waitForFunction(() => parseFloat(document.querySelector("dialog .cursor").style.left) > 20);
  assert.ok(await cursor.isVisible());
  check();
  await close();
});

await test("names of layers and classes cannot become elements", async () => {
  const evil = join(work, "evil.html");
  const name = "\\u003cimg src=x onerror=window.evil=1>";
  const changed = html.replace(/"classes":\["[^"]*"/, `"classes":["${name}"`);
  assert.notEqual(changed, html);
  writeFileSync(evil, changed);
  const { page, check, close } = await open({}, evil);
  await page.locator("#question-3 .matrix button").first().click();
  await page.locator("#question-5 .sample button").first().click();
  assert.equal(await page.locator("img[src=x]").count(), 0);
  assert.equal(await page.evaluate(() => window.evil), undefined);
  check();
  await close();
});

for (const [width, scheme] of [[1200, "light"], [390, "light"], [390, "dark"], [1200, "dark"], [320, "light"]]) {
  await test(`nothing overflows at ${width} px, ${scheme}`, async () => {
    const { page, check, close } = await open({ viewport: { width, height: 844 }, colorScheme: scheme });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${wide} px too wide`);
    await page.locator("#question-3 .matrix button").first().click();
    await page.locator("details").evaluateAll((all) => all.forEach((d) => { d.open = true; }));
    const open_ = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(open_ <= 0, `${open_} px too wide with all opened`);
    if (width < 1200) {
      await page.locator("#question-5 .sample button").first().click();
      const dialog = await page.locator("dialog").evaluate((d) => d.scrollWidth - d.clientWidth);
      assert.ok(dialog <= 0, `the dialog is ${dialog} px too wide`);
      if (shots) await page.screenshot({ path: join(shots, `large-${width}-${scheme}.png`) });
      await page.keyboard.press("Escape");
    }
    check();
    await close();
  });
}

await test("text has contrast in light and dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await open({ colorScheme });
    const worst = await page.evaluate(() => {
      const parse = (text) => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 1;
        const context = canvas.getContext("2d");
        context.fillStyle = text;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
      };
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = (node) => {
        for (let at = node; at; at = at.parentElement) {
          const colour = parse(getComputedStyle(at).backgroundColor);
          if (colour[3] === 255) return colour;
        }
        return [255, 255, 255];
      };
      let least = [99, ""];
      for (const node of document.querySelectorAll("p, td button, td span, th, a, summary, figcaption, caption, h1, h2, h3, pre, output")) {
        const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < least[0]) least = [contrast, `${node.tagName} ${node.textContent.slice(0, 40)}`];
      }
      return least;
    });
    assert.ok(worst[0] >= 4.5, `${colorScheme}: ${worst[0].toFixed(2)} at ${worst[1]}`);
    await close();
  }
});

await test("everything that is pressed has a name, and every picture", async () => {
  const { page, close } = await open();
  const nameless = await page.evaluate(() => [...document.querySelectorAll("button, a, svg[role=img], img, input")]
    .filter((node) => !(node.getAttribute("aria-label") || node.getAttribute("alt") || node.textContent.trim() || node.labels?.length))
    .map((node) => node.outerHTML.slice(0, 80)));
  assert.deepEqual(nameless, []);
  await close();
});

await test("it prints in light colours, whole", async () => {
  const { page, check, close } = await open({ colorScheme: "dark" });
  const pdf = await page.pdf({ format: "A4", path: shots && join(shots, "report.pdf") });
  assert.ok(pdf.length > 10000);
  // What can be closed is open on paper, and closed again.
  const shut = () => page.locator("#question-4 details:not([open])").count();
  const before = await shut();
  assert.ok(before > 0);
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.equal(await shut(), 0);
  await page.emulateMedia({ media: "print" });
  const cut = await page.locator("#question-4 .indices, #question-4 .tall").evaluateAll((all) =>
    all.filter((node) => node.scrollHeight > node.clientHeight + 1).length);
  assert.equal(cut, 0, "nothing is cut");
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await shut(), before);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  check();
  await close();
});

if (shots) {
  for (const [width, scheme] of [[1200, "light"], [390, "light"], [1200, "dark"]]) {
    const { page, close } = await open({ viewport: { width, height: 900 }, colorScheme: scheme });
    await page.screenshot({ path: join(shots, `top-${width}-${scheme}.png`) });
    await page.locator("#question-3 .matrix button").first().click();
    for (const section of await page.locator("main > section").all()) {
      const id = await section.getAttribute("id");
      await section.screenshot({ path: join(shots, `${id}-${width}-${scheme}.png`) });
    }
    await close();
  }
}
await browser.close();
console.log(failed === 0 ? "all is well" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
