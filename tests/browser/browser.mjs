// The browser, and what must never happen in it.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { PATIENCE } from "./house.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// What may be sent for one page, with all that it loads.
const BYTES = 100_000;

export const DESK = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

export function launch() {
  // Without a sandbox, since tests may run as root, in containers too; all that it visits is ours.
  return chromium.launch({ executablePath: process.env.CHROMIUM, timeout: PATIENCE, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

// A page in a browser profile of its own. `troubles` gathers what the browser complains about.
export async function open(browser, options = {}) {
  const context = await browser.newContext({ ...DESK, locale: "en-GB", colorScheme: "light", ...options });
  await context.addInitScript(watch);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.setDefaultNavigationTimeout(PATIENCE);
  page.troubles = [];
  const note = (text) => page.troubles.push(text);
  page.on("console", (said) => { if (["error", "warning"].includes(said.type())) note(`console: ${said.text()}`); });
  page.on("pageerror", (error) => note(`script: ${error}`));
  page.on("requestfailed", (request) => {
    // A request that a new page cut off did not fail.
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED") note(`${request.url()}: ${why}`);
  });
  page.on("response", (answer) => { if (answer.status() >= 400) note(`${answer.url()}: ${answer.status()}`); });
  return page;
}

// Runs in the page before its own scripts.
function watch() {
  const seen = { shift: 0, moved: [], violations: [] };
  window.seen = seen;
  document.addEventListener("securitypolicyviolation", (event) => seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  // Fonts and images that come late, scripts that push text down: a page must not jump under the finger.
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      seen.shift += entry.value;
      for (const { node, previousRect: from, currentRect: to } of entry.sources) {
        const it = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
        seen.moved.push(`${it?.outerHTML?.slice(0, 80)} from ${from.x},${from.y} to ${to.x},${to.y}`);
      }
    }
  }).observe({ type: "layout-shift", buffered: true });
}

// The page has not moved since it was first drawn.
export async function assertStill(page) {
  await page.waitForLoadState("load");
  // The scripts have had their turn, and what they changed is drawn.
  await page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))));
  const { shift, moved } = await page.evaluate(() => ({ shift: seen.shift, moved: seen.moved }));
  assert.equal(shift, 0, `the page moved after it was drawn: ${moved.join("; ")}`);
}

// Everything that holds for each page, wherever and however it is shown.
export async function assertSound(page) {
  await assertStill(page);
  const measured = await page.evaluate(() => {
    const loads = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const [page] = performance.getEntriesByType("navigation");
    return {
      violations: seen.violations,
      bytes: loads.reduce((sum, it) => sum + it.encodedBodySize, 0),
      firstByte: page.responseStart - page.requestStart,
      overhang: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
  });
  assert.deepEqual(measured.violations, [], "what the content security policy forbids");
  assert.ok(measured.bytes < BYTES, `the page loads ${measured.bytes} bytes`);
  assert.ok(measured.overhang <= 0, `the page is ${measured.overhang} px too wide`);
  assert.deepEqual(await lint(page), [], "what axe found");
  assert.deepEqual(page.troubles, [], "what the browser complained about");
  return measured;
}

async function lint(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((rules) => axe.run({ runOnly: rules }), RULES);
  return violations.map((it) => `${it.id}: ${it.help}: ${it.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
}
