// How soon every page answers, with many contacts: tests/browser/run speed [CONTACTS]
//
// It measures and judges nothing: how long is too long depends on the machine.

import { launch, open } from "./browser.mjs";
import { House, until } from "./house.mjs";
import { INSIDE, furnish, pathOf } from "./pages.mjs";

const contacts = Number(process.argv[2] ?? 100_000);
const ASKED = 50;

const [browser, house] = await Promise.all([launch(), House.open({ contacts })]);
try {
  const page = await open(browser);
  await house.setUp(page);
  await house.connect(page);
  // A debug build takes its time.
  await until("the first sync", async () => (await house.latest(page))?.kind === "incremental", 600_000);
  await house.inStep(page);
  await furnish(house, page);
  const cookie = (await page.context().cookies()).map((it) => `${it.name}=${it.value}`).join("; ");
  console.log(`First byte in ms, ${contacts.toLocaleString("en")} contacts, ${ASKED} questions a page`);
  for (const it of INSIDE) {
    const url = house.url + await pathOf(it, house, page);
    const times = [];
    for (let at = 0; at < ASKED; at += 1) times.push(await firstByte(url, cookie));
    times.sort((a, b) => a - b);
    const [half, most] = [times[Math.floor(ASKED / 2)], times[Math.ceil(ASKED * 0.99) - 1]];
    console.log(`${it.name.padEnd(24)} p50 ${half.toFixed(1).padStart(7)}   p99 ${most.toFixed(1).padStart(7)}`);
  }
} finally {
  await Promise.all([browser.close(), house.close()]);
}

// Without the browser, whose own work would be measured, too.
async function firstByte(url, cookie) {
  const began = performance.now();
  const answer = await fetch(url, { headers: { cookie, accept: "text/html" } });
  const took = performance.now() - began;
  await answer.text();
  return took;
}
