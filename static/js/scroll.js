// Keeps the end of the page in view, but only while the reader is there; else offers "Jump to latest".
const SLACK_PX = 90;
const jump = document.querySelector("[data-jump]");
let isAtEnd = Boolean(jump); // only a page that is a transcript follows its end
let isScheduled = false;

const distance = () => {
  const page = document.documentElement;
  return page.scrollHeight - page.clientHeight - page.scrollTop;
};

const updateJump = () => {
  if (jump) jump.hidden = distance() <= SLACK_PX;
};

export function toEnd(behavior = "instant") {
  isAtEnd = true;
  window.scrollTo({ top: document.documentElement.scrollHeight, behavior });
  updateJump();
}

/** Call after content grew; scrolls at most once per frame. */
export function follow() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    if (isAtEnd) toEnd();
    else updateJump();
  });
}

if (jump) {
  window.addEventListener(
    "scroll",
    () => {
      isAtEnd = distance() <= SLACK_PX;
      updateJump();
    },
    { passive: true },
  );
  jump.addEventListener("click", () => {
    toEnd(matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth");
    document.querySelector("[data-composer-text]")?.focus({ preventScroll: true });
  });
}
