// Makes the drawn phone quick. Without it all of the phone works, too.
"use strict";

const walk = document.getElementById("try");
let asked = 0;

// Shows another display: asks for its page, and puts in place what differs (`mend` of ringbook.js).
async function show(url, note) {
  const mine = ++asked;
  try {
    const answer = await fetch(url);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("try");
    if (!fresh) throw new Error("no phone");
    if (mine !== asked) return;
    note?.call(history, null, "", url);
    const had = document.activeElement?.id;
    mend(walk, fresh);
    for (const input of walk.querySelectorAll("input")) input.value = input.getAttribute("value") ?? "";
    const field = walk.querySelector("#fields input");
    // On a touch screen, a keyboard on the screen would hide the phone's own.
    if (field && !had?.startsWith("f-") && !matchMedia("(pointer: coarse)").matches) field.focus();
    else if (had && document.activeElement === document.body) document.getElementById(had)?.focus();
  } catch {
    if (mine === asked) location.assign(url);
  }
}

function formUrl(button) {
  const form = document.getElementById("display");
  return `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form, button))}`;
}

function press(id) {
  const key = document.getElementById(id);
  if (!key || key.hasAttribute("aria-disabled")) return false;
  key.classList.add("pressed");
  setTimeout(() => key.classList.remove("pressed"), 120);
  key.click();
  return true;
}

// Keys type into the field: digits as they are, letters by pressing a key several times.
const LETTERS = { 1: "1-.&@", 2: "abc2", 3: "def3", 4: "ghi4", 5: "jkl5", 6: "mno6", 7: "pqrs7", 8: "tuv8", 9: "wxyz9", 0: " 0", "*": "*", "#": "#" };
let last = { key: "", at: 0, count: 0 };
let field = null;
function type(key) {
  const into = field?.isConnected ? field : document.querySelector("#fields input");
  if (!into) return;
  if (key === "<<") {
    into.value = into.value.slice(0, -1);
  } else if (into.hasAttribute("data-digits")) {
    into.value += key;
  } else {
    const now = performance.now();
    const again = last.key === key && now - last.at < 900 && into.value;
    const count = again ? last.count + 1 : 0;
    const letters = LETTERS[key];
    if (again) into.value = into.value.slice(0, -1);
    into.value += letters[count % letters.length];
    last = { key, at: now, count };
  }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const here = document.activeElement;
  const inField = here?.matches("#fields input");
  if (here && here !== document.body && !walk.contains(here)) return;
  if (event.key === "Escape") { if (press("key-back")) event.preventDefault(); return; }
  if (inField) return;
  const arrows = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };
  const words = document.getElementById("words");
  if (words && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    words.scrollBy(0, event.key === "ArrowUp" ? -40 : 40);
    event.preventDefault();
  } else if (arrows[event.key]) {
    press(`key-${arrows[event.key]}`);
    event.preventDefault();
  } else if (event.key === "Backspace") {
    press("key-back");
    event.preventDefault();
  } else if (event.key === "Enter" && !here?.matches("a, button, summary")) {
    press("key-select");
    event.preventDefault();
  } else if (/^[0-9*#]$/.test(event.key)) {
    if (press(`key-${event.key}`)) event.preventDefault();
  }
}

if (walk) {
  walk.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const link = event.target.closest("a[data-go]");
    if (link) {
      event.preventDefault();
      // Up and down are no places to come back to.
      const moves = link.id === "key-up" || link.id === "key-down";
      show(link.href, moves ? history.replaceState : history.pushState);
      return;
    }
    const button = event.target.closest("button[form=display]");
    if (button?.name === "press") { event.preventDefault(); type(button.value); }
  });
  walk.addEventListener("submit", (event) => { event.preventDefault(); show(formUrl(event.submitter), history.pushState); });
  walk.addEventListener("focusin", (event) => { if (event.target.matches("#fields input")) field = event.target; });
  addEventListener("keydown", onKey);
  addEventListener("popstate", () => show(location.href));
}
