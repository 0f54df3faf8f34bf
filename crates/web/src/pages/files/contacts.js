// Finds contacts as one types, and brings further rows as one scrolls. Without it, a button and links do.
"use strict";

const filters = document.getElementById("filters");
if (filters) {
  let asking = null;
  let waiting = 0;

  async function fetchPage(address, signal) {
    const answer = await fetch(address, { signal });
    if (!answer.ok) throw new Error(answer.statusText);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  // Only the newest question counts, so the ones before are given up.
  async function show(address) {
    asking?.abort();
    const mine = asking = new AbortController();
    try {
      const fresh = (await fetchPage(address, mine.signal)).getElementById("found");
      // The count stays the same element, so that a screen reader says what becomes of it.
      if (fresh) { mend(document.getElementById("found"), fresh); watch(); }
    } catch (problem) {
      if (problem.name !== "AbortError") location.assign(address);
    }
  }

  function wanted() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(filters)) if (value) query.set(name, value);
    return `${filters.getAttribute("action")}${query.size ? "?" : ""}${query}`;
  }

  function ask() {
    const address = wanted();
    history.replaceState(null, "", address);
    show(address);
  }

  filters.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 150); });
  filters.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(waiting); ask(); });

  // Rows that come while scrolling join the table; the address stays, so the way back stays right.
  const seen = new IntersectionObserver((entries) => {
    if (entries.some((it) => it.isIntersecting)) more();
  }, { rootMargin: "600px" });

  function watch() {
    seen.disconnect();
    const link = document.getElementById("more");
    if (link) seen.observe(link);
  }

  async function more() {
    seen.disconnect();
    const old = document.getElementById("more");
    const mine = asking ??= new AbortController();
    try {
      const fresh = await fetchPage(old.querySelector("a").href, mine.signal);
      document.getElementById("rows").append(...fresh.getElementById("rows").children);
      const next = fresh.getElementById("more");
      if (next) old.replaceWith(next); else old.remove();
      watch();
    } catch { /* Another question came, or the link is still there to be followed. */ }
  }
  watch();
}
