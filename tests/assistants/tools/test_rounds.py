"""An answer of several calls of the model with tools between them: one run, one hold, one entry."""

import threading
from uuid import uuid4

import pytest
from django.utils import timezone

from assistants.llm import chat
from assistants.llm.errors import ProviderFailure
from assistants.models import Run, ToolCall
from assistants.runs import housekeeping, rounds, sweep
from assistants.runs import services as runs
from assistants.tools import registry
from assistants.tools.types import Tool, ToolFailed
from tenants.scope import enter
from tests import factories
from tests.assistants.books import WORDS
from tests.assistants.conftest import Stage
from tests.assistants.streams import wait_until
from tests.usage.runs import counter
from usage.models import Hold

SUM = '/sim tool=calculator args={"expression": "6 * 7"}'
TWICE = f'{SUM}\n/sim round=2 tool=calculator args={{"expression": "1 / 3"}}\n/sim text={WORDS}'


@pytest.fixture
def mine(provider, engine) -> Stage:
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    return Stage(workspace, factories.member_of(workspace, user), provider, engine)


def equipped(stage: Stage, *tools: str, **fields):
    names = list(tools or ("calculator", "clock", "documents", "memory"))
    with enter(stage.workspace):
        return factories.make_assistant(stage.member, f"Able {uuid4().hex[:6]}", tools=names, **fields)


def calls(stage: Stage, run: Run) -> list[ToolCall]:
    with enter(stage.workspace):
        return list(ToolCall.objects.filter(run=run).order_by("round", "position"))


def told(call: ToolCall) -> tuple:
    return call.round, call.position, call.tool, call.state, call.result


def test_calls_are_carried_out_and_lead_to_an_answer(stage):
    played = stage.play(f"How much?\n{TWICE}", assistant=equipped(stage))
    run = played.run
    assert (run.state, run.text, run.finish_reason) == ("done", WORDS, "stop")
    first, second = calls(stage, run)
    assert told(first) == (1, 0, "calculator", "done", "42")
    assert told(second)[:4] == (2, 0, "calculator", "done")
    assert second.result.startswith("0.33333")
    assert [call["function"]["arguments"] for call in run.tool_calls] == [
        '{"expression": "6 * 7"}',
        '{"expression": "1 / 3"}',
    ]
    shown = [data["calls"] for event, data in played.events if event == "tool"]
    assert [(call["tool"], call["state"], call["result"][:3]) for call in shown[-1]] == [
        ("calculator", "done", "42"),
        ("calculator", "done", "0.3"),
    ]
    assert all("tool_calls" not in data for event, data in played.events if event == "tool")


def test_usage_of_all_calls_is_one_entry(stage):
    played = stage.play(f"How much?\n{TWICE}", assistant=equipped(stage))
    (entry,) = played.entries
    assert len(played.requests) == 3
    assert (entry.messages, entry.is_estimated) == (1, False)
    assert entry.input_tokens == sum(row["input_tokens"] for row in played.requests)
    assert entry.output_tokens == sum(row["output_tokens"] for row in played.requests)
    assert [row["client_request_id"].rpartition("-")[2] for row in played.requests] == ["1", "1.2", "1.3"]
    assert played.hold.state == "settled"


def test_usage_that_the_provider_did_not_count_is_ours_for_each_call(stage):
    played = stage.play(f"How much?\n{TWICE}\n/sim fault=nousage", assistant=equipped(stage))
    (entry,) = played.entries
    assert entry.is_estimated
    assert entry.input_tokens == pytest.approx(sum(row["input_tokens"] for row in played.requests), rel=0.2)


def test_text_before_and_after_tools_is_kept(stage):
    played = stage.play(
        f"How much?\n{SUM}\n/sim preface=Let me see. \n/sim text=42.", assistant=equipped(stage)
    )
    assert (played.run.text, played.said) == ("Let me see.42.", "Let me see.42.")


def test_several_calls_at_once_stand_in_their_order(stage):
    played = stage.play(
        f"How much?\n{SUM} tool=clock tool=made_up tool=calculator args={{broken", assistant=equipped(stage)
    )
    assert [(call.position, call.tool, call.state, call.error_code) for call in calls(stage, played.run)] == [
        (0, "calculator", "done", ""),
        (1, "clock", "done", ""),
        (2, "made_up", "failed", "tool_unknown"),
        (3, "calculator", "failed", "arguments_unreadable"),
    ]
    assert played.run.state == "done"
    assert "A tool returned: 42" in played.run.text


def test_tool_that_the_assistant_was_not_given_is_not_run(stage):
    played = stage.play(f"How much?\n{SUM}", assistant=equipped(stage, "clock"))
    (call,) = calls(stage, played.run)
    assert (call.state, call.error_code, call.result) == (
        "failed",
        "tool_unknown",
        "There is no such tool here.",
    )


def test_assistant_without_tools_is_offered_none_and_pays_for_none(stage):
    played = stage.play(f"How much?\n{SUM}")
    assert len(played.requests) == 1
    assert calls(stage, played.run) == []
    assert played.run.tool_calls, "what it made up is kept as for any call"


def test_answer_uses_tools_only_so_often(stage, settings):
    settings.TOOL_ROUNDS = 3
    more = "\n".join(f"/sim round={number} tool=clock" for number in range(2, 9))
    played = stage.play(f"When?\n/sim tool=clock\n{more}", assistant=equipped(stage))
    assert len(played.requests) == 3
    assert [call.round for call in calls(stage, played.run)] == [1, 2]
    assert played.run.state == "done"
    assert played.run.text != "", "in the last round it must answer"


# the hold


def test_further_call_that_no_limit_covers_is_not_sent_and_the_answer_says_so(mine):
    factories.give_limits(mine.workspace.id, ("tokens", "month", 900))
    played = mine.play(f"How much?\n{TWICE}", assistant=equipped(mine, "calculator"))
    row = counter(mine.workspace.id, "tokens")
    assert (played.run.state, played.run.finish_reason) == ("done", "limit")
    assert row.used <= 900 and row.held == 0
    assert len(played.requests) < 3
    assert row.used == sum(request["input_tokens"] + request["output_tokens"] for request in played.requests)


def test_without_the_limit_the_same_answer_takes_more(mine):
    """The control."""
    factories.give_limits(mine.workspace.id, ("tokens", "month", 100_000))
    played = mine.play(f"How much?\n{TWICE}", assistant=equipped(mine, "calculator"))
    assert len(played.requests) == 3
    assert played.run.finish_reason == "stop"


def test_reply_length_holds_for_all_calls_together(stage):
    able = equipped(stage, "calculator", max_output_tokens=60)
    played = stage.play(f"How much?\n{SUM}\n/sim tokens=400", assistant=able)
    assert played.run.output_tokens == 60
    assert played.run.finish_reason == "length"


# failures


def test_failure_of_a_later_call_is_charged_for_those_before(stage, monkeypatch):
    _fail_later_calls(monkeypatch, ProviderFailure("provider_error"))
    played = stage.play(f"How much?\n{TWICE}", assistant=equipped(stage))
    assert (played.run.state, played.run.error_code) == ("failed", "provider_error")
    (entry,) = played.entries
    assert entry.input_tokens == played.requests[0]["input_tokens"]


def test_later_call_is_tried_again_also_when_text_was_said_before(stage, monkeypatch):
    failures = _fail_later_calls(monkeypatch, ProviderFailure("provider_busy", retryable=True), times=1)
    played = stage.play(f"How much?\n{SUM}\n/sim preface=See: \n/sim text=42.", assistant=equipped(stage))
    assert (played.run.state, played.run.text) == ("done", "See:42.")
    assert failures == ["failed"]


def _fail_later_calls(monkeypatch, failure: ProviderFailure, times: int = 99) -> list[str]:
    asked, failed = chat.stream, []

    async def stream(client, request, tally):
        if "." in request.request_id.rpartition("-")[2] and len(failed) < times:
            failed.append("failed")
            raise failure
        async for delta in asked(client, request, tally):
            yield delta

    monkeypatch.setattr(chat, "stream", stream)
    return failed


def broken(context, arguments):
    raise RuntimeError("a bug")


def refusing(context, arguments):
    raise ToolFailed("nothing_there", "Nothing is there.")


def _clock(run) -> Tool:
    parameters = {"type": "object", "properties": {}}
    return Tool("clock", "Clock", "", "", parameters, run)


@pytest.mark.parametrize(
    ("run", "code", "result"),
    [(broken, "tool_failed", "The tool failed."), (refusing, "nothing_there", "Nothing is there.")],
)
def test_tool_that_fails_is_told_and_the_answer_goes_on(stage, monkeypatch, run, code, result):
    monkeypatch.setitem(registry.TOOLS, "clock", _clock(run))
    played = stage.play("When?\n/sim tool=clock", assistant=equipped(stage))
    (call,) = calls(stage, played.run)
    assert (call.state, call.error_code, call.result) == ("failed", code, result)
    assert f"A tool returned: {result}" in played.run.text


class Waiting:
    """A tool that waits until it is let go, or its run is over."""

    def __init__(self) -> None:
        self.begun, self.go, self.was_stopped = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, context, arguments):
        self.begun.set()
        while not self.go.wait(0.01):
            if context.stopped.is_set():
                self.was_stopped.set()
                raise ToolFailed("stopped", "It was stopped.")
        return "It went."


@pytest.fixture
def waiting(monkeypatch):
    tool = Waiting()
    monkeypatch.setitem(registry.TOOLS, "clock", _clock(tool))
    yield tool
    tool.go.set()


def begin(stage, text: str):
    turn = stage.ask(text, assistant=equipped(stage))
    thread = threading.Thread(target=stage._execute_apart, args=[turn.run])
    thread.start()

    def finish():
        thread.join(20)
        assert not thread.is_alive()
        return stage.result(turn.run)

    return turn.run, finish


def test_tool_that_takes_too_long_is_given_up(stage, waiting, monkeypatch):
    monkeypatch.setattr(rounds, "TOOL_TIME_S", 0.1)
    played = stage.play("When?\n/sim tool=clock", assistant=equipped(stage))
    (call,) = calls(stage, played.run)
    assert (call.state, call.error_code) == ("failed", "tool_slow")
    assert played.run.state == "done"
    assert waiting.was_stopped.wait(5)


def test_stop_ends_a_tool_too(stage, waiting):
    run, finish = begin(stage, "When?\n/sim tool=clock")
    assert waiting.begun.wait(10)
    runs.stop_run(workspace_id=stage.workspace.id, run=stage.reload(run))
    played = finish()
    assert played.run.state == "stopped"
    assert waiting.was_stopped.wait(5)
    assert len(played.requests) == 1
    (entry,) = played.entries
    assert entry.output_tokens == played.requests[0]["output_tokens"], "the call that asked for the tool"


def test_lease_is_renewed_while_a_tool_runs(stage, waiting, monkeypatch):
    monkeypatch.setattr(housekeeping, "RENEW_EVERY_S", 0.1)
    run, finish = begin(stage, "When?\n/sim tool=clock")
    assert waiting.begun.wait(10)
    first = Hold.objects.get(id=run.id).lease_expires_at
    wait_until(lambda: Hold.objects.get(id=run.id).lease_expires_at > first, "the lease was not renewed")
    waiting.go.set()
    assert finish().run.state == "done"


def test_worker_that_dies_amid_a_tool_is_followed_by_another_and_charged_once(stage, waiting, monkeypatch):
    """The successor starts the answer anew; what the lost one still does is refused."""
    monkeypatch.setattr(sweep.services, "enqueue", lambda **ids: None)
    run, finish = begin(stage, "When?\n/sim tool=clock")
    assert waiting.begun.wait(10)
    Hold.objects.filter(id=run.id).update(lease_expires_at=timezone.now())
    closed = sweep.close_expired_hold(hold_id=run.id, workspace_id=stage.workspace.id, attempt=1)
    assert closed == "requeued"
    waiting.go.set()
    assert finish().run.state != "done", "the first worker's end is not taken"
    assert [(call.state, call.result) for call in calls(stage, run)] == [("running", "")]
    stage.execute(run)
    played = stage.result(run)
    assert (played.run.state, played.run.attempt) == ("done", 3)
    assert [(call.state, call.result) for call in calls(stage, run)] == [("done", "It went.")]
    assert len(played.entries) == 1
    assert held_by(run) == 0


def test_worker_that_dies_amid_a_tool_after_it_spoke_closes_the_answer_with_its_text(
    stage, waiting, monkeypatch
):
    monkeypatch.setattr(housekeeping, "TICK_S", 0.05)
    run, finish = begin(stage, "When?\n/sim tool=clock\n/sim preface=Let me look.")
    assert waiting.begun.wait(10)
    wait_until(lambda: stage.reload(run).text, "its text was not saved")
    Hold.objects.filter(id=run.id).update(lease_expires_at=timezone.now())
    assert sweep.close_expired_hold(hold_id=run.id, workspace_id=stage.workspace.id, attempt=1) == "closed"
    waiting.go.set()
    played = finish()
    assert (played.run.state, played.run.error_code, played.run.text) == (
        "failed",
        "worker_lost",
        "Let me look.",
    )
    assert len(played.entries) == 1
    assert played.entries[0].is_estimated


def held_by(run: Run) -> int:
    hold = Hold.objects.get(id=run.id)
    return int(hold.state == "held")
