// <form data-slug-url>: while a name is typed its address is suggested; one that is typed is looked up.
// Without this script the server makes the address from the name.
const form = document.querySelector("[data-slug-url]");
const [source, slug, note, zone] = ["[data-slug-source]", "[data-slug]", "[data-slug-note]", "[data-timezone]"].map(
  (selector) => form.querySelector(selector),
);
const WAIT_MS = 250;
let isTyped = slug.value !== "";
let timer;
let asked = 0;

zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";

async function ask(query) {
  const number = ++asked;
  const answer = await fetch(`${form.dataset.slugUrl}?${new URLSearchParams(query)}`).catch(() => null);
  // An answer that a later question has overtaken is not shown.
  return number === asked && answer?.ok ? answer.json() : null;
}

async function suggest() {
  if (isTyped) return;
  const found = source.value.trim() ? await ask({ name: source.value }) : { slug: "" };
  if (found && !isTyped) slug.value = found.slug;
}

async function look() {
  const found = slug.value ? await ask({ slug: slug.value }) : { message: "" };
  if (found) note.textContent = found.message;
}

function later(action) {
  clearTimeout(timer);
  timer = setTimeout(action, WAIT_MS);
}

source.addEventListener("input", () => later(suggest));
slug.addEventListener("input", () => {
  isTyped = slug.value !== "";
  later(look);
});
