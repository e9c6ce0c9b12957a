// What every screen shares: it says when the connection is lost, keeps a form that could not be sent, and sends it once.
"use strict";
(() => {
  const offline = () => document.documentElement.classList.toggle("is-offline", !navigator.onLine);
  addEventListener("online", offline);
  addEventListener("offline", offline);
  offline();

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy).textContent;
    navigator.clipboard.writeText(text).then(() => { button.textContent = button.dataset.copied; });
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) print();
  });

  const form = document.querySelector("form[data-keep]");
  if (!form) return;
  const key = `sejuk-${form.dataset.keep}`;
  const said = form.querySelector("[data-said]");
  const say = (state) => { said.textContent = form.dataset[state] || ""; said.hidden = !said.textContent; };
  const held = () => JSON.parse(localStorage.getItem(key) || "null");
  const fields = () => [...new FormData(form)].filter(([name]) => name !== "csrf");

  const kept = held();
  if (kept && !kept.sent) {
    for (const [name, value] of kept.fields) {
      for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
        if (field.type === "checkbox" || field.type === "radio") field.checked = field.checked || field.value === value;
        else field.value = value;
      }
    }
    say("kept");
  }
  const keep = (waiting) => localStorage.setItem(key, JSON.stringify({ fields: fields(), waiting }));
  form.addEventListener("input", () => keep(false));

  async function send() {
    keep(true);
    say("sending");
    let answer;
    try {
      answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(fields()), redirect: "follow",
        headers: { "X-CSRF": form.querySelector('[name="csrf"]').value },
      });
    } catch {
      say("waiting"); // the number of the entry makes a second arrival harmless
      return;
    }
    if (answer.ok) {
      localStorage.removeItem(key);
      location.assign(answer.redirected ? answer.url : form.action);
    } else if (answer.status === 401 || answer.status === 403) {
      say("expired");
    } else {
      keep(false);
      form.querySelector("[data-error]").innerHTML = "";
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const problem = page.querySelector("[data-error]") || page.querySelector(".notice");
      form.querySelector("[data-error]").textContent = problem ? problem.textContent.trim() : answer.statusText;
      form.querySelector("[data-error]").hidden = false;
      say("none");
    }
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  addEventListener("online", () => { const now = held(); if (now && now.waiting) send(); });
  if (kept && kept.waiting && navigator.onLine) send();
})();
