"""From the landing page to the first answer, by somebody whom the product has never seen."""

import re
from uuid import uuid4

from playwright.sync_api import expect

EMAIL = f"newcomer-{uuid4().hex[:8]}@example.test"
PASSWORD = "a-long-enough-Passphrase-7"
QUESTION = "Write a function in Python that greets people."


def test_a_newcomer_signs_up_confirms_and_gets_a_first_answer(stranger):
    page = stranger.page
    stranger.go("/")
    page.get_by_role("link", name="Sign up").first.click()

    expect(page.get_by_role("heading", name="Create an account")).to_be_visible()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/accounts/confirm-email/")
    stranger.check_accessible()

    stranger.go("/dev/mail/")
    page.get_by_role("link", name=re.compile(re.escape(EMAIL))).first.click()
    expect(page.get_by_role("heading", name="Links in this mail")).to_be_visible()
    stranger.check_accessible()
    page.get_by_role("link", name=re.compile("confirm-email")).click()
    expect(page.get_by_role("heading", name="Confirm your e-mail address")).to_be_visible()
    stranger.check_accessible()
    page.get_by_role("button", name="Yes, confirm").click()

    page.wait_for_url(re.compile(r"/w/newcomer-[0-9a-z-]+/$"))
    stranger.check_accessible()
    page.get_by_role("link", name="Ask a first question").click()
    expect(stranger.composer).to_be_focused()

    stranger.ask(QUESTION, rate=25)
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    first = stranger.wait_for_text(1)
    assert stranger.answers.last.get_attribute("data-state") in ("queued", "running")
    assert stranger.wait_for_text(first + 40) > first

    answer = stranger.wait_final()
    expect(answer.locator(".prose")).to_contain_text("This is a simulated answer.")
    expect(answer.locator(".prose strong").first).to_be_visible()
    expect(answer.locator("pre")).to_contain_text("def answer() -> str:")
    expect(stranger.questions.last).to_contain_text(QUESTION)
    stranger.check_accessible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer.locator("[data-code]").get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def answer() -> str:")
    assert copied == answer.locator("pre").inner_text().rstrip("\n")


def test_a_wrong_password_is_refused_and_the_address_is_kept(stranger, demo):
    person = demo["acme"]["people"][0]
    stranger.go("/accounts/login/")
    page = stranger.page

    page.get_by_label("Email").fill(person["email"])
    page.get_by_label("Password", exact=True).fill("not-the-password")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_label("Email")).to_have_value(person["email"])
    stranger.check_accessible()
    page.get_by_label("Password", exact=True).fill(person["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/w/acme/")
