// Reads a chosen file into the field beside it. Without it, its content is pasted.
"use strict";

for (const file of document.querySelectorAll("input[type=file][data-into]")) {
  const field = document.getElementById(file.dataset.into);
  file.hidden = false;
  file.addEventListener("change", async () => {
    if (file.files[0]) field.value = await file.files[0].text();
    file.value = "";
  });
}
