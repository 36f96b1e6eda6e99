// Questions that wait: sent from the end of what the page shows, taken back into the composer to be changed.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-follow-up-send]")) return;
  const [article] = [...document.querySelectorAll("[data-message]")].slice(-1);
  event.target.elements.after.value = article?.id.replace("message-", "") ?? "";
}, { capture: true });

let taken = "";

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!detail.elt.matches("[data-follow-up-edit]")) return;
  taken = detail.elt.closest("[data-follow-up]").querySelector("[data-follow-up-text]").textContent;
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  // The form itself is gone with the list that the answer replaced.
  if (!detail.requestConfig.elt.matches("[data-follow-up-edit]")) return;
  const text = document.querySelector("[data-composer-text]");
  // Taken out of the queue: in the composer it is kept as a draft. What was asked meanwhile is not there any more.
  if (detail.successful) {
    text.value = [taken, text.value].filter(Boolean).join("\n\n");
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus({ preventScroll: true });
  }
});
