// Every page, however it is shown: nobody is shut out, nothing is broken, nothing jumps, nothing is heavy.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, assertSound, assertStill, launch, open } from "./browser.mjs";
import { House } from "./house.mjs";
import { DOOR, FIRST, INSIDE, furnish, pathOf } from "./pages.mjs";
import { SlowLine, openSlowly } from "./slow.mjs";

const LOOKS = [
  { look: "light", ...DESK, colorScheme: "light" },
  { look: "dark", ...DESK, colorScheme: "dark" },
  { look: "on a small screen", ...PHONE, colorScheme: "light" },
  { look: "on a small screen, dark and in German", ...PHONE, colorScheme: "dark", locale: "de-DE" },
];

const SHAPES = [
  { look: "on a desk", ...DESK },
  { look: "on a small screen", ...PHONE },
  { look: "on a small screen in German", ...PHONE, locale: "de-DE" },
];

let browser, house, empty, session;
before(async () => {
  [browser, house, empty] = await Promise.all([launch(), House.open(), House.open()]);
  const page = await open(browser);
  await house.settle(page);
  await furnish(house, page);
  session = await page.context().storageState();
  await page.context().close();
});
after(() => Promise.all([browser?.close(), house?.close(), empty?.close()]));

describe("every page", { concurrency: 3 }, () => {
  for (const { look, ...options } of LOOKS) {
    for (const [pages, where] of [[INSIDE, () => house], [DOOR, () => house], [FIRST, () => empty]]) {
      for (const it of pages) {
        test(`${it.name}, ${look}`, async (t) => {
          const inside = pages === INSIDE;
          const page = await open(browser, { ...options, storageState: inside ? session : undefined });
          const path = await pathOf(it, where(), page);
          const answer = await page.goto(where().url + path);
          assert.equal(answer.status(), it.status ?? 200);
          // What an error page is about is said in the console, too.
          if (it.status) page.troubles.length = 0;
          const { firstByte, bytes } = await assertSound(page);
          t.diagnostic(`${it.name}: first byte after ${firstByte.toFixed(1)} ms, ${Math.ceil(bytes / 1000)} kB in all`);
          await page.context().close();
        });
      }
    }
  }
});

// What moves under the finger is pressed by mistake: so room is kept for what is still to come.
describe("every page, however slowly it comes,", { concurrency: 3 }, () => {
  for (const { look, ...options } of SHAPES) {
    for (const [pages, where] of [[INSIDE, () => house], [DOOR, () => house], [FIRST, () => empty]]) {
      for (const it of pages) {
        for (const unfinished of it.steady ? [false, true] : [false]) {
          test(`${it.name}, ${look}${unfinished ? ", drawn as it comes" : ""}, stays where it was drawn`, async () => {
            const page = await open(browser, { ...options, storageState: pages === INSIDE ? session : undefined });
            const line = await SlowLine.open(where(), { unfinished });
            try {
              await openSlowly(page, line, await pathOf(it, where(), page));
              await assertStill(page);
            } finally {
              await page.context().close();
              line.close();
            }
          });
        }
      }
    }
  }
});
