// What htmx gets besides a fragment: a refusal is shown above the composer, a page elsewhere (signed out) is opened,
// anything else becomes one plain sentence. Nothing that was typed is touched.
const slot = document.getElementById("composer-problem");
const unsent = document.querySelector("template[data-unsent]");

const showUnsent = () => slot.replaceChildren(unsent.content.cloneNode(true));

document.addEventListener("htmx:beforeRequest", () => slot.replaceChildren());

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo } = event.detail;
  const landed = xhr.responseURL && new URL(xhr.responseURL).pathname;
  const asked = new URL(pathInfo.finalRequestPath, location.href).pathname;
  if (landed && landed !== asked) {
    event.detail.shouldSwap = false;
    event.detail.isError = true; // not accepted: the draft stays
    location.assign(xhr.responseURL);
  } else if (xhr.status >= 400) {
    event.detail.shouldSwap = xhr.responseText.includes("data-problem");
    event.detail.target = slot;
    event.detail.swapOverride = "innerHTML";
    if (!event.detail.shouldSwap) showUnsent();
  }
});

for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, showUnsent);
