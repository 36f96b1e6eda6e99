"""Every hostile output on the pages that show answers: nothing runs, loads, connects or leaves before a click.

Every foreign name leads to a trap on this machine, so that a connection opened ahead of a request is noticed too.
"""

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from uuid import UUID, uuid4

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, BrowserContext, Error, Playwright, Route, expect

from config.local.stack import Stack
from tests.assistants.hostile.outputs import HOST, load
from tests.assistants.hostile.page import ATTRIBUTES, REL, TAGS
from tests.e2e.conftest import ARGUMENTS
from tests.e2e.test_library_journey import share
from tests.e2e.visits import Visit, Watch
from tests.live.books import Books
from tests.patience import PATIENCE_MS

OUTPUTS = load()
TITLE = f"<img src=https://100.{HOST}/t.png onerror=owned(100)> $\\href{{https://100.{HOST}}}{{x}}$"
NUMBER = re.compile(rf"\b(\d+)\.{re.escape(HOST)}")
# What static/js/prose.js adds: scrolling boxes around tables and, left out below, bars over code.
ADDED = {"div class", "div tabindex", "div role", "div aria-label", "div data-code"}
HELD = """() => {
  const inside = [...document.querySelectorAll(".prose *")].filter((each) => !each.closest(".code-bar"));
  const name = (each) => [each.localName, ...each.getAttributeNames().map((name) => `${each.localName} ${name}`)];
  const links = inside.filter((each) => each.localName === "a");
  return {
    answers: document.querySelectorAll(".prose").length,
    names: [...new Set(inside.flatMap(name))],
    links: links.map((each) => [each.protocol, each.rel, each.target]),
    elsewhere: document.querySelectorAll(".prose link, .prose form, article img, article iframe").length,
    frames: window.frames.length,
  };
}"""
# The page's own running answer, as templates/assistants/_answer.html has it, around each final one.
STREAM_AGAIN = """() => {
  const finals = [...document.querySelectorAll("article.message-assistant")];
  for (const final of finals) {
    const id = final.id.replace("message-", "");
    const running = document.createElement("article");
    running.className = final.className;
    running.id = final.id;
    Object.assign(running.dataset, {
      message: "", state: "running", eventsUrl: `${location.pathname}stream-of/${id}/`,
      fragmentUrl: `${location.pathname}messages/${id}/`,
    });
    running.innerHTML = '<div data-stream></div><span data-run-status data-running="Writing"></span>';
    final.replaceWith(running);
  }
}"""
SAID = """() => [...document.querySelectorAll("article.message-user")].map((each) =>
  [each.nextElementSibling.id.replace("message-", ""), each.querySelector("[data-copy-text]").textContent])"""

CONVERSATION = """
INSERT INTO assistants_conversation
  (id, owner_id, assistant_id, title, current_leaf_id, uses_memory, created_at, updated_at)
SELECT %s, id, (SELECT id FROM assistants_assistant ORDER BY created_at LIMIT 1), %s, %s, false, now(), now()
FROM public.accounts_user WHERE email = 'owner@acme.test'"""
MESSAGE = """
INSERT INTO assistants_message (id, conversation_id, parent_id, role, text, created_at)
VALUES (%s, %s, %s, %s, %s, clock_timestamp())"""


class Trap:
    """Takes every connection and says nothing; what was asked is not read."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.taken = 0
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.taken += 1
            connection.close()


@dataclass
class Noticed:
    """What a page did: numbers of outputs whose scripts ran, dialogs, windows, places it went to."""

    ran: list[int] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    windows: list[str] = field(default_factory=list)
    went: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext, visit: Visit) -> None:
        context.expose_function("owned", self._note)
        context.on("page", lambda page: self.windows.append(page.url))
        visit.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        visit.page.on("framenavigated", lambda frame: self.went.append(frame.url))

    def _note(self, number: int) -> None:
        self.ran.append(number)

    def check(self) -> None:
        assert self == Noticed(went=self.went)


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.socket.close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium_path: str, trap: Trap) -> Iterator[Browser]:
    # What the browser itself asks for at home is none of the page's doing.
    rules = f"--host-resolver-rules=MAP *.{HOST} 127.0.0.1:{trap.port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    browser = playwright.chromium.launch(executable_path=chromium_path, args=[*ARGUMENTS, rules])
    yield browser
    browser.close()


@pytest.fixture
def noticed(context: BrowserContext, owner: Visit) -> Noticed:
    noticed = Noticed()
    noticed.attach(context, owner)
    return noticed


@pytest.fixture(scope="module")
def talk(stack: Stack) -> Iterator[UUID]:
    """A conversation of acme's owner in which every output is a question and the answer to it."""
    books, conversation = Books(stack), uuid4()
    rows: list[tuple[UUID, UUID, UUID | None, str, str]] = []
    for output in OUTPUTS:
        for role in ("user", "assistant"):
            # Neither a person's text nor a model's keeps a NUL.
            text = output.text.replace("\0", "")
            rows.append((uuid4(), conversation, rows[-1][0] if rows else None, role, text))
    with books.connect(options=f"-c search_path={books.schema},public") as connection:
        connection.execute(CONVERSATION, [conversation, TITLE, rows[-1][0]])
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(MESSAGE, rows)
        yield conversation
        connection.execute(
            "UPDATE assistants_conversation SET deleted_at = now() WHERE id = %s", [conversation]
        )


def windows(owner: Visit, talk: UUID) -> Iterator[None]:
    """Every page of the conversation, the latest first."""
    owner.go(f"/w/acme/chat/{talk}/")
    while True:
        yield
        earlier = owner.page.locator("a[href*='?before=']")
        if not earlier.count():
            return
        owner.go(earlier.get_attribute("href"))


def check_held(visit: Visit) -> int:
    """How many answers the page shows, after it held nothing but what answers may."""
    found = visit.page.evaluate(HELD)
    allowed = TAGS | {f"{tag} {name}" for tag, names in ATTRIBUTES.items() for name in names} | ADDED
    assert set(found["names"]) <= allowed
    for protocol, rel, target in found["links"]:
        assert (target, set(rel.split())) == ("_blank", REL)
        assert protocol in ("http:", "https:", "mailto:", ":")
    assert (found["elsewhere"], found["frames"]) == (0, 0)
    return int(found["answers"])


def test_transcript_holds_them_all_and_does_nothing(owner, watch, trap, noticed, talk):
    before, shown = trap.taken, 0
    for _ in windows(owner, talk):
        owner.page.wait_for_load_state()
        shown += check_held(owner)
        assert watch.foreign == []

    assert shown == len(OUTPUTS)
    noticed.check()
    assert set(noticed.went) == {url for url in noticed.went if f"/w/acme/chat/{talk}/" in url}
    assert trap.taken == before


def test_streamed_and_swapped_in_they_do_nothing(owner, watch, trap, noticed, talk):
    """static/js/stream.js gets each text in pieces that cut its tags, and then the server's rendering of it."""
    texts: dict[str, str] = {}
    before, shown = trap.taken, 0

    def stream(route: Route) -> None:
        text = texts[route.request.url.split("/")[-2]]
        route.fulfill(content_type="text/event-stream", body=events(text))

    owner.page.route("**/stream-of/**", stream)
    for _ in windows(owner, talk):
        owner.page.wait_for_load_state()
        texts = dict(owner.page.evaluate(SAID))
        owner.page.evaluate(STREAM_AGAIN)
        expect(owner.answers.locator(".prose")).to_have_count(len(texts), timeout=PATIENCE_MS)
        shown += check_held(owner)

    assert shown == len(OUTPUTS)
    assert watch.foreign == []
    noticed.check()
    assert trap.taken == before


def events(text: str) -> str:
    """A stream as the server sends it, in pieces of seven characters, that ends with the state."""
    pieces = [
        f"event: delta\nid: 1-{at}\ndata: {json.dumps({'offset': at, 'text': text[at : at + 7]})}\n\n"
        for at in range(0, min(len(text), 2_100), 7)
    ]
    return "".join(pieces) + 'event: done\ndata: {"state": "done"}\n\n'


def test_shared_copy_holds_them_all_and_offers_no_image(owner, watch, trap, noticed, talk):
    owner.go(f"/w/acme/chat/{talk}/")
    address = share(owner)
    before = trap.taken

    owner.page.goto(address)

    assert check_held(owner) == len(OUTPUTS)
    assert owner.page.locator(".remote-image").count() == 0
    assert watch.foreign == []
    noticed.check()
    assert trap.taken == before


def test_lists_that_name_it_do_nothing(owner, watch, trap, noticed, talk):
    before = trap.taken
    for path in (
        "/w/acme/conversations/",
        "/w/acme/conversations/?q=onerror",
        "/w/acme/conversations/links/",
    ):
        owner.go(path)
        assert HOST in owner.page.locator("main").inner_text()
    assert watch.foreign == []
    noticed.check()
    assert trap.taken == before


def test_control_without_the_sanitiser_and_the_policy_they_do(owner: Visit, watch: Watch, noticed: Noticed):
    """The same watch on the same outputs, each in a frame of a page that trusts them."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    frames = "".join(f'<iframe srcdoc="{escape(parser.render(output.text))}"></iframe>' for output in OUTPUTS)
    owner.page.route("**/trusting/", lambda route: route.fulfill(content_type="text/html", body=frames))

    # Its end of loading is not waited for: some of them see to it that it never comes.
    owner.page.goto(f"{owner.origin}/trusting/", wait_until="commit")
    for _ in range(PATIENCE_MS // 50):
        if len(asked(watch)) > 80 and len(set(noticed.ran)) > 20:
            break
        owner.page.wait_for_timeout(50)

    assert len(asked(watch)) > 80
    assert len(set(noticed.ran)) > 20
    owner.page.goto("about:blank")
    watch.foreign.clear()
    watch.errors.clear()


def test_control_every_foreign_name_leads_to_the_trap(browser: Browser, trap: Trap):
    before, page = trap.taken, browser.new_page()
    with pytest.raises(Error):
        page.goto(f"http://1.{HOST}/")
    page.close()
    assert trap.taken > before


def asked(watch: Watch) -> set[str]:
    """Numbers of the outputs that asked their host for something."""
    return {number for url in watch.foreign for number in NUMBER.findall(url)}
