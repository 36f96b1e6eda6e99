"""Assistants beyond the plan's number: the oldest stay usable, the others can be read, nothing is deleted."""

import pytest

from assistants.builder import queries, services
from assistants.chat import services as chat_services
from assistants.models import Assistant, Conversation, Run
from tenants.scope import workspace_scope
from tests import factories
from usage.features import queries as features
from usage.features import services as features_services
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Meter


def plan_with(acme, assistants: int | None) -> None:
    """As entitlements push it: limits, then the process forgets what it kept."""
    specs = [LimitSpec(Meter.MESSAGES, "month", None), LimitSpec(Meter.ASSISTANTS, "total", assistants)]
    limits.push_plan(workspace_id=acme.id, limits=specs)
    features_services.forget_with_commit(acme.id)


@pytest.fixture
def three(in_acme, acme, owner) -> list[Assistant]:
    """Steward and two more; the plan holds two."""
    made = [
        queries.get_default_assistant(owner.member),
        *(factories.make_assistant(owner.member, n) for n in ("Two", "Three")),
    ]
    plan_with(acme, 2)
    return made


def test_oldest_stay_usable(three, acme, owner):
    assert queries.list_over_plan(acme.id) == {three[2].id}
    for assistant in three[:2]:
        assert factories.ask(owner.member, assistant=assistant).run is not None
    services.edit_assistant(member=owner.member, assistant=three[1], changes={"instructions": "Short."})
    assert queries.access_assistant(owner.member, three[1].id).instructions == "Short."


def test_newer_one_takes_no_message(three, owner):
    with pytest.raises(queries.OverPlanLimit) as refused:
        factories.ask(owner.member, assistant=three[2])
    error = refused.value
    assert (error.code, error.status, error.data["limit"]) == ("over_plan_limit", 402, 2)
    assert error.message == (
        "The plan holds 2 assistants, and Three is newer than those. Nothing is deleted: it can be read, and works"
        " again with a larger plan."
    )
    assert (Conversation.objects.count(), Run.objects.count()) == (0, 0)


def test_newer_one_is_not_edited(three, owner):
    with pytest.raises(queries.OverPlanLimit):
        services.edit_assistant(member=owner.member, assistant=three[2], changes={"instructions": "Else"})
    assert queries.access_assistant(owner.member, three[2].id).instructions == ""


def test_talk_that_is_there_can_be_read_and_not_continued(in_acme, acme, owner):
    assistant = factories.make_assistant(owner.member, "Two")
    turn = factories.ask(owner.member, assistant=assistant)
    factories.answer(turn.run)
    plan_with(acme, 1)
    with pytest.raises(queries.OverPlanLimit):
        chat_services.send_message(
            member=owner.member, conversation=turn.conversation, text="And?", parent_id=turn.answer.id
        )
    assert turn.conversation.messages.count() == 2
    page = owner.browser().get(f"/w/acme/chat/{turn.conversation.id}/")
    assert (page.status_code, "What is a hold?" in page.content.decode()) == (200, True)


def test_larger_plan_makes_it_usable_again_at_once(three, acme, owner):
    plan_with(acme, 3)
    assert queries.list_over_plan(acme.id) == set()
    assert factories.ask(owner.member, assistant=three[2]).run is not None


def test_any_number_is_within_a_plan_without_one(three, acme):
    plan_with(acme, None)
    assert queries.list_over_plan(acme.id) == set()


def test_asking_costs_one_query_where_there_is_a_number(three, acme, assert_queries):
    features.state_of(acme.id)
    with assert_queries(1):
        queries.require_within_plan(acme.id, three[0])


def test_pages_show_what_is_read_only(db, acme, owner):
    with workspace_scope(acme.id):
        made = factories.make_assistant(owner.member, "Two")
    plan_with(acme, 1)
    browser = owner.browser()
    page = browser.get("/w/acme/assistants/")
    assert page.content.decode().count("Read-only: beyond the plan") == 1
    assert browser.get(f"/w/acme/assistants/{made.id}/").status_code == 200
    form = {
        "name": "Other", "description": "", "instructions": "", "model": "gpt-4o", "temperature": "0.2",
        "max_output_tokens": "500",
    }  # fmt: skip
    response = browser.post(f"/w/acme/assistants/{made.id}/", form)
    assert (response.status_code, response.context["code"]) == (402, "over_plan_limit")
    with workspace_scope(acme.id):
        assert queries.access_assistant(owner.member, made.id).name == "Two"


def test_openai_call_of_a_newer_one_is_refused(db, acme, owner):
    with workspace_scope(acme.id):
        made = factories.make_assistant(owner.member, "Two")
    plan_with(acme, 1)
    client = factories.with_key(factories.make_key(owner.member))
    body = {"model": f"assistant:{made.slug}", "messages": [{"role": "user", "content": "Hello"}]}
    response = client.post("/v1/chat/completions", body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["meter"]) == (429, "assistants")
    with workspace_scope(acme.id):
        assert Run.objects.count() == 0
