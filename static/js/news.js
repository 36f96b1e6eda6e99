// Asks while the page is looked at whether others, or another tab, said something since, and puts it at the end; what is
// being written then streams as if it had been asked here (static/js/stream.js). Also brings the questions that wait.
import { announce } from "./announce.js";
import { follow } from "./scroll.js";

const SOON_MS = 700;
const FIRST_MS = 3_000;
const LAST_MS = 15_000;
const SLOWER = 1.15;
const transcript = () => document.getElementById("transcript");
const queue = () => document.getElementById("follow-ups");
let wait = FIRST_MS;
let timer = 0;
let asking = 0; // requests of htmx that may change the page: what is read meanwhile is old

const last = () => [...document.querySelectorAll("[data-message]")].at(-1);
const idOf = (article) => article?.id.replace("message-", "") ?? "";

function later(ms = wait) {
  clearTimeout(timer);
  if (!document.hidden && transcript()?.dataset.newsUrl) timer = setTimeout(ask, ms);
}

function question() {
  const shown = last();
  const url = new URL(transcript().dataset.newsUrl, location.href);
  url.searchParams.set("after", idOf(shown));
  url.searchParams.set("run", shown?.dataset.run ?? "");
  url.searchParams.set("queue", queue()?.dataset.queue ?? "");
  return url.href;
}

async function ask() {
  if (asking || !last()) return later();
  const url = question();
  let isNew = false;
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    if (answer.redirected || [401, 403, 404].includes(answer.status)) return; // gone, or signed out
    // Something else changed the page while this was on its way.
    if (answer.status === 200 && !asking && url === question()) isNew = show(await answer.text());
  } catch {
    // offline: asked again later
  }
  wait = isNew ? FIRST_MS : Math.min(LAST_MS, wait * SLOWER);
  later();
}

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector("#follow-ups");
  const articles = template.content.querySelectorAll("[data-message]");
  for (const article of articles) put(article);
  if (fresh && queue() && !queue().contains(document.activeElement)) {
    queue().replaceWith(fresh);
    window.htmx?.process(fresh);
  }
  if (articles.length) announce("A new message is there");
  follow();
  return true;
}

function put(article) {
  const known = document.getElementById(article.id);
  if (known) known.replaceWith(article);
  else transcript().append(article);
  window.htmx?.process(article);
}

/** An answer to a form and to this may bring the same message: the first stays. */
function dropRepeated() {
  const seen = new Set();
  for (const article of document.querySelectorAll("[data-message]")) {
    if (seen.has(article.id)) article.remove();
    seen.add(article.id);
  }
}

function soon() {
  wait = FIRST_MS;
  later(SOON_MS);
}

document.addEventListener("htmx:beforeRequest", () => asking++);
document.addEventListener("htmx:afterRequest", () => asking--);
document.addEventListener("htmx:afterSwap", dropRepeated);
// The next question is asked as soon as the answer before it has ended.
document.addEventListener("answers:change", ({ detail }) => detail.running || soon());
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : soon()));
later();
