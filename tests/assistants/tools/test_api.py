"""Tool calls over REST: what waits is told and decided by whoever asked, once or for good."""

from datetime import timedelta
from uuid import uuid4

import pytest

from assistants.models import Project, Run, ToolCall, ToolChoice
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.api.conftest import Caller
from tests.assistants.documents import shelf
from tests.assistants.tools.waiting import make_call

CALL = {"id": "call_1", "type": "function", "function": {"name": "web_page", "arguments": "{}"}}


@pytest.fixture
def api(db, owner) -> Caller:
    return Caller(owner)


@pytest.fixture
def other(db, admin) -> Caller:
    return Caller(admin)


@pytest.fixture
def asked(db, acme, owner):
    """An answer that waits for its person, with two calls."""
    with workspace_scope(acme.id):
        able = factories.make_assistant(owner.member, "Able", tools=["web_page", "calculator"])
        turn = factories.ask(owner.member, "Refunds?", assistant=able)
        run = factories.answer(turn.run, "", tool_calls=[CALL], finish_reason="approval")
        return turn, make_call(run), make_call(run, position=1, call_id="call_2")


def states(acme) -> list[str]:
    with workspace_scope(acme.id):
        return list(ToolCall.objects.order_by("position").values_list("state", flat=True))


def runs_of(acme, turn) -> list[Run]:
    with workspace_scope(acme.id):
        return list(Run.objects.filter(message_id=turn.answer.id).order_by("created_at"))


def test_calls_that_wait_are_listed_and_read(api, asked):
    turn, first, second = asked
    rows = api.rows("tool-calls")
    assert {each["id"] for each in rows} == {str(first.id), str(second.id)}
    one = api.get(f"tool-calls/{first.id}").json()
    assert one in rows
    assert {name: value for name, value in one.items() if name not in ("title", "created_at")} == {
        "id": str(first.id), "tool": "web_page", "state": "waiting", "argument": "https://example.com/refunds",
        "result": "", "is_asked": True, "run": str(turn.run.id), "conversation": str(turn.conversation.id),
        "message": str(turn.answer.id), "question": "May it read this page?",
    }  # fmt: skip
    of_run = api.rows(f"runs/{turn.run.id}/tool-calls")
    assert [each["id"] for each in of_run] == [str(first.id), str(second.id)]
    assert api.rows("tool-calls", fields="id", limit="1")[0].keys() == {"id"}
    assert api.rows(f"runs/{turn.run.id}/tool-calls", fields="state") == [{"state": "waiting"}] * 2


def test_answer_goes_on_when_none_of_its_calls_waits(api, acme, asked):
    turn, first, second = asked
    allowed = api.post(f"tool-calls/{first.id}/approve")
    assert (allowed.status_code, allowed.json()["run"], allowed.json()["events_url"]) == (200, None, None)
    assert (allowed.json()["call"]["is_asked"], states(acme)) == (False, ["running", "waiting"])
    assert [each["id"] for each in api.rows("tool-calls")] == [str(second.id)]
    refused = api.post(f"tool-calls/{second.id}/refuse").json()
    former, going = runs_of(acme, turn)
    assert (refused["run"], refused["events_url"]) == (str(going.id), f"/api/v1/runs/{going.id}/events")
    assert (refused["call"]["state"], states(acme)) == ("refused", ["running", "refused"])
    assert api.rows("tool-calls") == []
    assert [each["state"] for each in api.rows(f"runs/{going.id}/tool-calls")] == ["running", "refused"]
    actions = AuditEntry.objects.filter(workspace_id=acme.id, action__startswith="tool.").order_by("id")
    assert list(actions.values_list("action", flat=True)) == ["tool.allowed", "tool.refused"]


def test_second_decision_changes_nothing(api, acme, asked):
    turn, first, _ = asked
    api.post(f"tool-calls/{first.id}/refuse")
    again = api.post(f"tool-calls/{first.id}/approve")
    assert (again.status_code, again.json()["run"], again.json()["call"]["state"]) == (200, None, "refused")
    assert (states(acme), len(runs_of(acme, turn))) == (["refused", "waiting"], 1)


@pytest.mark.parametrize(
    ("verb", "answer", "state"), [("approve", "always", "running"), ("refuse", "never", "refused")]
)
def test_standing_decision_takes_the_others_with_it_and_can_be_forgotten(
    api, acme, asked, verb, answer, state
):
    turn, first, _ = asked
    body = api.post(f"tool-calls/{first.id}/{verb}", always=True).json()
    assert (body["run"], states(acme)) == (str(runs_of(acme, turn)[-1].id), [state, state])
    (choice,) = api.rows("tool-choices")
    assert (choice["tool"], choice["answer"], choice["assistant"]) == (
        "web_page", answer, str(turn.run.assistant_id),
    )  # fmt: skip
    one = f"tool-choices/{choice['assistant']}/web_page"
    assert api.get(one).json() == choice
    assert api.rows("tool-choices", fields="answer") == [{"answer": answer}]
    assert api.send_if('"stale"', "delete", one).status_code == 412
    assert api.delete(one).status_code == 204
    assert (api.get(one).status_code, api.delete(one).status_code, api.rows("tool-choices")) == (404, 404, [])


@pytest.mark.parametrize("always", ["perhaps", None, [True]])
def test_decision_that_is_none_is_refused(api, acme, asked, always):
    refused = api.post(f"tool-calls/{asked[1].id}/approve", always=always)
    assert (refused.status_code, refused.json()["code"], list(refused.json()["fields"])) == (
        400, "invalid", ["always"],
    )  # fmt: skip
    assert states(acme) == ["waiting", "waiting"]


def test_answer_that_was_begun_anew_waits_for_nothing(api, acme, asked):
    turn, first, _ = asked
    with workspace_scope(acme.id):
        later = Run.objects.get(id=turn.run.id)
        later.pk, later.receipt_id = uuid4(), None
        later.created_at += timedelta(seconds=1)
        later.save(force_insert=True)
    assert api.rows("tool-calls") == []
    refused = api.post(f"tool-calls/{first.id}/approve")
    assert (refused.status_code, refused.json()["code"]) == (409, "answer_went_on")
    assert states(acme) == ["waiting", "waiting"]


def test_another_person_and_another_workspace_find_nothing(api, other, globex_owner, acme, asked):
    turn, first, _ = asked
    with workspace_scope(acme.id):
        ToolChoice.objects.create(
            person_id=api.member.user_id, assistant_id=turn.run.assistant_id, tool="web_page", answer="always",
            updated_at=first.created_at,
        )  # fmt: skip
    for caller in (other, Caller(globex_owner)):
        assert (caller.rows("tool-calls"), caller.rows("tool-choices")) == ([], [])
        for response in (
            caller.get(f"tool-calls/{first.id}"),
            caller.post(f"tool-calls/{first.id}/approve"),
            caller.post(f"tool-calls/{first.id}/refuse", always=True),
            caller.get(f"runs/{turn.run.id}/tool-calls"),
            caller.get(f"tool-choices/{turn.run.assistant_id}/web_page"),
            caller.delete(f"tool-choices/{turn.run.assistant_id}/web_page"),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert states(acme) == ["waiting", "waiting"]
    assert len(api.rows("tool-choices")) == 1, "the control"


def test_colleague_of_the_project_sees_the_calls_and_decides_none(api, member, owner, acme, asked):
    turn, first, _ = asked
    with workspace_scope(acme.id):
        project = shelf.make_project(owner, member)
        assert isinstance(project, Project)
        turn.conversation.project = project
        turn.conversation.save(update_fields=["project"])
    below = Caller(member)
    rows = below.rows(f"runs/{turn.run.id}/tool-calls")
    assert [(each["state"], each["is_asked"]) for each in rows] == [("waiting", False)] * 2
    assert below.post(f"tool-calls/{first.id}/approve").status_code == 404
    assert states(acme) == ["waiting", "waiting"]


def test_key_that_may_only_read_decides_nothing(owner, acme, asked):
    reader = Caller(owner, ["read"])
    assert len(reader.rows("tool-calls")) == 2
    refused = reader.post(f"tool-calls/{asked[1].id}/approve")
    assert (refused.status_code, refused.json()["needs"]) == (403, "chat")
    assert states(acme) == ["waiting", "waiting"]
    assert not any(each["is_asked"] for each in reader.rows("tool-calls"))


def test_tools_for_assistants(api):
    rows = {each["name"]: each for each in api.rows("tools")}
    assert {name: each["asks"] for name, each in rows.items()} == {
        "documents": False, "memory": False, "calculator": False, "web_page": True, "clock": False,
    }  # fmt: skip
    assert rows["calculator"].keys() == {"name", "title", "description", "asks"}


def test_list_costs_the_same_with_many(api, acme, owner, asked):
    few = api.queries("tool-calls")
    with workspace_scope(acme.id):
        for number in range(4):
            turn = factories.ask(owner.member, f"Refunds {number}?")
            run = factories.answer(turn.run, "", tool_calls=[CALL], finish_reason="approval")
            make_call(run)
    assert len(api.rows("tool-calls")) == 6
    assert api.queries("tool-calls") == few
