// Shows the calls of tools of a running answer, as text only. Every event tells all of them; the server's own rendering
// takes their place when the answer is done.
const STATES = { running: "Running", done: "Done", failed: "Failed", refused: "Refused", waiting: "Waits for you" };

function part(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}

function argumentOf(text) {
  try {
    const values = Object.values(JSON.parse(text || "{}"));
    return values.every((value) => typeof value === "string") ? values.join(", ") : text;
  } catch {
    return text;
  }
}

function row(call) {
  const made = document.createElement("li");
  made.className = `tool-call tool-line tool-${call.state}`;
  made.append(
    part("tool-title", call.title), " ", part("tool-argument", argumentOf(call.arguments)), " ",
    part("tool-state", STATES[call.state] ?? call.state),
  );
  return made;
}

export function showCalls(article, calls) {
  const place = article.querySelector("[data-tool-calls]");
  if (!place || !calls) return;
  const list = document.createElement("ul");
  list.className = "tool-calls";
  list.setAttribute("aria-label", "Tools used");
  list.append(...calls.map(row));
  place.replaceChildren(list);
}
