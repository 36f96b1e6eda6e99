// Shows running answers live. Text arrives as server-sent events and is only ever appended as text; when the run is done
// the server-rendered message takes its place. Offsets count Unicode code points of the answer.
import { announce } from "./announce.js";
import { follow, toEnd } from "./scroll.js";
import { showCalls } from "./calls.js";

const FINISHED = { done: "Reply finished", stopped: "Reply stopped", failed: "Reply failed" };
const MAX_BACKOFF_MS = 15_000;
const running = new Map(); // article element → Answer

class Answer {
  constructor(article) {
    this.article = article;
    this.status = article.querySelector("[data-run-status]");
    this.out = article.querySelector("[data-stream]");
    this.text = document.createTextNode(this.out.textContent);
    this.out.replaceChildren(this.text);
    this.length = [...this.text.data].length;
    this.lastId = "";
    this.failures = 0;
    this.open();
  }

  open() {
    const url = new URL(this.article.dataset.eventsUrl, location.href);
    if (this.lastId) url.searchParams.set("last_event_id", this.lastId);
    this.source = new EventSource(url);
    const on = (name, handle) =>
      this.source.addEventListener(name, (event) => {
        this.failures = 0;
        if (event.lastEventId) this.lastId = event.lastEventId;
        handle(JSON.parse(event.data));
      });
    on("status", (data) => this.setState(data.state));
    on("delta", (data) => this.append(data));
    on("tool", (data) => showCalls(this.article, data.calls));
    on("snapshot", (data) => this.replace(data.text));
    on("done", (data) => this.finish(data.state));
    // While the browser reconnects by itself (with Last-Event-ID) the state is CONNECTING: nothing to do.
    this.source.onerror = () => this.source.readyState === EventSource.CLOSED && this.recover();
  }

  setState(state) {
    if (state === "restarted") this.replace("");
    const isBegun = state !== "queued" && state !== "waiting";
    this.article.dataset.state = isBegun ? "running" : "queued";
    this.status.textContent = this.status.dataset[isBegun ? "running" : state];
  }

  append({ offset, text }) {
    if (offset > this.length) return this.reread();
    // A replay repeats what the page shows already.
    const fresh = offset === this.length ? text : [...text].slice(this.length - offset).join("");
    if (!fresh) return;
    if (!this.text.data) this.setState("running");
    this.text.appendData(fresh);
    this.length += [...fresh].length;
    follow();
  }

  replace(text) {
    this.text.data = text;
    this.length = [...text].length;
    follow();
  }

  /** A hole in the text: read the stream again from its start; what is shown already is skipped by its offset. */
  reread() {
    this.source.close();
    this.lastId = "";
    this.later(() => this.open());
  }

  /** The server refused the stream: the answer may be ready, else try again. */
  async recover() {
    if (this.failures) this.status.textContent = "Connection lost, trying again";
    if (!(await this.swap())) this.later(() => this.open());
  }

  later(task) {
    const wait = Math.min(MAX_BACKOFF_MS, 500 * 2 ** this.failures++);
    this.timer = setTimeout(() => this.article.isConnected && task(), wait);
  }

  async finish(state) {
    this.source.close();
    if (await this.swap()) announce(FINISHED[state] ?? FINISHED.done);
    else this.later(() => this.finish(state));
  }

  /** Puts the server's rendering in place; false while it is not final or cannot be fetched. */
  async swap() {
    try {
      const answer = await fetch(this.article.dataset.fragmentUrl, { headers: { "HX-Request": "true" } });
      if (answer.redirected || !answer.ok) return false;
      const template = document.createElement("template");
      template.innerHTML = await answer.text();
      const fresh = template.content.querySelector("[data-message]");
      if (!fresh || fresh.dataset.eventsUrl) return false;
      this.close();
      this.article.replaceWith(fresh);
      window.htmx?.process(fresh);
      follow();
      return true;
    } catch {
      return false; // offline: tried again later
    }
  }

  close() {
    this.source.close();
    clearTimeout(this.timer);
    running.delete(this.article);
  }
}

/** Says `answers:change` when the running answers are others than those last told: anybody may ask the server then. */
let told = new Set();

function scan() {
  for (const [article, answer] of running) if (!article.isConnected) answer.close();
  for (const article of document.querySelectorAll("[data-message][data-events-url]")) {
    if (!running.has(article)) running.set(article, new Answer(article));
  }
  if (told.size === running.size && [...running.keys()].every((article) => told.has(article))) return;
  told = new Set(running.keys());
  document.dispatchEvent(new CustomEvent("answers:change", { detail: { running: running.size } }));
}

const chat = document.querySelector("[data-chat]");
let hadRunning = 0;
new MutationObserver((records) => {
  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
  if (records.some((record) => [...record.addedNodes, ...record.removedNodes].some(isElement))) scan();
}).observe(chat, { childList: true, subtree: true });

document.addEventListener("answers:change", ({ detail }) => {
  if (hadRunning && !detail.running) document.querySelector('[aria-current="page"] [data-running-dot]')?.remove();
  hadRunning = detail.running;
});

if (document.getElementById("transcript") && !location.hash) toEnd();
scan();
