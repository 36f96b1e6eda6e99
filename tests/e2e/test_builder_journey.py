"""An assistant from a template: its draft is tested before it is saved, versions compared, and a starter asks it."""

import re
from uuid import uuid4

from playwright.sync_api import expect

from tests.e2e.conftest import PHONE
from tests.patience import PATIENCE_MS


def ask_draft(page, text: str):
    page.get_by_label("Question").fill(text)
    page.get_by_label("Question").press("Enter")
    answer = page.locator(".trial article.message-assistant").last
    expect(answer).to_have_attribute("data-state", "final", timeout=PATIENCE_MS)
    return answer


def test_an_assistant_is_built_from_a_template_and_its_draft_tested(owner, watch):
    watch.expected_statuses.add(422)
    page, name = owner.page, f"Charlie {uuid4().hex[:6]}"
    owner.go("/w/acme/assistants/")
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("link", name="Teaching assistant").click()
    expect(page.get_by_label("Instructions")).to_have_value(re.compile("patient teaching assistant"))

    page.get_by_label("Name").fill(name)
    page.get_by_label("Instructions").fill("Answer in riddles.")
    page.get_by_label("Temperature").fill("7")
    page.get_by_label("Question").fill("What is a prime?")
    page.get_by_role("button", name="Ask the draft").click()
    expect(page.get_by_text("Mend the draft first: Temperature")).to_be_visible()
    expect(page.get_by_label("Question")).to_have_value("What is a prime?")
    page.get_by_label("Temperature").fill("0.4")

    first = ask_draft(page, "What is a prime?")
    expect(first).to_contain_text("Answer in riddles")
    page.get_by_label("Instructions").fill("Answer in rhymes.")
    expect(ask_draft(page, "And the next?")).to_contain_text("Answer in rhymes")
    expect(page.locator(".trial article.message-user")).to_have_count(2)
    owner.check_accessible()

    page.get_by_role("button", name="Create assistant").click()
    expect(page.get_by_text(f"{name} is ready.")).to_be_visible()
    expect(page.get_by_text("What is a prime?")).to_have_count(0)  # a test is no conversation
    page.get_by_role("link", name=f"Edit {name}").click()
    page.get_by_label("Instructions").fill("Answer in prose.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(f"{name} is saved.")).to_be_visible()
    owner.check_accessible()
    page.set_viewport_size(PHONE)
    owner.check_fits()
    page.set_viewport_size({"width": 1280, "height": 900})

    page.get_by_role("link", name="Versions").click()
    owner.check_accessible()
    page.get_by_role("link", name="Compare version 2").click()
    expect(page.locator("del")).to_have_text("Answer in rhymes.")
    expect(page.locator("ins")).to_have_text("Answer in prose.")
    owner.check_accessible()
    page.go_back()
    page.get_by_role("button", name="Pin version 1").click()
    expect(page.get_by_text("Version 1 is in use")).to_be_visible()

    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Chat", exact=True).last.click()
    owner.check_accessible()
    page.get_by_role("button", name="Quiz me with five questions").click()
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    expect(owner.wait_final()).to_contain_text("Answer in rhymes")
