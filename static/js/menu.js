// <details data-menu>: one open at a time, closed by Escape, by a click elsewhere and when focus leaves. By keyboard: the
// arrows, Home and End go through its entries, letters to the next one that begins so. data-menu-keys="Alt+KeyW" opens it.
const open = () => document.querySelectorAll("details[data-menu][open]");
const entries = (menu) => [...menu.querySelectorAll(".menu-item")].filter((entry) => !entry.disabled);
const TYPED_MS = 700;
let typed = "";
let typedAt = 0;

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return closeAll(event);
  const opened = event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey && byShortcut(event.code);
  if (opened) return reveal(opened, event);
  const menu = event.target.closest?.("details[data-menu]");
  if (menu && !event.altKey && !event.ctrlKey && !event.metaKey) move(menu, event);
});

function closeAll(event) {
  for (const menu of open()) {
    menu.open = false;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    event.preventDefault();
  }
}

function byShortcut(code) {
  return document.querySelector(`details[data-menu-keys="Alt+${CSS.escape(code)}"]`);
}

function reveal(menu, event) {
  event.preventDefault();
  showDrawer(menu.closest("[popover]"));
  menu.open = true;
  (menu.querySelector('.menu-item[aria-current="true"]') ?? entries(menu)[0])?.focus();
}

// On a phone the sidebar is a closed drawer; in a wide window it always stands there.
function showDrawer(drawer) {
  if (drawer && getComputedStyle(drawer).display === "none") drawer.showPopover();
}

function move(menu, event) {
  const all = entries(menu);
  const at = all.indexOf(document.activeElement);
  const isClosed = !menu.open;
  let next;
  if (event.key === "ArrowDown") next = all[(at + 1) % all.length];
  else if (event.key === "ArrowUp") next = all.at(at <= 0 ? -1 : at - 1);
  else if (!isClosed && event.key === "Home") next = all[0];
  else if (!isClosed && event.key === "End") next = all.at(-1);
  else if (!isClosed && isLetter(event)) next = byLetters(all, at, event);
  if (!next) return;
  event.preventDefault();
  menu.open = true;
  next.focus();
}

// A space presses a button or opens the menu unless it goes on with a name that is being typed.
function isLetter(event) {
  if (event.target.closest("input, textarea, select, [contenteditable]")) return false;
  return event.key.length === 1 && (event.key !== " " || (typed && event.timeStamp - typedAt < TYPED_MS));
}

function byLetters(all, at, event) {
  typed = event.timeStamp - typedAt < TYPED_MS ? typed + event.key : event.key;
  typedAt = event.timeStamp;
  // One letter goes on from here; several stay where they still fit.
  const from = typed.length > 1 ? at : at + 1;
  const order = [...all.slice(Math.max(from, 0)), ...all.slice(0, Math.max(from, 0))];
  const wanted = typed.toLocaleLowerCase();
  return order.find((entry) => nameOf(entry).startsWith(wanted));
}

const nameOf = (entry) => (entry.querySelector(".row-title") ?? entry).textContent.trim().toLocaleLowerCase();

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

// The sidebar is a popover on phones only: a drawer left open must not float above the wide layout.
const sidebar = document.getElementById("sidebar");
const wide = window.matchMedia("(width >= 56rem)");
wide.addEventListener("change", () => {
  if (wide.matches && sidebar?.matches(":popover-open")) sidebar.hidePopover();
});
