// Every page of the dashboard. What is listed here is looked at by the tests, photographed by
// `./screenshots` and timed by `speed.mjs`.
//
// `path` is where the page is, or a function of a house and a page in it that says so. A `steady` page does not
// move either where a browser draws it before all of it has come.

// Pages for whoever is signed in, in a house with history: see `furnish`.
export const INSIDE = [
  { name: "overview", path: "/" },
  { name: "contacts", path: "/contacts" },
  { name: "contacts-found", path: "/contacts?q=an" },
  { name: "contact", path: async (house, page) => `/contacts/${await contact(house, page)}` },
  { name: "contacts-deleted", path: "/contacts/deleted" },
  { name: "history", path: "/history" },
  { name: "run", path: async (house, page) => `/runs/${(await run(house, page, (it) => it.created > 0)).id}` },
  { name: "run-changes", path: async (house, page) => `/runs/${(await run(house, page, (it) => it.updated > 0)).id}` },
  { name: "run-held", path: async (house, page) => `/runs/${(await run(house, page, (it) => it.outcome === "held")).id}` },
  { name: "held", path: async (house, page) => `/runs/${(await run(house, page, (it) => it.outcome === "held")).id}/held` },
  { name: "phones", path: "/phones" },
  { name: "phones-setup", path: "/phones/setup" },
  { name: "phones-try", path: "/phones/try", steady: true },
  { name: "phones-try-grey", path: "/phones/try?model=7940", steady: true },
  { name: "phones-try-search", path: "/phones/try?at=/search", steady: true },
  { name: "accounts", path: "/accounts" },
  { name: "account", path: async (house, page) => `/accounts/${await account(house, page)}` },
  { name: "account-disconnect", path: async (house, page) => `/accounts/${await account(house, page)}?ask=disconnect` },
  { name: "account-remove", path: async (house, page) => `/accounts/${await account(house, page)}?ask=remove` },
  { name: "connect", path: "/accounts/connect" },
  { name: "connect-leave", path: "/accounts/connect?go=1&name=Reception" },
  { name: "connect-taken", path: "/accounts/connect?go=1&name=Google", status: 422 },
  { name: "people", path: "/access" },
  { name: "person", path: async (house, page) => `/access/people/${(await house.api(page, "/api/people")).people[0].id}` },
  { name: "person-remove", path: async (house, page) => `/access/people/${(await house.api(page, "/api/people")).people[0].id}?ask=remove` },
  { name: "tokens", path: "/access/tokens" },
  { name: "audit", path: "/access/audit" },
  { name: "audit-none", path: "/access/audit?actor=nobody&succeeded=false" },
  { name: "settings", path: "/settings" },
  { name: "settings-schedule", path: "/settings/schedule" },
  { name: "settings-dialling", path: "/settings/dialling?number=%2B44+20+7946+0958" },
  { name: "settings-directory", path: "/settings/directory" },
  { name: "system", path: "/system" },
  { name: "problem", path: "/runs/00000000-0000-0000-0000-000000000000", status: 404 },
];

// Pages at the door.
export const DOOR = [{ name: "sign-in", path: "/sign-in" }];

// Before there is an administrator.
export const FIRST = [
  { name: "setup", path: "/setup" },
  { name: "overview-first", path: "/" },
  { name: "history-first", path: "/history" },
  { name: "accounts-first", path: "/accounts" },
];

export async function pathOf(it, house, page) {
  return typeof it.path === "function" ? it.path(house, page) : it.path;
}

async function contact(house, page) {
  const { contacts } = await house.api(page, "/api/contacts?limit=1");
  return contacts[0].id;
}

async function account(house, page) {
  const { accounts } = await house.api(page, "/api/accounts");
  return accounts[0].id;
}

async function run(house, page, fits) {
  const { history } = await house.api(page, "/api/sync/history?limit=100");
  const found = history.find(fits);
  if (!found) throw new Error("there is no such run");
  return found;
}

// Gives a settled house a past: changes, and a sync that waits for somebody's word.
export async function furnish(house, page) {
  for (const count of [3, 8, 0, 5]) {
    if (count) await house.pull("POST", "changes", { count });
    await sync(house, page, "incremental");
  }
  // More than the guard lets go, which is 3 %.
  await house.pull("POST", "contacts/delete-many", { count: Math.ceil(house.contacts * 0.05) + 10 });
  await house.pull("POST", "expire-sync-tokens");
  await sync(house, page, "full");
}

// Starts a sync and waits for its end.
export async function sync(house, page, kind) {
  const { csrf } = await token(page);
  const answer = await page.request.post(`${house.url}/api/sync/${kind}`, { headers: { accept: "application/json", "x-csrf-token": csrf } });
  return answer.json();
}

// What proves that a request comes from our own page.
async function token(page) {
  return { csrf: await page.locator("input[name=csrf]").first().inputValue() };
}
