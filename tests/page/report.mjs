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

await test("it stays under 12 MB", async () => {
  assert.ok(Buffer.byteLength(html) < 12e6, `${Buffer.byteLength(html)} bytes`);
});

await test("sections stand in order, and the contents lead to them", async () => {
  const { page, check, close } = await open();
  const heads = await page.locator("main > section > h2").allTextContents();
  assert.deepEqual(heads.slice(0, 7).map((head) => head.split(":")[0]),
    ["Set-up and data", ...[1, 2, 3, 4, 5, 6].map((n) => `Question ${n}`)]);
  const all = await page.locator("h1, h2, h3, h4").evaluateAll((nodes) =>
    nodes.map((node) => [Number(node.tagName[1]), node.textContent]));
  all.forEach(([level], i) => assert.ok(i === 0 || level <= all[i - 1][0] + 1, `level of ${all[i][1]}`));
  assert.equal(new Set(all.map(([, text]) => text)).size, all.length, "no heading stands twice");
  for (const link of await page.locator("nav a").all()) {
    const to = await link.getAttribute("href");
    assert.equal(await page.locator(to).count(), 1, to);
  }
  check();
  await close();
});

await test("every picture is there without a script", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(pathToFileURL(resolve(report)).href);
  const pictures = page.locator("#question-5 .sample img");
  assert.ok(await pictures.count() > 0, "there are some");
  // Without a script nothing can be evaluated in the page; what is decoded has a size.
  for (const picture of (await pictures.all()).slice(0, 24)) {
    assert.match(await picture.getAttribute("src"), /^data:image\/png;base64,/);
    const box = await picture.boundingBox();
    assert.ok(box.width > 40 && box.height > 40, `${box.width} x ${box.height}`);
  }
  assert.equal(await page.locator("button").count(), 0, "nothing is offered that does not work");
  await context.close();
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
  const buttons = page.locator("#question-4 .matrix td[data-part=train] button");
  const panel = page.locator("#question-4 .panel");
  const cell = buttons.first();
  await cell.click();
  assert.equal(await cell.getAttribute("aria-expanded"), "true");
  const count = Number((await cell.evaluate((b) => b.firstChild.textContent)).replaceAll(",", ""));
  const [, pictured, all] = (await panel.locator("[role=status]").textContent()).match(/(\d+) of (\d+) have/);
  assert.equal(Number(all), count);
  assert.ok(await panel.evaluate((p) => p.previousElementSibling?.querySelector("[aria-expanded=true]") !== null),
    "the samples stand right behind their matrices");
  assert.ok(await panel.locator("h3").evaluate((h) => h === document.activeElement), "focus goes to them");
  assert.equal(await panel.locator("figure.sample").count(), Number(pictured));
  const indices = (await panel.locator(".indices").textContent()).split(", ");
  assert.equal(indices.length, count, "all indices are listed");
  await cell.focus();
  await page.keyboard.press("Enter");
  assert.equal(await panel.count(), 0, "Enter closes it again");
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
  assert.ok(await dialog.locator("img").count() >= 2);
  assert.ok(await dialog.locator(".bars i").count() >= 2);
  if (shots) await page.screenshot({ path: join(shots, "large-1200.png") });
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
  const cursor = page.locator("dialog .cursor").first();
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
  await page.locator("#question-4 .matrix button").first().click();
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
    await page.locator("#question-4 .matrix button").first().click();
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
    // A map that lies over a spectrogram has no text of its own: the picture below it has one of both.
    .filter((node) => !node.matches('img + img[alt=""]') && !(node.getAttribute("aria-label") || node.getAttribute("alt") || node.textContent.trim() || node.labels?.length))
    .map((node) => node.outerHTML.slice(0, 80)));
  assert.deepEqual(nameless, []);
  await close();
});

await test("it prints in light colours, whole, on at most 20 sheets", async () => {
  const { page, check, close } = await open({ colorScheme: "dark" });
  const pdf = await page.pdf({ preferCSSPageSize: true, path: shots && join(shots, "report.pdf") });
  const sheets = pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g).length;
  assert.ok(sheets <= 20, `${sheets} sheets`);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const cut = await page.locator("main .indices, main .wide, main pre").evaluateAll((all) =>
    all.filter((node) => node.checkVisibility() && getComputedStyle(node).overflowY !== "visible").length);
  assert.equal(cut, 0, "nothing is cut");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  check();
  await close();
});

if (shots) {
  for (const [width, scheme] of [[1200, "light"], [390, "light"], [1200, "dark"]]) {
    const { page, close } = await open({ viewport: { width, height: 900 }, colorScheme: scheme });
    await page.screenshot({ path: join(shots, `top-${width}-${scheme}.png`) });
    await page.locator("#question-4 .matrix button").first().click();
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
