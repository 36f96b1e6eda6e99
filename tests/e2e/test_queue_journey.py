"""Two people of a project look at one conversation: the second sees an answer arrive, and both ask while one runs."""

import re

from playwright.sync_api import Browser, expect

from tests.e2e.conftest import PHONE, WIDE
from tests.e2e.visits import Visit, Watch
from tests.patience import PATIENCE_MS

WORDS = "Alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon. "


def test_an_answer_arrives_on_two_pages_and_questions_wait_for_it(
    owner, browser: Browser, watch: Watch, cookies
):
    owner.go("/w/acme/projects/")
    owner.page.get_by_role("link", name="Release 2.5").first.click()
    owner.page.locator("main").get_by_role("link", name="New chat").click()
    owner.ask("First.", tokens=10, rate=0)
    owner.page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    owner.wait_final()
    context = browser.new_context(viewport=WIDE)
    watch.attach(context)
    context.add_cookies(cookies("acme", "member"))
    colleague = Visit(context.new_page(), owner.origin, "acme")
    colleague.page.goto(owner.page.url)
    expect(colleague.answers).to_have_count(1)

    owner.ask("Second.", exact=WORDS * 6, rate=25)
    expect(colleague.questions).to_have_count(2, timeout=PATIENCE_MS)
    colleague.wait_for_text(10)
    owner.ask("Third.", tokens=10, rate=0)
    owner.ask("Not this one.")
    colleague.ask("Fourth.", tokens=10, rate=0)

    waiting = owner.page.get_by_role("region", name="Waiting questions")
    expect(waiting.locator("[data-follow-up-text]")).to_have_text([re.compile("Third"), "Not this one."])
    expect(owner.composer).to_have_value("")
    waiting.get_by_role("button", name="Edit: Not this one.").click()
    expect(owner.composer).to_have_value("Not this one.")
    expect(waiting.locator("[data-follow-up-text]")).to_have_count(1)
    expect(colleague.page.get_by_role("region", name="Waiting questions")).to_contain_text("Fourth.")

    for visit in (owner, colleague):
        expect(visit.questions).to_have_count(4, timeout=PATIENCE_MS)
        expect(visit.questions.nth(2)).to_contain_text("Third.")
        expect(visit.questions.nth(3)).to_contain_text("Fourth.")
        visit.wait_final()
        expect(visit.answers.nth(1).locator(".prose")).to_have_text((WORDS * 6).strip())
        expect(visit.page.get_by_role("region", name="Waiting questions")).to_be_hidden()
    expect(owner.composer).to_have_value("Not this one.")
    context.close()


def test_a_stop_keeps_what_waits_until_it_is_sent(owner):
    owner.start("Talk long.", tokens=3000, rate=30)
    owner.wait_for_text(20)
    owner.ask("Then this.", tokens=10, rate=0)
    waiting = owner.page.get_by_role("region", name="Waiting questions")
    expect(waiting).to_contain_text("Then this.")

    owner.page.get_by_role("button", name="Stop the answer").click()

    owner.wait_final("stopped")
    expect(waiting).to_contain_text("The answer before was stopped.")
    owner.check_accessible()
    owner.page.set_viewport_size(PHONE)
    owner.check_fits()
    waiting.get_by_role("button", name="Send now").click()
    expect(owner.questions).to_have_count(2)
    expect(waiting).to_be_hidden()
    owner.wait_final()
