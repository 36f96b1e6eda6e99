"""A person in a browser: pages opened and watched for what must never happen on them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from tests.live.callers import steer
from tests.patience import PATIENCE_MS

NOTE_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
# As the browser says it, and as htmx does.
REFUSED_LOAD = re.compile(
    r"(?:Failed to load resource: the server responded with a status of|Response Status Error Code) (\d+)"
)


@dataclass
class Watch:
    """What pages of one context did wrong. `expected_statuses`: refusals that a test provokes."""

    origin: str
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)

    def attach(self, context: BrowserContext) -> None:
        context.add_init_script(NOTE_VIOLATIONS)
        # Listened to, not held up: what a route holds up is not cached either, and pages come without end.
        context.on("request", self._note)
        context.on("requestfailed", self._forget_refused)
        context.on("console", self._hear)
        context.on(
            "weberror", lambda error: self.errors.append(f"{error.page and error.page.url}: {error.error}")
        )

    def _note(self, request: Request) -> None:
        """Nothing leaves the machine (the browser finds no other host), and every attempt is noted."""
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob"):
            return
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.foreign.append(request.url)

    def _forget_refused(self, request: Request) -> None:
        """The page's own policy kept it: the console says so."""
        if "csp" in (request.failure or "") and request.url in self.foreign:
            self.foreign.remove(request.url)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        refused = REFUSED_LOAD.match(message.text)
        if refused and int(refused[1]) in self.expected_statuses:
            return
        self.errors.append(f"{message.location.get('url')}: {message.text}")

    def check(self) -> None:
        assert self.foreign == [], "requests outside the origin"
        assert self.errors == [], "errors in the console"


class Visit:
    """One page. Paths are within the product."""

    def __init__(self, page: Page, origin: str, workspace: str = "") -> None:
        self.page = page
        self.origin = origin
        self.workspace = workspace

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def open_chat(self) -> None:
        self.go(f"/w/{self.workspace}/chat/")

    @property
    def composer(self) -> Locator:
        return self.page.get_by_label("Your message")

    @property
    def answers(self) -> Locator:
        return self.page.locator("article.message-assistant")

    @property
    def questions(self) -> Locator:
        return self.page.locator("article.message-user")

    @property
    def stream(self) -> Locator:
        return self.page.locator("[data-stream]")

    def ask(self, text: str, **steering: Any) -> None:
        """Writes a question and sends it with Enter, once the page's scripts listen to the keyboard."""
        self.page.wait_for_load_state("load")
        self.composer.fill(steer(text, **steering))
        self.composer.press("Enter")

    def start(self, text: str, **steering: Any) -> None:
        """A new conversation; returns when its page is there."""
        self.open_chat()
        self.ask(text, **steering)
        self.page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))

    def wait_for_text(self, characters: int = 1) -> int:
        """Until the running answer shows that much; returns how much it shows."""
        expect(self.stream).to_have_text(re.compile(rf"[\s\S]{{{characters},}}"), timeout=PATIENCE_MS)
        return len(self.stream.inner_text())

    def wait_final(self, state: str = "final") -> Locator:
        """Until the last answer is there as the server rendered it."""
        answer = self.answers.last
        expect(answer).to_have_attribute("data-state", state, timeout=PATIENCE_MS)
        return answer

    def check_accessible(self, *schemes: str) -> None:
        """No finding of axe, in the light and in the dark."""
        self.page.wait_for_load_state()
        for scheme in schemes or ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.page.evaluate(TRANSITIONS_OVER)
            results = Axe().run(self.page)
            assert results.violations_count == 0, f"{self.page.url} ({scheme}):\n{readable(results.response)}"
        self.page.emulate_media(color_scheme="light")

    def check_fits(self) -> None:
        """Nothing is wider than the window."""
        wide = self.page.evaluate(WIDER_THAN_WINDOW)
        assert wide == [], f"{self.page.url} scrolls sideways: {wide}"


# Finished by force: one on an element that is not shown any more may never end by itself.
TRANSITIONS_OVER = """() => document.getAnimations()
  .filter((each) => each instanceof CSSTransition).forEach((each) => each.finish())"""

WIDER_THAN_WINDOW = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const names = [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > root.clientWidth + 1)
    .map((each) => `${each.tagName}.${each.className}`);
  return [`${root.scrollWidth} > ${root.clientWidth}`, ...names.slice(0, 5)];
}"""


def readable(response: dict[str, Any]) -> str:
    lines = []
    for violation in response["violations"]:
        lines.append(f"{violation['id']}: {violation['help']}")
        for node in violation["nodes"][:3]:
            checks = [*node["any"], *node["all"], *node["none"]]
            lines.append(
                f"    {node['target']} {node['html'][:160]} {json.dumps([c['message'] for c in checks])[:300]}"
            )
    return "\n".join(lines)


Sign = Callable[[str, str], Visit]
