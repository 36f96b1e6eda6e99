"""A conversation is named, found, shared, looked at by a stranger, revoked, exported, deleted and taken back."""

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.e2e.conftest import PHONE
from tests.e2e.visits import Visit, Watch


def test_share_revoke_export(owner, browser: Browser, watch: Watch, stack, tmp_path: Path) -> None:
    owner.start("Tell me of the marmalade budget.", exact="The **marmalade** budget is three jars.", rate=0)
    owner.wait_final()
    page = owner.page
    menu = page.get_by_label("More about this conversation")

    menu.click()
    page.get_by_role("link", name="Name, tags, project").click()
    page.get_by_label("Name", exact=True).fill("Marmalade")
    page.get_by_role("button", name="Save the name").click()
    page.get_by_label("Tags").fill("breakfast")
    page.get_by_role("button", name="Save the tags").click()
    expect(page.get_by_role("heading", name="Marmalade")).to_be_visible()

    owner.go("/w/acme/conversations/")
    page.get_by_label("Search titles and texts").press_sequentially("three jar")
    row = page.locator(".talk", has_text="Marmalade")
    expect(row.locator("mark")).to_have_text(["three", "jars"])
    expect(page).to_have_url(re.compile(r"q=three"))
    owner.check_accessible("light")
    row.get_by_role("link", name="Marmalade").click()
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/\?at="))

    address = share(owner)
    stranger = look(browser, watch, stack.url, address)
    expect(stranger.page.locator(".prose strong")).to_have_text("marmalade")
    assert (
        stranger.page.locator('meta[name="robots"]').get_attribute("content")
        == "noindex, nofollow, noarchive"
    )
    stranger.check_accessible("dark")
    stranger.page.set_viewport_size(PHONE)
    stranger.check_fits()

    page.get_by_role("button", name=re.compile("Revoke")).click()
    expect(page.get_by_text("Revoked", exact=True)).to_be_visible()
    watch.expected_statuses.add(404)
    stranger.page.reload()
    expect(stranger.page.get_by_text("This link leads nowhere")).to_be_visible()

    owner.go("/w/acme/conversations/?tag=breakfast")
    page.get_by_role("link", name="Marmalade").first.click()
    for name, start in (("Markdown", b"# Marmalade"), ("JSON", b"{"), ("PDF", b"%PDF")):
        menu.click()
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        file = tmp_path / name
        download.value.save_as(file)
        assert file.read_bytes().startswith(start)
        page.keyboard.press("Escape")

    menu.click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("“Marmalade” is deleted")).to_be_visible()
    expect(page.locator(".talk", has_text="Marmalade")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".talk", has_text="Marmalade")).to_be_visible()


def share(owner: Visit) -> str:
    page = owner.page
    page.get_by_label("More about this conversation").click()
    page.get_by_role("link", name="Share a copy").click()
    page.get_by_label("It works for").select_option("7")
    page.get_by_role("button", name="Make a link").click()
    owner.check_accessible("light")
    return page.locator("pre.code").inner_text().strip()


def look(browser: Browser, watch: Watch, origin: str, address: str) -> Visit:
    """Somebody without a session."""
    context = browser.new_context()
    watch.attach(context)
    visit = Visit(context.new_page(), origin)
    visit.page.goto(address)
    return visit
