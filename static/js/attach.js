// Files of a question: chosen, dropped or pasted, each is sent by itself with its progress and stands in the composer until
// the question goes. Which they are outlives a reload of the page. Without scripts the form's own field sends them.
import { announce } from "./announce.js";
import { quietly } from "./draft.js";

const tray = document.querySelector("[data-attach]");
if (tray) start(tray, tray.closest("form"));

function start(tray, form) {
  const list = tray.querySelector("[data-attach-list]");
  const input = tray.querySelector("[data-attach-input]");
  const blind = tray.querySelector("[data-attach-blind]");
  const wait = tray.querySelector("[data-attach-wait]");
  const button = form.querySelector("[data-attach-button]");
  const text = form.querySelector("[data-composer-text]");
  const key = `steward.files.${form.dataset.draftKey}`;
  let sending = 0;

  const rows = () => [...list.querySelectorAll("[data-given]")];
  const isBusy = () => sending > 0 || rows().some((row) => row.dataset.given === "reading");
  const parse = (html) => new DOMParser().parseFromString(html, "text/html");
  const sees = () => {
    const chosen = form.querySelector("[data-assistant-choice]")?.selectedOptions[0];
    return chosen ? "sees" in chosen.dataset : "sees" in tray.dataset;
  };

  const refresh = () => {
    blind.hidden = sees() || !list.querySelector("[data-is-image]");
    if (!isBusy()) wait.hidden = true;
    quietly(() => sessionStorage.setItem(key, JSON.stringify(rows().map((row) => row.dataset.rowUrl))));
  };

  function place(html, instead) {
    const row = parse(html).querySelector("[data-given]");
    if (!row) return;
    instead ? instead.replaceWith(row) : list.append(row);
    if (row.dataset.given === "reading") setTimeout(ask, 1000, row.dataset.rowUrl, row);
    refresh();
  }

  async function ask(url, row) {
    if (row && !row.isConnected) return;
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true" } });
      if (answer.ok) place(await answer.text(), row);
      else row?.remove(), refresh();
    } catch {
      if (row) setTimeout(ask, 3000, url, row); // the connection broke off
    }
  }

  function line(file) {
    const item = document.createElement("li");
    item.className = "given";
    const name = document.createElement("span");
    name.className = "given-main";
    name.textContent = file.name;
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", `${file.name}: how far it is sent`);
    item.append(name, bar);
    list.append(item);
    return { item, bar };
  }

  function refuse({ item, bar }, file, html) {
    const words = html && parse(html).querySelector("[data-problem] p:last-of-type, .problem p.muted")?.textContent;
    const problem = document.createElement("span");
    problem.className = "given-state is-problem";
    problem.textContent = words?.trim() || "It could not be sent. Try again.";
    bar.replaceWith(problem);
    announce(`${file.name}: ${problem.textContent}`);
    setTimeout(() => item.remove(), 12000);
  }

  function send(file) {
    const shown = line(file);
    const body = new FormData();
    body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    body.append("file", file, file.name);
    const request = new XMLHttpRequest();
    sending += 1;
    request.upload.addEventListener("progress", ({ lengthComputable, loaded, total }) => {
      if (lengthComputable) shown.bar.value = (100 * loaded) / total;
    });
    request.addEventListener("loadend", () => {
      sending -= 1;
      if (request.status === 201) place(request.responseText, shown.item);
      else refuse(shown, file, request.responseText);
      refresh();
    });
    request.open("POST", tray.dataset.uploadUrl);
    request.setRequestHeader("HX-Request", "true");
    request.send(body);
  }

  function take(files) {
    for (const file of files) send(file);
    text.dispatchEvent(new Event("input", { bubbles: true })); // another question than before: a new id
    text.focus({ preventScroll: true });
  }

  button.hidden = false;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => (take([...input.files]), (input.value = "")));
  text.addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    take([...event.clipboardData.files]);
  });
  const area = form.closest("[data-chat]") ?? form;
  const over = (event) => event.dataTransfer?.types.includes("Files") && (event.preventDefault(), form.classList.add("is-over"));
  for (const name of ["dragenter", "dragover"]) area.addEventListener(name, over);
  area.addEventListener("dragleave", (event) => area.contains(event.relatedTarget) || form.classList.remove("is-over"));
  area.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    form.classList.remove("is-over");
    take([...event.dataTransfer.files]);
  });
  list.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-attach-remove]");
    if (!remove) return;
    const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
    fetch(remove.dataset.attachRemove, { method: "POST", body, headers: { "HX-Request": "true" } });
    remove.closest("[data-given]").remove();
    refresh();
    text.focus({ preventScroll: true });
  });
  form.addEventListener("change", refresh);
  // Before the composer's own listener: what is not there yet would not be sent.
  document.addEventListener("submit", (event) => {
    if (event.target !== form || !isBusy()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    wait.hidden = false;
    announce(wait.textContent);
  }, { capture: true });
  form.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful || detail.requestConfig.verb !== "post") return;
    for (const row of rows()) row.remove();
    refresh();
  });
  for (const url of quietly(() => JSON.parse(sessionStorage.getItem(key))) ?? []) ask(url);
}
