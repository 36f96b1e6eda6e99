// Copies a message's text or a code block (data-code). The buttons are shown only where the browser allows copying.
import { announce } from "./announce.js";

const sourceOf = (button) => {
  const block = button.closest("[data-code]");
  if (block) return block.querySelector("pre").textContent.replace(/\n$/, "");
  const node = button.closest("[data-message]").querySelector("[data-copy-text]");
  return (node.content ?? node).textContent;
};

async function copy(button) {
  await navigator.clipboard.writeText(sourceOf(button));
  button.classList.add("is-done");
  announce("Copied");
  setTimeout(() => button.classList.remove("is-done"), 1500);
}

function reveal() {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

if (navigator.clipboard) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button).catch(() => announce("Copying was refused by the browser"));
  });
  const chat = document.querySelector("[data-chat]");
  if (chat) new MutationObserver(reveal).observe(chat, { childList: true, subtree: true });
  reveal();
}
