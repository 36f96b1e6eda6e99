"""A chat on other sites, from a second origin: an allowed one chats, a foreign one gets nothing and costs nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import PHONE, WIDE
from tests.e2e.visits import Visit
from tests.live.books import Books
from tests.live.callers import steer
from tests.patience import PATIENCE_MS

PAGE = "<!doctype html><html lang=en><title>A site</title><h1>A site</h1>{line}</html>"


@pytest.fixture
def site() -> Iterator[tuple[ThreadingHTTPServer, dict[str, str]]]:
    """One server of two origins: by name, and by number. What it serves is put in later."""
    served = {"line": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.format(line=served["line"]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server, served
    server.shutdown()
    server.server_close()


def charged(books: Books) -> int:
    """Holds of the workspace, of whatever kind."""
    query = "SELECT count(*) FROM public.usage_hold WHERE workspace_id = %s AND kind = 'reply'"
    return int(books.scalar(query, [books.workspace_id]))


def test_an_allowed_site_chats_and_a_foreign_one_gets_nothing(
    owner: Visit, browser: Browser, site, books: Books
) -> None:
    server, served = site
    allowed, foreign = (f"http://{host}:{server.server_port}" for host in ("localhost", "127.0.0.1"))
    page = owner.page

    owner.go("/w/acme/assistants/")
    page.get_by_role("link", name="Edit").first.click()
    page.get_by_role("link", name="Chat on your site").click()
    page.get_by_label("Sites that may show it").fill(allowed)
    page.get_by_label("Title").fill("Ask Acme")
    page.get_by_role("button", name="Save").click()
    served["line"] = page.locator("pre code").inner_text()
    assert "/embed/" in served["line"]
    owner.check_accessible("light")
    owner.check_accessible("dark")
    page.set_viewport_size(PHONE)
    owner.check_fits()

    before = charged(books)
    blocked = browser.new_context(viewport=WIDE).new_page()
    with blocked.expect_event("console", lambda message: "frame-ancestors" in message.text):
        blocked.goto(foreign)
    expect(blocked.get_by_role("button")).to_have_count(0)
    assert charged(books) == before

    visitor = browser.new_context(viewport=WIDE).new_page()
    visitor.goto(allowed)
    visitor.get_by_role("button", name="Open chat").click()
    chat = visitor.frame_locator("iframe")
    chat.get_by_label("Your message").fill(steer("Do you ship?", exact="We **do**.", rate=0))
    chat.get_by_role("button", name="Send").click()
    expect(chat.locator(".widget-answer strong")).to_have_text("do", timeout=PATIENCE_MS)
    assert charged(books) == before + 1
    # It survives a reload: the site's page keeps who they are.
    visitor.reload()
    visitor.get_by_role("button", name="Open chat").click()
    expect(chat.locator(".widget-answer strong")).to_have_text("do")
    chat.get_by_label("Your message").fill(steer("Tell me all.", tokens=400, rate=20))
    chat.get_by_role("button", name="Send").click()
    chat.get_by_role("button", name="Stop").click()
    expect(chat.locator(".widget-note")).to_have_text("Stopped.", timeout=PATIENCE_MS)
    visitor.set_viewport_size(PHONE)
    expect(chat.get_by_label("Your message")).to_be_visible()

    page.set_viewport_size(WIDE)
    page.get_by_role("link", name="What visitors asked").click()
    owner.check_accessible("light")
    page.get_by_role("link", name="Do you ship?").first.click()
    expect(page.locator(".prose strong")).to_have_text("do")
