// The chat inside a widget's frame. The visitor's token is kept by the site's page (browsers deny frames of other origins
// their storage) and goes along in a header: it is in no address and no cookie.
import { readEvents } from "./events.js";

const root = document.querySelector("[data-widget]");
const { base, colour, ink, title } = root.dataset;
const list = root.querySelector("[data-messages]");
const form = root.querySelector("form");
const input = form.querySelector("textarea");
const send = form.querySelector("[data-send]");
const halt = form.querySelector("[data-halt]");
const problem = root.querySelector("[data-problem]");
let token = null;
let site = null; // the origin of the page around, once it has spoken
let conversation = null;
let run = null;
let running = null; // aborts the stream that is read

document.documentElement.style.setProperty("--widget-colour", colour);
document.documentElement.style.setProperty("--widget-ink", ink);

function keep(value) {
  token = value;
  if (site) parent.postMessage({ steward: "keep", visitor: value }, site);
}

async function call(path, { method = "GET", body, signal } = {}) {
  const headers = { "X-Visitor": token ?? "" };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(base + path, { method, headers, signal, body: body && JSON.stringify(body), credentials: "omit" });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(told.detail || "That did not work. Try again."), { code: told.code });
}

async function introduce() {
  const answer = await call("visitor", { method: "POST" });
  keep((await answer.json()).visitor);
}

function add(said) {
  const item = document.createElement("li");
  item.className = said.role === "user" ? "widget-question" : "widget-answer";
  item.dataset.state = said.state ?? "";
  fill(item, said);
  list.append(item);
  item.scrollIntoView({ block: "end" });
  return item;
}

function fill(item, said) {
  if (said.role === "user") return void (item.textContent = said.text);
  item.dataset.state = said.state;
  const text = document.createElement("div");
  text.className = "prose";
  text.innerHTML = said.html; // rendered and sanitised by the server
  item.replaceChildren(text);
  if (!said.note) return;
  const note = document.createElement("p");
  note.className = "widget-note";
  note.textContent = said.note;
  item.append(note);
}

function busy(isBusy) {
  send.hidden = isBusy;
  halt.hidden = !isBusy;
}

/** Shows an answer as it comes, then as the server renders it. */
async function watch(item, id, runId) {
  run = runId;
  running = new AbortController();
  busy(true);
  const text = document.createTextNode("");
  item.replaceChildren(text);
  item.dataset.state = "running";
  try {
    const answer = await call(`runs/${runId}/events`, { signal: running.signal });
    for await (const { event, data } of readEvents(answer.body)) {
      if (event === "snapshot") text.data = data.text;
      else if (event === "delta") text.data = [...text.data].slice(0, data.offset).join("") + data.text;
      else if (event === "done") break;
      item.scrollIntoView({ block: "end" });
    }
    fill(item, await (await call(`messages/${id}`)).json());
  } catch (error) {
    tell(error);
  }
  busy(false);
}

function tell(error) {
  problem.textContent = error ? error.message : "";
  problem.hidden = !error;
}

async function ask(text) {
  tell(null);
  const question = add({ role: "user", text });
  try {
    if (!token) await introduce();
    const body = { text, conversation, client_id: crypto.randomUUID?.() };
    const told = await (await call("messages", { method: "POST", body })).json();
    conversation = told.conversation;
    await watch(add({ role: "assistant", html: "", state: "running" }), told.answer, told.run);
  } catch (error) {
    question.remove();
    input.value = input.value || text; // nothing typed is lost
    if (error.code === "visitor_unknown") keep(null);
    tell(error);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text || !halt.hidden) return;
  input.value = "";
  ask(text);
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
halt.addEventListener("click", () => call(`runs/${run}/stop`, { method: "POST" }).catch(tell));
root.querySelector("[data-close]").addEventListener("click", () => parent.postMessage({ steward: "close" }, "*"));
addEventListener("keydown", ({ key }) => key === "Escape" && parent.postMessage({ steward: "close" }, "*"));

async function resume(kept) {
  token = kept;
  try {
    const told = await (await call("messages")).json();
    conversation = told.conversation;
    for (const said of told.messages) {
      const item = add(said);
      if (said.run) watch(item, said.id, said.run);
    }
  } catch (error) {
    if (error.code === "visitor_unknown") keep(null);
    else tell(error);
  }
}

addEventListener("message", ({ source, origin, data }) => {
  if (source !== parent || !data) return;
  if (data.steward === "open") input.focus();
  if (data.steward !== "hello" || site) return;
  site = origin;
  if (typeof data.visitor === "string") resume(data.visitor);
});
// It may be shown here, or nothing would have run: the site's bubble waits for this word.
if (parent !== window) parent.postMessage({ steward: "ready", colour, ink, title }, "*");
