// Finishes rendered answers: a bar with language and Copy on code blocks, scrolling boxes around wide tables.
const bar = document.querySelector("template[data-code-bar]");

function addBar(block) {
  block.dataset.code = "";
  block.prepend(bar.content.cloneNode(true));
  block.querySelector("[data-code-language]").textContent = block.dataset.language;
}

function frameTable(table) {
  const frame = document.createElement("div");
  frame.className = "table-wrap";
  frame.tabIndex = 0; // scrollable by keyboard
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Table");
  table.replaceWith(frame);
  frame.append(table);
}

function finish() {
  document.querySelectorAll("[data-prose] .code-block:not([data-code])").forEach(addBar);
  for (const table of document.querySelectorAll("[data-prose] table")) {
    if (!table.parentElement.matches(".table-wrap")) frameTable(table);
  }
}

new MutationObserver(finish).observe(document.querySelector("[data-chat]"), { childList: true, subtree: true });
finish();
