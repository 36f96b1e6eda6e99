"""The test panel: the unsaved draft answers, metered, and in no conversation."""

import pytest

from assistants.builder import drafts, queries, services, trials
from assistants.builder.refusals import AssistantRefused
from assistants.documents.queries import scope_of
from assistants.models import Assistant, Conversation, Message, Run
from assistants.prompting import builder as prompting
from config import errors
from tenants.scope import enter, workspace_scope
from tests import factories
from tests.assistants import streams
from tests.assistants.builder import papers
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Hold, Limit, SubjectKind

URL = "/w/acme/assistants/test/"
DRAFT = {
    "name": "Draft", "description": "", "instructions": "Speak like a pirate.", "model": "gpt-4o",
    "temperature": "0.2", "max_output_tokens": "300", "uses_memory": "on", "question": "What is a hold?",
}  # fmt: skip
HTMX = {"HTTP_HX_REQUEST": "true"}


def only_run(acme) -> Run:
    with workspace_scope(acme.id):
        return Run.objects.get()


def test_draft_is_asked_as_the_form_stands_and_nothing_is_saved(db, acme, owner):
    with workspace_scope(acme.id):
        saved = factories.make_assistant(owner.member, "Saved", instructions="Old words.")
    response = owner.browser().post(URL, DRAFT | {"assistant": saved.id}, **HTMX)
    run = only_run(acme)
    assert response.status_code == 200
    assert f"/w/acme/chat/runs/{run.id}/events/" in response.content.decode()
    with workspace_scope(acme.id):
        assert (Conversation.objects.count(), Message.objects.count()) == (0, 0)
        assert Assistant.objects.get(id=saved.id).instructions == "Old words."
        assert saved.versions.count() == 1
        prompt = prompting.build(prompting.ask_of(run)).messages
    assert prompt == [
        {"role": "system", "content": "Speak like a pirate."},
        {"role": "user", "content": "What is a hold?"},
    ]
    assert (run.model, run.request["temperature"], run.assistant_id) == ("gpt-4o", 0.2, saved.id)
    hold = Hold.objects.get(id=run.id)
    assert (hold.assistant_id, hold.state) == (saved.id, "held")


def test_next_question_follows_the_former_turns(in_acme, owner):
    first = factories.answer(factories.try_draft(owner.member, "One?"), "First.")
    stranger_to_it = factories.ask(owner.member).run
    second = factories.try_draft(
        owner.member, "Two?", earlier=queries.list_trials(owner.member, [first.id, stranger_to_it.id])
    )
    told = prompting.build(prompting.ask_of(second)).messages
    assert [(each["role"], each["content"]) for each in told] == [
        ("user", "One?"), ("assistant", "First."), ("user", "Two?"),
    ]  # fmt: skip


def test_tests_of_others_are_not_found_and_never_told(in_acme, owner, admin):
    theirs = factories.answer(factories.try_draft(admin.member, "SECRET?"), "SECRET.")
    assert queries.list_trials(owner.member, [theirs.id]) == []
    with pytest.raises(errors.NotFound):
        queries.access_trial(owner.member, theirs.id)
    assert queries.access_trial(admin.member, theirs.id).id == theirs.id  # the control


def test_draft_that_cannot_be_is_refused_and_charges_nothing(in_acme, owner):
    for fields in ({"question": "  "}, {"question": "x" * 20_001}, {"tools": ["shell"]}):
        with pytest.raises(AssistantRefused):
            factories.try_draft(owner.member, **fields)
    assert Run.objects.count() == 0


def test_limit_of_the_assistant_holds_for_its_test(in_acme, acme, owner):
    saved = factories.make_assistant(owner.member, "Saved")
    spec = LimitSpec("messages", "day", 0, subject_kind=SubjectKind.ASSISTANT, subject_id=str(saved.id))
    limits.set_limit(workspace_id=acme.id, spec=spec, source=Limit.Source.WORKSPACE, actor=owner.member.actor)
    with pytest.raises(errors.DomainError) as refused:
        factories.try_draft(owner.member, assistant=saved)
    assert refused.value.code == "quota_exceeded"
    assert factories.try_draft(owner.member).state == "queued"  # the control: without an assistant


def test_refused_question_comes_back_with_the_draft_filled(db, acme, owner):
    """Without scripts: the whole form is there again."""
    response = owner.browser().post(URL, DRAFT | {"temperature": "9"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "Speak like a pirate." in page
    assert ">What is a hold?</textarea>" in page
    assert "Mend the draft first: Temperature: Choose a value from 0 to 2." in page
    with workspace_scope(acme.id):
        assert Run.objects.count() == 0


def test_refusal_for_htmx_is_a_fragment_with_its_status(db, acme, owner):
    response = owner.browser().post(URL, DRAFT | {"question": ""}, **HTMX)
    assert response.status_code == 422
    assert 'data-problem="assistant_refused"' in response.content.decode()


def test_without_scripts_the_answer_is_shown_when_asked_again(db, acme, owner):
    browser = owner.browser()
    first = browser.post(URL, DRAFT)
    run = only_run(acme)
    assert f'name="told" value="{run.id}"' in first.content.decode()
    assert 'method="post" action="/w/acme/assistants/new/"' in first.content.decode(), (
        "saving is saving still"
    )
    with workspace_scope(acme.id):
        factories.answer(run, "Arr, **a hold**.")
    again = browser.post(URL, DRAFT | {"question": "", "told": str(run.id)})
    assert again.status_code == 200
    assert "Arr, <strong>a hold</strong>." in again.content.decode()
    assert only_run(acme).id == run.id, "looking asks nothing"


def test_answer_is_a_fragment_with_its_cost(db, acme, owner):
    browser = owner.browser()
    browser.post(URL, DRAFT, **HTMX)
    run = only_run(acme)
    with workspace_scope(acme.id):
        factories.answer(run, "Arr.")
    page = browser.get(f"{URL}{run.id}/").content.decode()
    assert 'data-state="final"' in page
    assert "data-events-url" not in page
    assert "Arr." in page


def test_draft_is_never_saved_as_an_assistant(in_acme, owner):
    run = factories.try_draft(owner.member, instructions="Draft.")
    before = Assistant.objects.count()
    found = drafts.assistant_of(run)
    assert (found.instructions, found._state.adding) == ("Draft.", True)
    assert Assistant.objects.count() == before
    assert drafts.assistant_of(factories.ask(owner.member).run).name == "Steward"


def test_knowledge_of_a_draft_is_what_its_form_says(in_acme, owner, member):
    """What a colleague gave the saved one stays; what is a colleague's alone is not reached by a test."""
    saved = factories.make_assistant(owner.member, "Saved")
    given, private = papers.make(member.member, name="Given"), papers.make(member.member, name="Private")
    own = papers.make(owner.member, name="Own")
    services.edit_assistant(member=member.member, assistant=saved, changes={"knowledge": [given.id]})
    run = factories.try_draft(owner.member, assistant=saved, knowledge=[own.id, private.id])
    assert set(drafts.knowledge_of(drafts.assistant_of(run))) == {given.id, own.id}
    assert drafts.knowledge_of(saved) == [given.id]
    found = [
        set(papers.found_by(scope_of(assistant=each, conversation=None)))
        for each in (saved, drafts.assistant_of(run))
    ]
    assert found == [{given.id}, {given.id, own.id}]


def test_worker_streams_it_like_every_answer(stage):
    """Through the engine and the simulated provider, which quotes what reached it."""
    with enter(stage.workspace):
        run = trials.start_trial(
            member=stage.member, assistant=None, question="Hello?", earlier=[],
            draft=factories.Content(name="Draft", model="gpt-4o-mini", instructions="Speak like a pirate."),
        )  # fmt: skip
    stage.execute(run)
    row = stage.reload(run)
    assert (row.state, row.message_id) == ("done", None)
    assert "Speak like a pirate" in row.text
    assert row.receipt_id is not None
    streams.wait_until(lambda: stage.events(run)[-1:][0][0] == "done", "no end was told")
    assert streams.said(stage.events(run)) == row.text
