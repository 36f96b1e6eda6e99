// Editing a question in place: focus goes into the text, Escape and Cancel close it and put the old text back.
function close(details) {
  details.querySelector("form").reset();
  details.open = false;
  details.querySelector("summary").focus({ preventScroll: true });
}

// "toggle" does not bubble, so it is caught on the way down.
document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.("[data-edit]") || !target.open) return;
  target.querySelector("[data-edit-cancel]").hidden = false;
  const text = target.querySelector("textarea");
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
}, true);

document.addEventListener("click", (event) => {
  const cancel = event.target.closest("[data-edit-cancel]");
  if (cancel) close(cancel.closest("[data-edit]"));
});

document.addEventListener("keydown", (event) => {
  const details = event.target.closest?.("[data-edit][open]");
  if (event.key === "Escape" && details) close(details);
});
