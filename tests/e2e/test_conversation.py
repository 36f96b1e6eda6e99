"""A conversation in the browser: stop, edit, branch, regenerate, failure, reload, two tabs, drafts."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.visits import Visit
from tests.patience import PATIENCE_MS

LONG = {"tokens": 3000, "rate": 30}
QUICK = {"tokens": 30, "rate": 0}
WORDS = "Alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon. "
EXACT = WORDS * 3


def test_stopping_keeps_what_was_said(owner):
    owner.start("Talk long.", **LONG)
    seen = owner.wait_for_text(80)

    owner.page.get_by_role("button", name="Stop the answer").click()

    answer = owner.wait_final("stopped")
    expect(answer).to_contain_text("Stopped")
    text = answer.locator(".prose").inner_text()
    assert len(text) >= seen * 0.8
    owner.page.reload()
    assert owner.answers.last.locator(".prose").inner_text() == text
    expect(owner.page.get_by_role("button", name="Send")).to_be_visible()


def test_an_edited_question_is_a_branch_beside_the_old_one(owner):
    owner.start("The first wording.", **QUICK)
    owner.wait_final()
    owner.ask("A follow-up.", **QUICK)
    expect(owner.questions).to_have_count(2)
    owner.wait_final()

    first = owner.questions.first
    first.hover()
    first.locator("summary", has_text="Edit question").click()
    editor = first.get_by_label("Edit your question")
    expect(editor).to_be_focused()
    editor.fill("The second wording.")
    first.get_by_role("button", name="Send again").click()

    expect(owner.questions).to_have_count(1)
    expect(owner.questions.first.locator("[data-copy-text]")).to_have_text("The second wording.")
    owner.wait_final()
    expect(owner.questions.first.locator(".siblings")).to_contain_text("2/2")
    expect(owner.composer).to_be_focused()
    owner.page.get_by_role("link", name="Former version").click()
    expect(owner.questions).to_have_count(2)
    expect(owner.questions.first).to_contain_text("The first wording.")
    expect(owner.questions.last).to_contain_text("A follow-up.")
    owner.page.get_by_role("link", name="Next version").click()
    expect(owner.questions).to_have_count(1)
    expect(owner.questions.first).to_contain_text("The second wording.")
    owner.check_accessible()


def test_escape_puts_the_edited_question_back(owner):
    owner.start("As it was.", **QUICK)
    owner.wait_final()
    question = owner.questions.first
    question.hover()
    question.locator("summary", has_text="Edit question").click()
    editor = question.get_by_label("Edit your question")
    editor.fill("Something else.")

    editor.press("Escape")

    expect(editor).to_be_hidden()
    question.locator("summary", has_text="Edit question").click()
    expect(editor).to_have_value(re.compile(r"^As it was\."))


def test_answering_again_gives_another_answer_beside_the_first(owner):
    owner.start("Answer twice.", **QUICK)
    owner.wait_final().get_by_role("button", name="Answer again").click()

    expect(owner.answers.last.locator(".siblings")).to_contain_text("2/2", timeout=PATIENCE_MS)
    owner.wait_final()
    expect(owner.questions).to_have_count(1)
    expect(owner.answers).to_have_count(1)


def test_a_failed_answer_says_why_and_can_be_tried_again(owner):
    owner.start("Fail first.", fault=500, times=3, only="stream", key=uuid4().hex, tokens=30, rate=0)

    answer = owner.wait_final("failed")
    expect(answer.locator(".alert-title")).to_have_text("The model did not answer")
    owner.check_accessible()
    answer.get_by_role("button", name="Try again").click()

    expect(owner.wait_final().locator(".prose")).to_contain_text("This is a simulated answer.")
    expect(owner.answers).to_have_count(1)
    expect(owner.answers.locator(".alert-title")).to_have_count(0)


def test_an_answer_cut_midway_keeps_its_text_beside_the_reason(owner):
    owner.start("Cut.", fault="cut", after=20, tokens=100, rate=100)

    answer = owner.wait_final("failed")

    expect(answer.locator(".alert-title")).to_have_text("The answer was cut off")
    expect(answer.locator(".prose")).to_contain_text("This is a simulated answer.")


def test_a_reload_midway_goes_on_where_it_was(owner):
    owner.start("Reload.", exact=EXACT, rate=25)
    seen = owner.wait_for_text(40)

    owner.page.reload()

    assert owner.wait_for_text(seen + 20) > seen
    assert EXACT.startswith(owner.stream.text_content())
    assert owner.wait_final().locator(".prose").inner_text() == EXACT.strip()


def test_two_tabs_show_the_same_answer(owner):
    owner.start("Two tabs.", exact=EXACT, rate=25)
    owner.wait_for_text(20)
    second = Visit(owner.page.context.new_page(), owner.origin, owner.workspace)
    second.page.goto(owner.page.url)
    second.wait_for_text(40)

    texts = {visit.wait_final().locator(".prose").inner_text() for visit in (owner, second)}

    assert texts == {EXACT.strip()}


def test_closing_the_tab_loses_nothing(owner, books, provider):
    key = uuid4().hex
    owner.start("Close.", exact=EXACT, rate=40, key=key)
    owner.wait_for_text(20)
    url = owner.page.url
    owner.page.close()
    (request,) = (each for each in provider.requests(key) if each["stream"] and each["client_request_id"])
    books.wait_final([request["client_request_id"].rsplit("-", 1)[0]])

    later = Visit(owner.page.context.new_page(), owner.origin, owner.workspace)
    later.page.goto(url)

    assert later.wait_final().locator(".prose").inner_text() == EXACT.strip()
    states = {each["id"]: each["state"] for each in provider.requests(key)}
    assert states[request["id"]] == "completed"


def test_a_draft_survives_a_reload_and_goes_when_it_is_sent(owner):
    owner.open_chat()
    owner.composer.fill("Half a thought")
    owner.page.reload()
    expect(owner.composer).to_have_value("Half a thought")

    owner.ask("A whole thought.", **QUICK)

    owner.page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    expect(owner.composer).to_have_value("")
    owner.wait_final()
    owner.composer.fill("For this conversation only")
    owner.open_chat()
    expect(owner.composer).to_have_value("")
    owner.page.go_back()
    expect(owner.composer).to_have_value("For this conversation only")


def test_the_cost_is_asked_for_when_answers_begin_and_end_and_not_in_circles(owner):
    asked = []
    owner.page.on("request", lambda request: asked.append(request.url) if "/cost/" in request.url else None)
    # slow enough that its page sees it run and end
    with owner.page.expect_request(re.compile("/cost/")):
        owner.start("Dear or cheap?", tokens=30, rate=15)
        owner.wait_final()
    owner.page.wait_for_timeout(500)
    assert 1 <= len(asked) <= 2


def test_a_draft_is_kept_when_sending_fails(owner, watch):
    owner.start("Before.", **QUICK)
    owner.wait_final()
    owner.page.context.set_offline(True)
    watch.errors.clear()

    owner.ask("Nobody hears this")

    expect(owner.page.locator("#composer-problem")).to_contain_text("Not sent")
    expect(owner.composer).to_have_value("Nobody hears this")
    owner.page.context.set_offline(False)
    watch.errors.clear()  # the browser itself says that it was offline
    owner.ask("Now they do.", **QUICK)
    expect(owner.questions).to_have_count(2)
    expect(owner.page.locator("#composer-problem")).to_have_text("")
    owner.wait_final()


def test_enter_sends_and_shift_enter_starts_a_line(owner):
    owner.start("Lines.", **QUICK)
    owner.wait_final()
    owner.composer.press_sequentially("one")
    owner.composer.press("Shift+Enter")
    owner.composer.press_sequentially("two")
    expect(owner.composer).to_have_value("one\ntwo")
    expect(owner.questions).to_have_count(1)

    owner.composer.press("Enter")

    expect(owner.questions).to_have_count(2)
    expect(owner.questions.last.locator("[data-copy-text]")).to_have_text("one\ntwo")
    expect(owner.composer).to_have_value("")
    expect(owner.composer).to_be_focused()
    owner.wait_final()


def test_an_empty_question_is_not_sent(owner):
    owner.open_chat()
    owner.composer.fill("   ")

    owner.composer.press("Enter")

    expect(owner.composer).to_have_value("   ")
    assert owner.page.url.endswith("/chat/")


@pytest.mark.parametrize("name", ["Code reviewer", "Release notes"])
def test_a_new_chat_goes_to_the_chosen_assistant(owner, name):
    owner.open_chat()
    owner.page.get_by_label("Assistant", exact=True).select_option(label=name)

    owner.ask("Who are you?")

    owner.page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    expect(owner.wait_final().locator(".message-author")).to_have_text(name)
    expect(owner.composer).to_have_attribute("placeholder", f"Ask {name}")
