// The map: the slider tells its day while it moves, the map leads to the desa, list and map point at each other.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const DAY = 86400000;
  const english = document.documentElement.lang === "en";
  const words = new Intl.DateTimeFormat(english ? "en-GB" : "id", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  const shown = (slider) => words.format(Date.parse(slider.dataset.first) + slider.value * DAY);

  function tell(slider) {
    const day = shown(slider);
    document.getElementById("day-shown").textContent = day;
    slider.setAttribute("aria-valuetext", day);
  }

  function point(code, on) {
    document.querySelectorAll(`[data-code="${code}"]`).forEach((each) => each.classList.toggle("pointed", on));
  }

  document.addEventListener("input", (event) => {
    if (event.target.id === "day-slider") tell(event.target);
  });

  document.addEventListener("click", (event) => {
    const desa = event.target.closest("#peta svg [data-code]");
    if (desa) location.assign(`/desa/${desa.dataset.code}`);
  });

  for (const [kind, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
    document.addEventListener(kind, (event) => {
      const place = event.target.closest && event.target.closest("#peta [data-code]");
      if (place) point(place.dataset.code, on);
    });
  }

  document.addEventListener("htmx:afterSettle", () => {
    const slider = document.getElementById("day-slider");
    const view = document.getElementById("peta");
    if (!slider || !view) return;
    slider.value = Math.round((Date.parse(view.dataset.day) - Date.parse(slider.dataset.first)) / DAY);
    tell(slider);
  });
})();
