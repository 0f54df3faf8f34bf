// What people do, from the first start on, with mouse and keyboard.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PHONE, launch, open } from "./browser.mjs";
import { ADMIN, House, until } from "./house.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

// Tells a story in a house of its own, which is closed however the story ends.
function story(name, options, tell) {
  test(name, async () => {
    const { screen = {}, ...rest } = options;
    const house = await House.open(rest);
    const page = await open(browser, screen);
    try {
      await tell(house, page);
    } finally {
      await page.context().close();
      await house.close();
    }
  });
}

// A first sync that goes on for a minute, however long a browser takes to look at it; `hurry` ends it.
const SLOW = { contacts: 400, latency: 1500, settings: { SYNC_BATCH_SIZE: "10", PHONE_NETWORKS: "127.0.0.0/8" } };

function hurry(house) {
  return house.pull("PATCH", "settings", { latency_ms: 0 });
}

function progress(page) {
  return page.locator("progress").getAttribute("value").then(Number);
}

describe("people", { concurrency: 3 }, () => {
  story("from the first start to a phone that finds its directory", SLOW, async (house, page) => {
    await page.goto(house.url);
    await page.getByRole("link", { name: "Make one now" }).click();
    await house.setUp(page);
    assert.ok(await page.getByText(ADMIN.name, { exact: true }).isVisible());

    await page.getByRole("link", { name: /^Connect/ }).first().click();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("link", { name: "Go to Google" }).click();
    await page.getByRole("link", { name: "Watch the first sync" }).click();
    await page.getByText("Listing contacts").waitFor();
    // Nobody reloads the page, and yet the bar moves.
    await page.waitForFunction(() => document.querySelector("progress")?.value > 0);
    const seen = await progress(page);
    await page.waitForFunction((seen) => document.querySelector("progress")?.value > seen, seen);
    await hurry(house);
    await page.getByText("Up to date").waitFor();
    await page.getByText("400 contacts").first().waitFor();
    assert.deepEqual(page.troubles, []);

    // A screen is there within a second, whatever the machine does besides; the first ones may ask for patience.
    let link = null;
    while (!link) {
      const screen = await fetch(`${house.url}/directory`, { headers: { "user-agent": "Cisco/SPA504G" } });
      assert.equal(screen.status, 200);
      link = (await screen.text()).match(/<URL>([^<]+groups[^<]+)<\/URL>/);
    }
    const next = link[1].replaceAll("&amp;", "&");
    assert.match(await (await fetch(next)).text(), /<Name>/);
  });

  story("without an OAuth client, step by step to a first sync, and away again", { settings: { GOOGLE_CLIENT_ID: "", GOOGLE_CLIENT_SECRET: "" } }, async (house, page) => {
    await house.setUp(page);
    await page.getByRole("link", { name: "Connect Google" }).click();
    const { GOOGLE_CLIENT_ID: client_id, GOOGLE_CLIENT_SECRET: client_secret } = house.google.said.environment;
    const file = { web: { client_id, client_secret, redirect_uris: [`${house.url}/auth/callback`] } };
    const buffer = Buffer.from(JSON.stringify(file));
    await page.locator("input[type=file]").setInputFiles({ name: "client.json", mimeType: "application/json", buffer });
    await page.waitForFunction(() => document.getElementById("file").value !== "");
    await page.getByRole("button", { name: "Enter it" }).click();
    await page.getByText("The OAuth client in force:").waitFor();
    await page.getByLabel("What it is called here").first().fill("Reception");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("link", { name: "Go to Google" }).click();
    await page.getByRole("link", { name: "Watch the first sync" }).click();
    await page.getByText("Up to date").waitFor();
    await page.getByRole("link", { name: "Reception" }).click();
    await page.getByText("A person gave it.").waitFor();
    await page.getByRole("link", { name: "Remove" }).click();
    await page.getByLabel("To confirm, enter its name: Reception").fill("Reception");
    await page.getByRole("button", { name: "Remove the account" }).click();
    await page.getByText("There is none yet.").waitFor();
    assert.deepEqual(page.troubles, []);
  });

  story("people and programs are let in, seen, and shut out", {}, async (house, page) => {
    await house.setUp(page);
    await page.goto(`${house.url}/access`);
    await page.getByLabel("Name").fill("grace");
    await page.getByLabel(/^Password/).fill("tangerine dream 1");
    await page.getByLabel("Your own password, once more").fill(ADMIN.password);
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("link", { name: "grace" }).click();
    await page.getByRole("link", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("link", { name: ADMIN.name }).waitFor();
    assert.equal(await page.getByRole("link", { name: "grace" }).count(), 0);
    await page.getByRole("link", { name: "Programs" }).click();
    await page.getByLabel("For which program?").fill("switchboard");
    await page.getByRole("button", { name: "Make a token" }).click();
    const token = await page.locator("#token").textContent();
    const ask = () => fetch(`${house.url}/api/contacts`, { headers: { authorization: `Bearer ${token}`, "x-forwarded-for": "192.0.2.7" } });
    assert.equal((await ask()).status, 200);
    await page.getByRole("link", { name: "Programs" }).click();
    assert.equal(await page.locator("#token").count(), 0);
    await page.getByRole("link", { name: /^Revoke/ }).click();
    await page.getByRole("button", { name: "Revoke the token" }).click();
    await page.getByText("Revoked", { exact: true }).waitFor();
    assert.equal((await ask()).status, 401);
    await page.getByRole("link", { name: "Audit log" }).click();
    for (const what of ["Added an administrator", "Removed an administrator", "Created a token for a program", "Revoked the token of a program"]) {
      await page.getByText(what, { exact: true }).waitFor();
    }
    assert.deepEqual(page.troubles, []);
  });

  story("a sync that would delete many waits for a word, and gets it", {}, async (house, page) => {
    await house.settle(page);
    await house.pull("POST", "contacts/delete-many", { count: 150 });
    await house.pull("POST", "expire-sync-tokens");
    await page.getByRole("button", { name: "Full sync" }).click();
    await page.getByRole("link", { name: "Look and decide" }).click();
    await page.getByText("It would delete 150 contacts").waitFor();
    await page.getByRole("button", { name: /^Approve/ }).click();
    await until("the deletions", async () => (await house.api(page, "/api/sync/status")).contact_count === 50);
    await page.goto(house.url);
    await page.getByText("50 contacts").first().waitFor();
    assert.equal(await page.getByText("is on hold").count(), 0);
  });

  story("a sync is cancelled in the middle, by keyboard, and the place is kept", SLOW, async (house, page) => {
    await house.setUp(page);
    await house.connect(page);
    await page.goto(house.url);
    await page.waitForFunction(() => document.querySelector("progress")?.value > 0);
    await page.getByRole("button", { name: "Cancel" }).press("Enter");
    await page.getByRole("button", { name: "Sync now" }).waitFor();
    const run = await house.latest(page);
    assert.equal(run.outcome, "cancelled");
    assert.equal(run.cancel_requested_by, ADMIN.name);
    assert.ok(run.total_fetched < 400);
  });

  story("what has the keyboard hands it on when it goes", SLOW, async (house, page) => {
    await house.setUp(page);
    await house.connect(page);
    await page.goto(house.url);
    await page.getByRole("button", { name: "Cancel" }).focus();
    await hurry(house);
    await page.getByRole("button", { name: "Sync now" }).waitFor();
    const focused = await page.evaluate(() => document.activeElement.closest("section")?.id ?? document.activeElement.nodeName);
    assert.match(focused, /^account-/);
  });

  story("the page tells the truth again after the server was away", {}, async (house, page) => {
    await house.settle(page);
    await page.goto(house.url);
    await house.server.stop();
    await page.getByText("Ringbook does not answer.").waitFor();
    await house.serve();
    // Meanwhile somebody else has synced.
    await house.pull("POST", "contacts/generate", { count: 34 });
    const csrf = await page.locator("input[name=csrf]").first().inputValue();
    await page.request.post(`${house.url}/api/sync`, { headers: { "x-csrf-token": csrf } });
    await page.getByText("234 contacts").first().waitFor();
    await page.getByText("Ringbook does not answer.").waitFor({ state: "hidden" });
  });

  story("whoever signs out in one tab is at the door in all of them", {}, async (house, page) => {
    await house.settle(page);
    await page.goto(house.url);
    const other = await page.context().newPage();
    await other.goto(`${house.url}/history`);
    await other.getByRole("button", { name: "Sign out" }).click();
    await other.waitForURL(/sign-in/);
    await page.waitForURL(/sign-in/);
    await other.goto(`${house.url}/history`);
    await other.getByLabel("Name").fill(ADMIN.name);
    await other.getByLabel("Password").fill(ADMIN.password);
    await other.getByRole("button", { name: "Sign in" }).click();
    // And where they wanted to go.
    await other.waitForURL(`${house.url}/history`);
  });

  story("ten tabs of the overview do not take the server's connections away", {}, async (house, page) => {
    await house.setUp(page);
    const hide = () => {
      Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"));
    };
    for (let tab = 0; tab < 10; tab += 1) {
      const other = await page.context().newPage();
      await other.goto(house.url);
      await other.evaluate(hide);
    }
  });

  story("a wrong password is called that, and guessing takes ever longer", {}, async (house, page) => {
    await house.setUp(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    const guess = async () => {
      await page.getByLabel("Name").fill(ADMIN.name);
      await page.getByLabel("Password").fill("not the password");
      await page.getByRole("button", { name: "Sign in" }).click();
      return page.getByRole("alert").innerText();
    };
    assert.match(await guess(), /password/);
    assert.equal(await page.getByLabel("Name").inputValue(), ADMIN.name);
    let said = "";
    for (let more = 0; more < 8 && !/\d+ s/.test(said); more += 1) said = await guess();
    assert.match(said, /\d+ s/);
  });

  story("times go on with the server's clock, when the browser's is three hours ahead", {}, async (house, page) => {
    await house.settle(page);
    await page.clock.install({ time: Date.now() + 3 * 3600_000 });
    await page.goto(`${house.url}/history`);
    const told = page.locator("td time").first();
    const age = await told.evaluate((it) => (Date.parse(document.body.dataset.now) - Date.parse(it.dateTime)) / 1000);
    // It is told again every ten seconds.
    await page.clock.runFor(21_000);
    const words = (seconds) => (seconds < 60 ? `${seconds} seconds ago` : new RegExp(`^${Math.floor(seconds / 60)} minutes? ago$`));
    const possible = [20, 21, 22].map((more) => words(Math.floor(age + more)));
    const text = await told.innerText();
    assert.ok(possible.some((it) => (typeof it === "string" ? it === text : it.test(text))), `${text} after ${age + 21} s`);
  });

  story("every page is reached and left by keyboard alone, and shows where one is", {}, async (house, page) => {
    await house.settle(page);
    for (const path of ["/", "/history", "/contacts", "/phones", "/settings/schedule"]) {
      await page.goto(house.url + path);
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
      assert.ok(await page.locator(".skip").evaluate((it) => it.getBoundingClientRect().left >= 0));
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => location.hash === "#main");
      await page.goto(house.url + path);
      const wanted = await page.locator("a[href], button:enabled, summary, input:not([type=hidden]), select").evaluateAll((all) => {
        // Of several choices only the chosen one is a stop.
        const stops = all.filter((it) => it.checkVisibility() && (it.type !== "radio" || it.checked));
        return stops.filter((it) => it.tabIndex >= 0).length;
      });
      const reached = new Set();
      // The parts of a date are stops of their own.
      for (let at = 0; reached.size < wanted && at < 3 * wanted; at += 1) {
        await page.keyboard.press("Tab");
        const [place, outline, what] = await page.evaluate(() => {
          const it = document.activeElement;
          const all = [...document.querySelectorAll("*")];
          return [all.indexOf(it), getComputedStyle(it).outlineStyle, it.outerHTML.slice(0, 200)];
        });
        // Behind the last one comes the browser itself.
        if (what.startsWith("<body")) continue;
        assert.notEqual(outline, "none", what);
        reached.add(place);
      }
      assert.equal(reached.size, wanted, `on ${path}`);
    }
  });

  story("in German, on a small screen, chosen and kept", { screen: PHONE }, async (house, page) => {
    await house.settle(page);
    await page.goto(house.url);
    await page.getByRole("link", { name: "Deutsch" }).click();
    await page.getByRole("heading", { name: "Übersicht" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    await page.goto(`${house.url}/history`);
    await page.getByRole("heading", { name: "Verlauf" }).waitFor();
  });

  story("a page that is not there says so as a page", {}, async (house, page) => {
    await house.setUp(page);
    for (const path of ["/nowhere", "/runs/00000000-0000-0000-0000-000000000000"]) {
      const answer = await page.goto(house.url + path);
      assert.equal(answer.status(), 404);
      await page.getByRole("heading", { level: 1 }).waitFor();
      assert.ok(await page.getByRole("link", { name: "Ringbook" }).isVisible());
    }
  });
});
