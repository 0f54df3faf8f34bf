// Filters a list while somebody types. Without it the form asks the server.
"use strict";

const field = document.querySelector("input[data-filter]");
const list = field && document.getElementById(field.dataset.filter);
if (list) {
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const rows = [...list.querySelectorAll("tbody tr")];
  const none = document.getElementById("none");
  const filter = () => {
    const words = fold(field.value).split(/[\s_]+/).filter(Boolean);
    for (const row of rows) {
      const text = fold(row.textContent).replaceAll("_", " ");
      row.hidden = !words.every((word) => text.includes(word));
    }
    let any = false;
    for (const section of list.querySelectorAll("section")) {
      section.hidden = !section.querySelector("tbody tr:not([hidden])");
      any ||= !section.hidden;
    }
    none.hidden = any;
  };
  // What the server left out cannot be shown again, so only a whole list is filtered here.
  if (!new URLSearchParams(location.search).get("q")) field.addEventListener("input", filter);
}
