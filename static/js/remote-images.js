// The server replaces remote images by buttons. The page's policy forbids loading them here, so a click opens the image in
// a tab of its own that learns nothing about this page.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-image-src]");
  if (!button) return;
  const url = new URL(button.dataset.imageSrc);
  if (url.protocol === "https:" || url.protocol === "http:") window.open(url, "_blank", "noopener,noreferrer");
});
