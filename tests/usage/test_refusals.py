"""A refusal names every limit in the same words on pages, in the REST API and in OpenAI's protocol."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import RequestFactory

from assistants.models import Conversation, Run
from assistants.openai import responder
from assistants.runs import responder as runs_responder
from config import errors
from tenants import audit
from tenants.models import Workspace
from tenants.scope import workspace_scope
from tests import factories
from tests.usage.books import write_entry
from usage import money
from usage.holds import explain
from usage.holds.types import QuotaExceeded
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Counter, Hold, Limit

CHAT = "/w/acme/chat/"
UPGRADE = "http://127.0.0.1:8000/w/acme/billing/"


@pytest.fixture
def used_up(db, acme):
    """Two messages a day, one used and one held by a run that goes on… and both already used for the person."""
    start = datetime.now(UTC).date()
    spec = LimitSpec("messages", "day", 2)
    limits.set_limit(workspace_id=acme.id, spec=spec, source=Limit.Source.PLAN, actor=audit.SYSTEM)
    Counter.objects.update_or_create(
        workspace_id=acme.id, subject_kind="workspace", subject_id="", meter="messages", window="day",
        window_start=start, defaults={"used": 2, "held": 0},
    )  # fmt: skip


def post(client, text="Tell me", **headers):
    return client.post(CHAT, {"text": text}, headers=headers)


def test_htmx_gets_a_dialog_with_the_limit(used_up, member):
    response = post(member.browser(), **{"HX-Request": "true"})
    page = " ".join(response.content.decode().split())
    assert response.status_code == 402
    assert 'data-problem="quota_exceeded"' in page
    assert "<dialog" in page and "data-dialog-now" in page
    assert "Messages today, for this workspace" in page
    for line in (
        "<dt>Used</dt><dd>2</dd>",
        "<dt>Held by running answers</dt><dd>0</dd>",
        "<dt>This would need</dt><dd>1</dd>",
        "<dt>Together</dt><dd>3</dd>",
        "<dt>Limit</dt><dd>2</dd>",
    ):
        assert line in page
    assert "00:00 (UTC)" in page
    assert "It can be raised by an owner, by changing the plan." in page
    assert 'href="/w/acme/usage/"' in page, "no plan lifts it, and a member may not see billing"
    assert " style=" not in page


def test_reset_is_told_in_the_workspaces_zone(used_up, member, acme):
    Workspace.objects.filter(id=acme.id).update(timezone="Asia/Kathmandu")
    now = datetime.now(UTC)
    for day in {now.date(), now.astimezone(ZoneInfo("Asia/Kathmandu")).date()}:
        Counter.objects.update_or_create(
            workspace_id=acme.id, subject_kind="workspace", subject_id="", meter="messages", window="day",
            window_start=day, defaults={"used": 2, "held": 0},
        )  # fmt: skip
    page = post(member.browser(), **{"HX-Request": "true"}).content.decode()
    assert "00:00 (+0545)" in page


def test_page_without_scripts_keeps_what_was_typed(used_up, member):
    response = post(member.browser(), text="A <long> thought")
    page = response.content.decode()
    assert response.status_code == 402
    assert "A &lt;long&gt; thought</textarea>" in page
    assert "Messages today, for this workspace" in page and 'href="/w/acme/usage/"' in page


def test_nothing_of_a_refused_question_stays(used_up, member, acme):
    before = Hold.objects.count()
    post(member.browser(), **{"HX-Request": "true"})
    assert Hold.objects.count() == before
    with workspace_scope(acme.id):
        assert not Conversation.objects.filter(title="Tell me").exists()


def test_rest_gives_problem_details(used_up, member):
    client = factories.with_key(factories.make_key(member.member))
    response = client.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json")
    assert response.status_code == 402
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (body["code"], body["upgrade_url"]) == ("quota_exceeded", UPGRADE)
    [line] = body["limits"]
    assert {name: line[name] for name in ("meter", "subject", "window", "limit", "used", "held", "needed")} == {
        "meter": "messages", "subject": "workspace", "window": "day", "limit": 2, "used": 2, "held": 0, "needed": 1,
    }  # fmt: skip
    assert line["who_can_raise"] == "an owner, by changing the plan"
    assert line["after"] == 3
    assert line["text"] == body["detail"]
    assert line["text"].startswith(
        "Messages today, for this workspace: 2 used, 0 held by running answers, 1 needed; that is 3, and the limit "
        "is 2. It begins anew on "
    )
    assert line["text"].endswith("at 00:00 (UTC). It can be raised by an owner, by changing the plan.")
    assert datetime.fromisoformat(line["resets_at"]) > datetime.now(UTC)


def test_money_is_said_with_the_line_at_which_new_answers_stop():
    line = {
        "meter": "cost_micro", "subject": "person", "window": "total", "start": "1970-01-01", "amount": 2_000_000,
        "line": 1_900_000, "used": 1_899_999, "held": 9_500, "need": 501,
    }  # fmt: skip
    assert explain.describe(line, zone="UTC")["text"] == (
        "Spend in total, for you: $1.89 used, $0.0095 held by running answers, $0.000501 needed; that is $1.91, and "
        "new answers stop at $1.90 of $2.00. It does not begin anew. It can be raised by an administrator of the "
        "workspace."
    )


def test_openai_gives_429_insufficient_quota_that_is_not_retried(used_up, member):
    client = factories.with_key(factories.make_key(member.member))
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    response = client.post("/v1/chat/completions", body, content_type="application/json")
    assert response.status_code == 429
    assert response["x-should-retry"] == "false"
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert error["limits"][0]["used"] == 2
    assert error["upgrade_url"] == UPGRADE


@pytest.mark.parametrize(
    ("code", "status", "retry", "openai_code"),
    [("quota_busy", 429, "true", "quota_busy"), ("quota_exceeded", 429, "false", "insufficient_quota")],
)
def test_openai_call_that_waited_in_vain_says_so(code, status, retry, openai_code):
    response = responder._error(code)
    assert (response.status_code, response["x-should-retry"]) == (status, retry)
    assert json.loads(response.content)["error"]["code"] == openai_code


def test_refusal_without_limits_has_its_sentence(rf, member, acme):
    error = QuotaExceeded("This model has no price here.", code="model_unpriced", data={"limits": []})
    request = rf.post(CHAT, {"text": "x"})
    request.htmx, request.workspace = True, acme
    page = errors.render(request, error).content.decode()
    assert "This model has no price here." in page


@pytest.mark.parametrize("code", ["quota_busy", "quota_exceeded"])
def test_answer_that_ended_for_want_of_quota_has_a_box(in_acme, member, code):
    turn = factories.ask(member.member)
    Run.objects.filter(id=turn.run.id).update(state="failed", error_code=code, finished_at=datetime.now(UTC))
    page = member.browser().get(f"{CHAT}{turn.conversation.id}/").content.decode()
    words = {"quota_busy": "Others were first", "quota_exceeded": "A limit is used up"}
    assert words[code] in page
    assert ("See usage" in page) == (code == "quota_exceeded")


class TestWaiting:
    @pytest.fixture
    def turn(self, in_acme, member):
        turn = factories.ask(member.member)
        Hold.objects.filter(id=turn.run.id).update(state="waiting", ticket=1)
        return turn

    def test_page_says_what_it_waits_for(self, turn, member):
        page = member.browser().get(f"{CHAT}{turn.conversation.id}/").content.decode()
        assert ">Waiting for other answers to settle</span>" in page

    def test_queued_answer_waits_for_a_worker(self, turn, member):
        Hold.objects.filter(id=turn.run.id).update(state="held")
        page = member.browser().get(f"{CHAT}{turn.conversation.id}/").content.decode()
        assert ">Waiting for a free worker</span>" in page

    @pytest.mark.parametrize("is_waiting", [True, False])
    def test_events_begin_with_it(self, turn, member, monkeypatch, is_waiting):
        Hold.objects.filter(id=turn.run.id).update(state="waiting" if is_waiting else "held")
        seen = []
        monkeypatch.setattr(runs_responder, "_events", lambda viewer, after, waits, shown: seen.append(waits))
        response = runs_responder.stream_run(RequestFactory().get("/"), member=member.member, run=turn.run)
        with suppress(TypeError):  # there is no stream to answer with
            asyncio.run(response.finish())
        assert seen == [is_waiting]

    def test_waiting_is_told_before_anything_else_and_has_no_id(self, monkeypatch):
        class Hub:
            async def watch(self, viewer, after):
                yield b"id: 1-1\n\n"

        async def first(count):
            events = runs_responder._events(None, None, True)
            return [await anext(events) for _ in range(count)]

        monkeypatch.setattr(runs_responder, "get_hub", Hub)
        told = asyncio.run(first(3))[1]
        assert told == b'event: status\ndata: {"state":"waiting","attempt":0}\n\n'


def test_conversation_tells_its_cost_with_corrections(in_acme, member, acme):
    turn = factories.ask(member.member)
    run = factories.answer(turn.run)
    client = member.browser()
    url = f"{CHAT}{turn.conversation.id}/cost/"
    assert run.cost_micro > 0
    assert money.as_text(run.cost_micro) in client.get(url).content.decode()
    write_entry(workspace_id=acme.id, hold_id=run.id, kind="adjustment", cost_micro=2_000_000)
    assert money.as_text(run.cost_micro + 2_000_000) in client.get(url).content.decode()
    assert client.get(f"{CHAT}{uuid4()}/cost/").status_code == 404
