// Says one short sentence to a screen reader, politely.
export function announce(text) {
  const region = document.querySelector("[data-announcer]");
  if (!region) return;
  region.textContent = "";
  // A fresh text in a later task: the same sentence twice is two changes, and both are spoken.
  setTimeout(() => (region.textContent = text), 60);
}
