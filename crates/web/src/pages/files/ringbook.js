// Makes the pages livelier. Without it everything works, too.
"use strict";

// Times are told from now, and now moves on. What the server wrote is right to begin with; and the clock
// here may be wrong, so only its pace is used.
const ahead = Date.now() - Date.parse(document.body.dataset.now);
const day = 86400;
// From when on each is told, and how long it is: as the server does.
const units = [["year", 730 * day, 365.25 * day], ["month", 60 * day, 30.4 * day], ["day", 2 * day, day], ["hour", 3600, 3600], ["minute", 60, 60], ["second", 0, 1]];
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const seconds = (Date.parse(time.dateTime) + ahead - Date.now()) / 1000;
    if (!Number.isFinite(seconds) || Math.abs(seconds) < 5) continue;
    const far = Math.abs(seconds);
    const [unit, , length] = units.find(([, from]) => far >= from);
    const round = unit === "year" || unit === "month" ? Math.round : Math.trunc;
    time.textContent = relative.format(round(seconds / length), unit);
  }
}

// A part of the page that shows what is going on: asked for again when the server says that something
// has changed, at most twice a second. What the server sends is put in place of what differs only, so
// that neither the keyboard's place nor an open list is lost.
function refresh(part) {
  let asking = false;
  let again = false;
  return async function ask() {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-part": part.id } });
      // Whoever is signed out in the meantime is led to the door.
      if (answer.redirected || answer.status === 401) { location.reload(); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const found = fresh.getElementById(part.id);
        if (found) { keepingPlace(part, () => mend(part, found)); }
      }
    } catch { /* The stream tells when the server is there again. */ }
    setTimeout(() => { asking = false; if (again) { again = false; ask(); } }, 500);
  };
}

// What has the keyboard may be gone afterwards: "Cancel", when there is nothing left to cancel. What
// stands in the same place then gets it.
function keepingPlace(part, change) {
  const held = part.contains(document.activeElement) ? document.activeElement : null;
  const home = held?.closest("section[id]")?.id;
  change();
  if (!held || held.isConnected) return;
  const place = (home && document.getElementById(home)) || part;
  place.querySelector("button:enabled, a[href], summary")?.focus();
}

function mend(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  const alike = old.nodeName === fresh.nodeName && old.id === fresh.id;
  if (!alike) { old.replaceWith(fresh); return; }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((node, at) => {
    if (at < before.length) mend(before[at], node); else old.append(node);
  });
  before.slice(after.length).forEach((node) => node.remove());
}

const live = document.querySelector("[data-live]");
if (live) {
  const ask = refresh(live);
  const lost = document.getElementById("lost");
  let events = null;
  const leave = () => { events?.close(); events = null; };
  const follow = () => {
    leave();
    events = new EventSource(document.body.dataset.events);
    events.addEventListener("progress", ask);
    events.addEventListener("run", ask);
    // After a break the truth may be another.
    events.addEventListener("open", () => { lost.hidden = true; ask(); });
    events.addEventListener("error", ({ target }) => {
      if (target !== events) return;
      lost.hidden = false;
      // Browsers try again by themselves after a break, but not after a refusal.
      if (target.readyState === EventSource.CLOSED) { ask(); setTimeout(() => { if (target === events) follow(); }, 5000); }
    });
  };
  // A browser has only six connections to a server: one that nobody looks at must not keep one.
  const look = () => { if (document.hidden) leave(); else if (!events) follow(); };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  setInterval(() => { if (events) ask(); }, 60_000);
  look();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const name = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = name; }, 2000);
    } catch {
      // Without HTTPS a browser may copy nothing by script; what is selected, a person can.
      getSelection().selectAllChildren(source);
    }
  });
}

// What is not ready yet is asked for again.
if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 700);

setInterval(() => tellTimes(document), 10_000);
