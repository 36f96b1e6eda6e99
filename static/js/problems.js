// What htmx gets besides a fragment: a refusal is shown above the composer, a page elsewhere (signed out) is opened,
// anything else becomes one plain sentence. Nothing that was typed is touched. What the page asks by itself is silent.
const slot = document.getElementById("composer-problem");
const unsent = document.querySelector("template[data-unsent]");

const showUnsent = () => slot.replaceChildren(unsent.content.cloneNode(true));
const isSent = ({ detail }) => detail.requestConfig.elt.matches("form");

document.addEventListener("htmx:beforeRequest", (event) => isSent(event) && slot.replaceChildren());

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo } = event.detail;
  const landed = xhr.responseURL && new URL(xhr.responseURL).pathname;
  const asked = new URL(pathInfo.finalRequestPath, location.href).pathname;
  if (landed && landed !== asked) {
    event.detail.shouldSwap = false;
    event.detail.isError = true; // not accepted: the draft stays
    location.assign(xhr.responseURL);
  } else if (xhr.status >= 400 && isSent(event)) {
    event.detail.shouldSwap = xhr.responseText.includes("data-problem");
    event.detail.target = slot;
    event.detail.swapOverride = "innerHTML";
    if (!event.detail.shouldSwap) showUnsent();
  }
});

// A refusal that needs more words than a line opens as a dialog; its line stays above the composer.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target === slot) slot.querySelector("dialog[data-dialog-now]")?.showModal();
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => isSent(event) && showUnsent());
}
