// Finishes rendered answers: a bar with language and Copy on code blocks, scrolling boxes around wide tables.
const bar = document.querySelector("template[data-code-bar]");

function frameCode(pre) {
  const inner = pre.parentElement.matches(".highlight, .codehilite") ? pre.parentElement : pre;
  const frame = document.createElement("div");
  frame.className = "code-block";
  frame.dataset.code = "";
  frame.append(bar.content.cloneNode(true));
  const named = pre.closest("[data-language]")?.dataset.language;
  const classes = `${pre.className} ${pre.querySelector("code")?.className ?? ""}`;
  frame.querySelector("[data-code-language]").textContent = named ?? /language-([\w+#-]+)/.exec(classes)?.[1] ?? "";
  pre.tabIndex = 0; // scrollable by keyboard
  inner.replaceWith(frame);
  frame.append(inner);
}

function frameTable(table) {
  const frame = document.createElement("div");
  frame.className = "table-wrap";
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Table");
  table.replaceWith(frame);
  frame.append(table);
}

function finish() {
  for (const pre of document.querySelectorAll("[data-prose] pre")) if (!pre.closest("[data-code]")) frameCode(pre);
  for (const table of document.querySelectorAll("[data-prose] table")) {
    if (!table.closest(".table-wrap, .highlight")) frameTable(table);
  }
}

new MutationObserver(finish).observe(document.querySelector("[data-chat]"), { childList: true, subtree: true });
finish();
