// <form data-once>: a double click sends it once. data-reload-url: where a reload leads from the answer to a POST, which
// would otherwise be sent again.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-once]");
  if (!form) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "true";
});

// The back button may bring a page back as it was left.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-once]")) delete form.dataset.sent;
});

const answer = document.querySelector("[data-reload-url]");
if (answer) history.replaceState(null, "", answer.dataset.reloadUrl);
