// <details data-menu>: one open at a time, closed by Escape, by a click elsewhere and when focus leaves.
const open = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    event.preventDefault();
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

// The sidebar is a popover on phones only: a drawer left open must not float above the wide layout.
const sidebar = document.getElementById("sidebar");
const wide = window.matchMedia("(width >= 56rem)");
wide.addEventListener("change", () => {
  if (wide.matches && sidebar?.matches(":popover-open")) sidebar.hidePopover();
});
