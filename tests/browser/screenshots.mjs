// Makes a picture of every page, light and dark, on a desk and on a small screen: ./screenshots [FOLDER]

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DESK, PHONE, launch, open } from "./browser.mjs";
import { House, until } from "./house.mjs";
import { DOOR, FIRST, INSIDE, furnish, pathOf } from "./pages.mjs";

const folder = resolve(process.argv[2] ?? "target/screenshots");
const SCREENS = { desk: DESK, phone: { ...PHONE, deviceScaleFactor: 2 } };

await mkdir(folder, { recursive: true });
const [browser, house, empty] = await Promise.all([launch(), House.open({ contacts: 1250 }), House.open({ latency: 300, settings: { SYNC_BATCH_SIZE: "20" } })]);
try {
  const page = await open(browser);
  await house.settle(page);
  await furnish(house, page);
  const session = await page.context().storageState();
  await each(async (options, name) => {
    for (const it of INSIDE) await picture(house, it, { ...options, storageState: session }, name);
    for (const it of DOOR) await picture(house, it, options, name);
    for (const it of FIRST) await picture(empty, it, options, name);
  });
  // A sync in progress.
  const other = await open(browser);
  await empty.setUp(other);
  await empty.connect(other);
  const live = await other.context().storageState();
  await each((options, name) => picture(empty, { name: "syncing", path: "/" }, { ...options, storageState: live }, name, async (page) => {
    await until("some progress", async () => Number(await page.locator("progress").getAttribute("value")) > 0);
  }));
} finally {
  await Promise.all([browser.close(), house.close(), empty.close()]);
}
console.log(`The pictures are in ${folder}`);

async function each(act) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [screen, options] of Object.entries(SCREENS)) {
      await act({ ...options, colorScheme }, (page) => join(folder, `${page}-${screen}-${colorScheme}.png`));
    }
  }
}

async function picture(house, it, options, name, ready) {
  const page = await open(browser, options);
  await page.goto(house.url + await pathOf(it, house, page));
  await ready?.(page);
  await page.screenshot({ path: name(it.name), fullPage: true });
  await page.context().close();
}
