"""Three facts are told; another conversation uses them, says so, and leads back to where they were told."""

import re
import time

from playwright.sync_api import expect

from tests.e2e.conftest import PHONE
from tests.patience import PATIENCE_S

FACTS = "My dog is called Biscuit. My favourite city is Porto. My bicycle is a green Gazelle."


def test_facts_told_once_are_used_later_and_lead_to_their_source(owner) -> None:
    page = owner.page
    owner.start(FACTS)
    owner.wait_final()
    told_at = page.url.split("?")[0]

    row = page.get_by_role("link", name="My dog is called Biscuit.", exact=True)
    ends = time.monotonic() + PATIENCE_S
    while True:
        owner.go("/w/acme/memory/?layer=semantic")
        if row.count() or time.monotonic() > ends:
            break
        page.wait_for_timeout(500)
    for fact in (
        "My dog is called Biscuit.",
        "My favourite city is Porto.",
        "My bicycle is a green Gazelle.",
    ):
        expect(page.get_by_role("link", name=fact, exact=True)).to_be_visible()

    owner.start("What is my dog called, which bicycle and which favourite city do I have?")
    used = owner.wait_final().locator(".answer-used")
    used.locator("summary").click()
    for fact in (
        "My dog is called Biscuit.",
        "My favourite city is Porto.",
        "My bicycle is a green Gazelle.",
    ):
        expect(used.get_by_role("link", name=fact, exact=True)).to_be_visible()
    owner.check_accessible("light")

    used.get_by_role("link", name="My dog is called Biscuit.", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My dog is called Biscuit.")
    page.set_viewport_size(PHONE)
    owner.check_fits()
    page.locator(".memory-facts a").first.click()
    page.wait_for_url(re.compile(re.escape(told_at)))
    expect(owner.questions.first).to_contain_text("My dog is called Biscuit.")
