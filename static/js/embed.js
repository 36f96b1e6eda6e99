// The loader of an assistant's chat, for any site: one line, `<script src="…/embed/ID.js" async></script>`. The bubble
// comes when the frame says that it may be shown here; on a site that is not allowed nothing ever does.
(() => {
  const script = document.currentScript;
  if (!script) return;
  const source = new URL(script.src);
  const address = source.href.replace(/\.js(\?.*)?$/, "/");

  const frame = document.createElement("iframe");
  frame.src = address;
  frame.title = "Chat";
  frame.hidden = true;
  frame.allow = "";
  Object.assign(frame.style, {
    position: "fixed", right: "16px", bottom: "88px", zIndex: "2147483000", border: "0", borderRadius: "16px",
    width: "min(400px, calc(100vw - 32px))", height: "min(600px, calc(100dvh - 112px))", colorScheme: "light dark",
    boxShadow: "0 12px 40px rgb(0 0 0 / 25%)", background: "Canvas",
  });

  const bubble = document.createElement("button");
  bubble.type = "button";
  bubble.setAttribute("aria-expanded", "false");
  Object.assign(bubble.style, {
    position: "fixed", right: "16px", bottom: "16px", zIndex: "2147483001", width: "56px", height: "56px", border: "0",
    borderRadius: "28px", display: "grid", placeItems: "center", cursor: "pointer", boxShadow: "0 6px 20px rgb(0 0 0 / 25%)", padding: "0",
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", width: "26", height: "26", fill: "none", "stroke-width": "2", stroke: "currentColor", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M4 5h16v11H9l-5 4z");
  path.setAttribute("stroke-linejoin", "round");
  svg.append(path);
  bubble.append(svg);

  function show(isOpen) {
    frame.hidden = !isOpen;
    bubble.setAttribute("aria-expanded", String(isOpen));
    bubble.setAttribute("aria-label", isOpen ? "Close chat" : "Open chat");
    if (isOpen) frame.contentWindow.postMessage({ steward: "open" }, source.origin);
    else bubble.focus();
  }

  // Who the visitor is to the chat, in this site's own storage: frames of other origins are often denied theirs.
  const KEPT = `steward-chat:${source.pathname}`;
  function kept() {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null;
    }
  }
  function keep(visitor) {
    try {
      if (visitor) localStorage.setItem(KEPT, String(visitor));
      else localStorage.removeItem(KEPT);
    } catch {} // the talk lasts as long as the page
  }

  addEventListener("message", ({ source: from, origin, data }) => {
    if (from !== frame.contentWindow || origin !== source.origin || !data) return;
    if (data.steward === "keep") keep(data.visitor);
    if (data.steward === "ready" && !bubble.isConnected) {
      frame.title = String(data.title);
      bubble.style.background = String(data.colour);
      bubble.style.color = String(data.ink);
      document.body.append(bubble);
      bubble.setAttribute("aria-label", "Open chat");
      frame.contentWindow.postMessage({ steward: "hello", visitor: kept() }, source.origin);
    }
    if (data.steward === "close") show(false);
  });
  bubble.addEventListener("click", () => show(frame.hidden));

  const add = () => document.body.append(frame);
  if (document.body) add();
  else addEventListener("DOMContentLoaded", add);
})();
