"""Chromium on the running stack. Each test's pages are watched: no console error, no request outside the origin."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from config.local.chromium import find_chromium
from config.local.stack import Stack
from tests.e2e.visits import Visit, Watch
from tests.live import running
from tests.live.books import Books
from tests.live.callers import Person
from tests.live.provider import Provider
from tests.patience import PATIENCE_MS

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ONLY_HERE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
"""Chromium's rules for names: no request leaves the machine."""
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
expect.set_options(timeout=PATIENCE_MS)


@pytest.hookimpl(tryfirst=True)  # xdist reads the mark in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = os.environ.get("CHROMIUM") or find_chromium()
    if path:
        return path
    reason = os.environ.get("CHROMIUM_MISSING", "There is no Chromium on this machine.")
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config, chromium_path: str) -> Stack:
    return running.shared_stack(pytestconfig, remembers=True)


@pytest.fixture(scope="session")
def demo(stack: Stack) -> dict[str, Any]:
    return stack.state.load_demo()


@pytest.fixture(scope="session")
def books(stack: Stack) -> Books:
    return Books(stack)


@pytest.fixture(scope="session")
def provider(stack: Stack) -> Provider:
    return Provider(stack)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Of a module only: while Playwright lives, Django takes its loop for an asynchronous context."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium_path: str) -> Iterator[Browser]:
    rules = f"--host-resolver-rules={ONLY_HERE}"
    browser = playwright.chromium.launch(executable_path=chromium_path, args=[*ARGUMENTS, rules])
    yield browser
    browser.close()


@pytest.fixture
def watch(stack: Stack) -> Watch:
    return Watch(stack.url)


@pytest.fixture
def context(browser: Browser, watch: Watch, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WIDE)
    context.set_default_timeout(PATIENCE_MS)
    watch.attach(context)
    yield context
    context.close()
    if not request.node.stash.get(FAILED, False):
        watch.check()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A failed test says what it failed of; what its pages did wrong would only hide that."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def stranger(context: BrowserContext, stack: Stack) -> Visit:
    return Visit(context.new_page(), stack.url)


@pytest.fixture(scope="session")
def cookies(stack: Stack, demo: dict[str, Any]) -> Callable[[str, str], list[dict[str, str]]]:
    """Signed in once per person and session."""
    known: dict[tuple[str, str], list[dict[str, str]]] = {}

    def cookies(workspace: str, role: str) -> list[dict[str, str]]:
        if (workspace, role) not in known:
            people = [{"role": "staff", **demo["staff"]}] if role == "staff" else demo[workspace]["people"]
            found = next(row for row in people if row["role"] == role)
            person = Person(stack.url, workspace, found["email"], found["password"])
            pairs = person.http.cookies.items()
            known[workspace, role] = [
                {"name": name, "value": value, "url": stack.url} for name, value in pairs
            ]
        return known[workspace, role]

    return cookies


@pytest.fixture
def sign_in(context: BrowserContext, stack: Stack, cookies: Any) -> Callable[[str, str], Visit]:
    def sign_in(workspace: str, role: str) -> Visit:
        context.add_cookies(cookies(workspace, role))
        return Visit(context.new_page(), stack.url, workspace)

    return sign_in


@pytest.fixture
def owner(sign_in: Callable[[str, str], Visit]) -> Visit:
    return sign_in("acme", "owner")
