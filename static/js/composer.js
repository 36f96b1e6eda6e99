// The composer: Enter sends, Shift+Enter starts a line, it grows, keeps a draft, loses nothing when a send fails.
import * as draft from "./draft.js";
import { toEnd } from "./scroll.js";

const form = document.querySelector("[data-composer]");
const conversation = document.querySelector("[data-conversation]");
const hasJustBegun = draft.settleSent(Boolean(conversation));
if (form) start(form);
if (form && hasJustBegun) form.querySelector("[data-composer-text]").focus({ preventScroll: true });

function start(form) {
  const text = form.querySelector("[data-composer-text]");
  const send = form.querySelector("[data-composer-send]");
  const stop = form.querySelector("[data-composer-stop]");
  const verb = form.querySelector("[data-composer-verb]");
  const sends = verb.textContent;
  const key = form.dataset.draftKey;
  const { client_id: clientId, parent } = form.elements;
  let isSending = false;
  let running = document.querySelectorAll("[data-message][data-events-url]").length;

  if (!text.value) text.value = draft.read(key);

  const grow = () => {
    if (CSS.supports("field-sizing", "content")) return;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  };

  const refresh = () => {
    // While an answer runs a question waits for its end; an empty box leaves its place to the stop.
    send.hidden = running > 0 && !text.value.trim();
    stop.hidden = running === 0;
    verb.textContent = running > 0 ? verb.dataset.running : sends;
    send.disabled = isSending;
    text.readOnly = isSending; // not disabled: focus and a screen reader's place stay in it
    form.classList.toggle("is-sending", isSending);
    grow();
  };

  const setSending = (value) => {
    isSending = value;
    refresh();
  };

  // One id per text: the server answers a repeated POST with the turn it has, and a changed text is a new one.
  // Without HTTPS there is no randomUUID; then nothing is recognised as repeated.
  const renew = () => (clientId.value = crypto.randomUUID?.() ?? "");

  text.addEventListener("input", () => {
    renew();
    draft.keep(key, text.value);
    refresh();
  });

  text.addEventListener("keydown", (event) => {
    // 229: an input method is composing, and Enter belongs to it (Safari reports isComposing too late).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (!isSending && text.value.trim()) form.requestSubmit();
  });

  form.addEventListener("submit", (event) => {
    if (isSending || !text.value.trim()) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (parent) {
      parent.value = lastMessage();
    }
  }, { capture: true });

  form.addEventListener("htmx:beforeRequest", () => {
    if (!conversation) draft.markSent(key);
    setSending(true);
  });
  form.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.xhr.getResponseHeader("HX-Redirect")) return; // the new conversation's page is on its way
    draft.settleSent(false);
    if (detail.successful) {
      text.value = "";
      draft.drop(key);
      renew();
    }
    setSending(false);
    text.focus({ preventScroll: true });
  });

  document.addEventListener("answers:change", ({ detail }) => {
    running = detail.running;
    refresh();
  });
  // Back from the cache of the browser: nothing is being sent any more.
  window.addEventListener("pageshow", (event) => event.persisted && setSending(false));
  renew();
  refresh();
}

/** What the reader sees last is what the next question follows. */
function lastMessage() {
  const [article] = [...document.querySelectorAll("[data-message]")].slice(-1);
  return article?.id.replace("message-", "") ?? "";
}

// A new turn, or a branch after edit, regenerate and retry: show its end, keep focus in the composer.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.failed) return;
  toEnd();
  form?.querySelector("[data-composer-text]").focus({ preventScroll: true });
});
