// Opens report pages in headless Chromium and checks what only a browser can tell: no request, no error, the answer in
// view, search and zoom, print, no serious fault found by axe, and that the page is whole without scripts.
//
//   npm install --prefix /tmp/browser puppeteer-core axe-core
//   NODE_PATH=/tmp/browser/node_modules node tests/browser/check.js PAGE.html...
//
// Environment: CHROMIUM, the browser (default /usr/bin/chromium); SCREENSHOTS, a folder for pictures (default: none).
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const puppeteer = require("puppeteer-core");
const axe = require("axe-core");

const SCREENS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const folder = process.env.SCREENSHOTS;
let faults = 0;

function expect(page, holds, what) {
  if (!holds) {
    faults += 1;
    console.log(`  fault in ${page}: ${what}`);
  }
}

async function shot(page, name, options = {}) {
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`), ...options });
}

async function open(browser, file, { screen = "desktop", scheme = "light", scripts = true } = {}) {
  const page = await browser.newPage();
  const said = [];
  await page.setViewport(SCREENS[screen]);
  await page.setJavaScriptEnabled(scripts);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  page.on("console", (message) => said.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => (said.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  const url = pathToFileURL(path.resolve(file)).href;
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) said.push(`request: ${request.url()}`);
  });
  await page.goto(url, { waitUntil: "load" });
  return { page, said };
}

// The answer is seen without scrolling and nothing is wider than the screen.
async function view(browser, file, name) {
  for (const screen of Object.keys(SCREENS)) {
    for (const scheme of ["light", "dark"]) {
      const { page, said } = await open(browser, file, { screen, scheme });
      const seen = await page.evaluate(() => {
        const [title, wide] = [document.getElementById("answer"), document.scrollingElement];
        const { bottom } = title.getBoundingClientRect();
        return { bottom, text: title.textContent, height: innerHeight, overflow: wide.scrollWidth - innerWidth };
      });
      expect(name, seen.text && seen.bottom > 0 && seen.bottom < seen.height, `${screen}: the answer ends at ${seen.bottom}`);
      expect(name, seen.overflow <= 0, `${screen}: ${seen.overflow} pixels wider than the screen`);
      await shot(page, `${name}-${screen}-${scheme}`);
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
      const overflow = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
      expect(name, overflow <= 0, `${screen}, all open: ${overflow} pixels wider than the screen`);
      await page.evaluate(axe.source);
      const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      for (const { id, impact, nodes } of result.violations) {
        const line = `axe ${impact} ${id}, ${nodes.length} times: ${nodes[0].html.slice(0, 160)} ${nodes[0].any[0]?.message ?? ""}`;
        if (impact === "serious" || impact === "critical") expect(name, false, `${screen} ${scheme}: ${line}`);
        else console.log(`  ${name} ${screen} ${scheme}: ${line}`);
      }
      await shot(page, `${name}-${screen}-${scheme}-full`, { fullPage: true });
      said.forEach((line) => expect(name, false, `${screen}: ${line}`));
      await page.close();
    }
  }
}

async function search(browser, file, name) {
  const { page, said } = await open(browser, file);
  if (await page.$(".tools.search")) {
    const visible = () => page.$$eval(".groups .stack", (all) => all.filter((stack) => !stack.hidden).length);
    const before = await visible();
    const word = await page.$eval(".groups .stack .frames li", (frame) => frame.textContent);
    await page.type(".tools.search input[type=search]", word);
    const some = await visible();
    expect(name, some > 0 && some <= before, `search for ${word} leaves ${some} of ${before} groups`);
    await page.type(".tools.search input[type=search]", "no such function");
    expect(name, (await visible()) === 0, "search for nonsense finds something");
    const told = await page.$eval(".tools.search [role=status]", (status) => status.textContent);
    expect(name, told.startsWith("0 in 0 of"), `search says ${told}`);
  }
  for (const figure of await page.$$(".flame")) {
    await figure.evaluate((figure) => {
      for (let it = figure; it; it = it.parentElement) if (it.localName === "details") it.open = true;
    });
    await figure.$eval(".boxes", (boxes) => boxes.focus());
    const boxes = await figure.$$(".boxes > svg > svg");
    const width = (box) => box.evaluate((box) => (box.style.display === "none" ? 0 : parseFloat(box.getAttribute("width"))));
    const widths = await Promise.all(boxes.map(width));
    const narrow = widths.findIndex((it) => it > 1 && it < 90);
    if (narrow >= 0) {
      await boxes[narrow].evaluate((box) => box.dispatchEvent(new MouseEvent("click", { bubbles: true })));
      expect(name, Math.abs((await width(boxes[narrow])) - 100) < 0.01, "a click does not zoom");
      await shot(page, `${name}-zoomed`);
      await figure.$eval(".boxes", (boxes) => boxes.focus());
      await page.keyboard.press("Escape");
      expect(name, Math.abs((await width(boxes[narrow])) - widths[narrow]) < 0.01, "Escape does not zoom back");
    }
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    expect(name, (await figure.$eval(".status", (status) => status.textContent)) !== "", "arrows say nothing");
    const label = await boxes[0].$eval("title", (title) => title.textContent.split("\n")[0]);
    await (await figure.$(".find")).type(label);
    expect(name, (await figure.$$(".hit")).length > 0, `find does not find ${label}`);
    const y = () => boxes[0].evaluate((box) => Number(box.getAttribute("y")));
    const before = await y();
    await figure.$eval(".turn", (button) => button.click());
    const rows = await figure.evaluate((figure) => Number(figure.dataset.rows));
    expect(name, (await y()) === (rows - 1) * 18 - before, "the graph does not turn");
  }
  said.forEach((line) => expect(name, false, line));
  await page.close();
}

// Without scripts and on paper the page says the same.
async function still(browser, file, name) {
  const { page, said } = await open(browser, file, { scripts: false });
  await shot(page, `${name}-still`);
  said.forEach((line) => expect(name, false, `without scripts: ${line}`));
  await page.close();
  const printed = await open(browser, file);
  const pdf = await printed.page.pdf({ format: "A4", ...(folder ? { path: path.join(folder, `${name}.pdf`) } : {}) });
  expect(name, pdf.length > 10_000, "nothing is printed");
  await printed.page.close();
}

(async () => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  if (folder) fs.mkdirSync(folder, { recursive: true });
  for (const file of process.argv.slice(2)) {
    const name = path.basename(file, ".html");
    console.log(`${name}: ${fs.statSync(file).size} bytes`);
    await view(browser, file, name);
    await search(browser, file, name);
    await still(browser, file, name);
  }
  await browser.close();
  console.log(faults === 0 ? "no fault" : `${faults} faults`);
  process.exitCode = faults === 0 ? 0 : 1;
})();
