// Stops a running answer: the link below it, or the composer's button for the latest one. The stream's last event then
// brings the final message; without scripts the same form posts and redirects.
async function stop(form) {
  const button = form.querySelector("button");
  if (button.disabled) return;
  const body = new FormData(form);
  button.disabled = true;
  button.textContent = "Stopping";
  const again = () => {
    button.disabled = false;
    button.textContent = "Stop";
  };
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" }, redirect: "manual" });
    if (!answer.ok && answer.type !== "opaqueredirect") again();
  } catch {
    again();
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-stop-form]")) return;
  event.preventDefault();
  stop(event.target);
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-composer-stop]")) return;
  const forms = document.querySelectorAll("[data-stop-form]");
  if (forms.length) stop(forms[forms.length - 1]);
});
