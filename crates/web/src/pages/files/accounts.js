// Reads a chosen file into the field beside it, and ticks what goes together. Without it all of the pages works, too.
"use strict";

for (const file of document.querySelectorAll("input[type=file][data-into]")) {
  const field = document.getElementById(file.dataset.into);
  file.hidden = false;
  file.addEventListener("change", async () => {
    // A larger one is none of Google's.
    if (file.files[0]?.size < 20_000) field.value = await file.files[0].text();
    file.value = "";
  });
}

// Whoever ticks a label means some, not all.
const some = document.querySelector("input[name=which][value=some]");
for (const box of document.querySelectorAll("input[name=show]")) {
  box.addEventListener("change", () => { if (box.checked) some.checked = true; });
}
