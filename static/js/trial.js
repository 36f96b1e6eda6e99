// The test panel of the editor: Enter in its question asks the draft and never saves the form; a refusal is shown in the
// panel, and what was typed stays until the question is accepted.
const panel = document.querySelector("[data-trial]");
const send = panel.querySelector("[data-trial-send]");
const question = panel.querySelector("[data-trial-question]");
const slot = document.getElementById("trial-problem");
const unsent = panel.querySelector("template[data-unsent]");
const isAsked = ({ detail }) => detail.requestConfig.elt === send;

const showUnsent = () => slot.replaceChildren(unsent.content.cloneNode(true));

question.addEventListener("keydown", (event) => {
  // 229: an input method is composing, and Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  if (question.value.trim() && !send.disabled) send.click();
});

document.addEventListener("htmx:beforeRequest", (event) => isAsked(event) && slot.replaceChildren());

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (!isAsked(event) || xhr.status < 400) return;
  event.detail.shouldSwap = xhr.responseText.includes("data-problem");
  event.detail.target = slot;
  event.detail.swapOverride = "innerHTML";
  if (!event.detail.shouldSwap) showUnsent();
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (!isAsked(event)) return;
  if (event.detail.successful) question.value = "";
  question.focus({ preventScroll: true });
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => isAsked(event) && showUnsent());
}
