// The brief: print it, and copy its text; without a clipboard (plain http) the text is selected and copied the old way.
"use strict";
(() => {
  const [print, copy] = ["print", "copy"].map((id) => document.getElementById(id));
  if (!print || !copy) return;
  print.hidden = copy.hidden = false;
  print.addEventListener("click", () => window.print());
  copy.addEventListener("click", async () => {
    const text = document.getElementById("brief-text");
    const told = document.getElementById("copied");
    text.select();
    const done = navigator.clipboard ? await navigator.clipboard.writeText(text.value).then(() => true, () => false) : false;
    if (done || document.execCommand("copy")) told.textContent = told.dataset.done;
  });
})();
