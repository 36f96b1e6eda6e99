"""A run from its question to its books, against a provider that breaks in every way it can."""

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts import services as accounts_services
from accounts.models import Membership
from assistants.llm import client as llm_client
from assistants.models import Run
from assistants.runs import engine as engine_module
from assistants.runs import housekeeping, turns
from assistants.runs import services as runs
from assistants.runs.publisher import RunStream
from tenants import services as tenants_services
from tenants.audit import SYSTEM
from tenants.models import Workspace
from tenants.scope import enter, workspace_scope
from tests import factories
from tests.assistants.conftest import Stage
from tests.assistants.streams import wait_until
from usage import stops
from usage.holds import services as holds
from usage.models import Hold, LedgerEntry, Stop

WORDS = "one two three four five six seven eight nine ten"
SLOW = "Tell me a lot\n/sim tokens=400 rate=40"


@pytest.fixture(autouse=True)
def quick_clocks(monkeypatch):
    monkeypatch.setattr(engine_module, "BACKOFF_S", 0.02)
    monkeypatch.setattr(turns, "WRITE_AGAIN_S", 0.05)
    monkeypatch.setattr(housekeeping, "TICK_S", 0.2)


def assert_charged(played, *, output_tokens: int, is_estimated: bool) -> None:
    """Exactly one entry, with what was delivered at its price; row and hold agree."""
    (entry,) = played.entries
    assert (entry.kind, entry.account, entry.messages) == ("settlement", "workspace", 1)
    assert (entry.output_tokens, entry.is_estimated) == (output_tokens, is_estimated)
    assert entry.input_tokens == played.requests[-1]["input_tokens"]
    fresh = entry.input_tokens - entry.cached_tokens
    exact = fresh * 150_000 + entry.cached_tokens * 75_000 + output_tokens * 600_000
    assert entry.cost_micro == -(-exact // 1_000_000)
    run = played.run
    assert (run.input_tokens, run.output_tokens) == (entry.input_tokens, output_tokens)
    assert (run.cost_micro, run.is_estimated) == (entry.cost_micro, is_estimated)
    assert played.hold.state == "settled"


def assert_not_charged(played, reason: str) -> None:
    assert played.entries == []
    assert (played.hold.state, played.hold.release_reason) == ("released", reason)
    run = played.run
    assert (run.text, run.cost_micro, run.input_tokens, run.output_tokens) == ("", 0, 0, 0)


def assert_ended(played, state: str, code: str = "") -> None:
    run = played.run
    assert (run.state, run.error_code) == (state, code)
    assert run.finished_at is not None
    assert played.message_text == run.text
    assert played.said == run.text
    event, data = played.events[-1]
    assert (event, data["state"], data["code"] or "") == ("done", state, code if state == "failed" else "")


# well


def test_answer_is_saved_told_and_charged_at_the_providers_own_count(stage):
    played = stage.play(f"Count\n/sim text={WORDS}")
    assert_ended(played, "done")
    assert (played.run.text, played.run.finish_reason, played.run.answered_by) == (
        WORDS,
        "stop",
        "gpt-4o-mini",
    )
    assert_charged(played, output_tokens=10, is_estimated=False)
    assert [row["state"] for row in played.requests] == ["completed"]
    assert played.requests[0]["client_request_id"] == f"{played.run.id}-1"
    assert played.events[0] == ("status", {"state": "running", "attempt": 1})
    assert played.run.started_at <= played.run.finished_at


def test_cached_and_reasoning_tokens_come_from_the_provider(stage):
    played = stage.play("Long prompt " * 60 + f"\n/sim text={WORDS}\n/sim cached=64 reasoning=7")
    (entry,) = played.entries
    assert (entry.cached_tokens, entry.reasoning_tokens) == (64, 7)
    assert_charged(played, output_tokens=17, is_estimated=False)


def test_without_a_count_of_the_provider_ours_is_charged_and_marked(stage):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=nousage")
    assert_ended(played, "done")
    assert_charged(played, output_tokens=10, is_estimated=True)


def test_refusal_is_an_answer_and_charged(stage):
    played = stage.play("Count\n/sim fault=refusal")
    assert_ended(played, "done")
    assert played.run.finish_reason == "refusal"
    assert played.run.text.startswith("I'm sorry")
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=False)


def test_answer_ended_by_the_content_filter_is_kept_and_charged(stage):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=content_filter after=4")
    assert_ended(played, "done")
    assert played.run.finish_reason == "content_filter"
    assert played.run.text.startswith("one two three four")
    assert_charged(played, output_tokens=played.requests[-1]["output_tokens"], is_estimated=False)


def test_answer_never_gets_longer_than_its_hold(stage, owner):
    with enter(stage.workspace):
        assistant = factories.make_assistant(owner.member, f"Brief {uuid4().hex[:6]}", max_output_tokens=16)
    played = stage.play("Tell me\n/sim tokens=100", assistant=assistant)
    assert_ended(played, "done")
    assert played.run.finish_reason == "length"
    assert_charged(played, output_tokens=16, is_estimated=False)


def test_two_runs_at_once_are_not_mixed(stage):
    turns_ = [stage.ask(f"Say\n/sim text={word * 30}\n/sim rate=60") for word in ("left ", "right ")]
    finishes = [stage.begin(turn) for turn in turns_]
    texts = [finish().run.text for finish in finishes]
    assert [set(text.split()) for text in texts] == [{"left"}, {"right"}]


# the provider refuses


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("400", "provider_refused_request"),
        ("context", "provider_refused_request"),
        ("401", "provider_key_refused"),
        ("403", "provider_key_refused"),
        ("404", "provider_model_missing"),
        ("quota", "provider_out_of_credit"),
    ],
)
def test_terminal_error_is_not_tried_again_and_not_charged(stage, fault, code):
    played = stage.play(f"Count\n/sim fault={fault}")
    assert_ended(played, "failed", code)
    assert_not_charged(played, code)
    assert len(played.requests) == 1


def test_unknown_model_is_not_charged(stage, owner):
    with enter(stage.workspace):
        assistant = factories.make_assistant(owner.member, f"Odd {uuid4().hex[:6]}", model="no-such-model")
    played = stage.play("Count", assistant=assistant)
    assert_ended(played, "failed", "provider_model_missing")
    assert_not_charged(played, "provider_model_missing")


def test_busy_provider_is_asked_again_when_it_said(stage):
    begun = time.monotonic()
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=429 retry_after=1 times=1 key={uuid4().hex}")
    assert time.monotonic() - begun >= 1
    assert_ended(played, "done")
    assert [row["state"] for row in played.requests] == ["error", "completed"]
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_busy_provider_that_asks_for_a_long_wait_is_not_asked_again(stage):
    played = stage.play("Count\n/sim fault=429 retry_after=30")
    assert_ended(played, "failed", "provider_busy")
    assert_not_charged(played, "provider_busy")
    assert len(played.requests) == 1
    assert timedelta(seconds=20) < played.run.retry_at - timezone.now() <= timedelta(seconds=30)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("429", "provider_busy"), ("500", "provider_unavailable"), ("503", "provider_unavailable")],
)
def test_error_that_stays_is_tried_three_times_and_not_charged(stage, fault, code):
    played = stage.play(f"Count\n/sim fault={fault}")
    assert_ended(played, "failed", code)
    assert_not_charged(played, code)
    assert len(played.requests) == 3
    assert {row["concurrent_duplicates"] for row in played.requests} == {0}


def test_error_that_goes_away_after_two_tries_is_charged_once(stage):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=500 times=2 key={uuid4().hex}")
    assert_ended(played, "done")
    assert [row["state"] for row in played.requests] == ["error", "error", "completed"]
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_provider_that_cannot_be_reached(stage, monkeypatch, settings):
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    monkeypatch.setattr(stage.engine, "client", llm_client.make_client())
    played = stage.play("Count")
    assert_ended(played, "failed", "provider_unreachable")
    assert_not_charged(played, "provider_unreachable")
    assert played.requests == []


# the provider breaks


def test_provider_that_never_answers_is_given_up_and_not_charged(stage):
    played = stage.play("Count\n/sim fault=timeout")
    assert_ended(played, "failed", "provider_timeout")
    assert_not_charged(played, "provider_timeout")
    assert len(played.requests) == 3


@pytest.mark.parametrize("fault", ["timeout", "cut after=0"])
def test_break_before_the_first_token_is_tried_again(stage, fault):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault={fault} times=1 key={uuid4().hex}")
    assert [row["state"] for row in played.requests[1:]] == ["completed"]
    assert_ended(played, "done")
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_empty_answer_that_stays_is_not_charged(stage):
    played = stage.play("Count\n/sim fault=empty")
    assert_ended(played, "failed", "provider_cut")
    assert_not_charged(played, "provider_cut")
    assert len(played.requests) == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [("cut", "provider_cut"), ("stall", "provider_timeout"), ("badjson", "provider_protocol")],
)
def test_break_after_the_first_token_keeps_what_was_said_and_charges_it_as_an_estimate(stage, fault, code):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault={fault} after=4")
    assert_ended(played, "failed", code)
    assert played.run.text == "one two three four"
    assert len(played.requests) == 1, "never again after the first token"
    assert_charged(played, output_tokens=4, is_estimated=True)


def test_broken_first_event_is_not_tried_again_and_not_charged(stage):
    played = stage.play("Count\n/sim fault=badjson after=0")
    assert_ended(played, "failed", "provider_protocol")
    assert_not_charged(played, "provider_protocol")
    assert len(played.requests) == 1


def test_bug_of_ours_fails_the_run_once_and_is_logged(stage, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(engine_module.chat, "stream", broken)
    played = stage.play("Count")
    assert_ended(played, "failed", "internal")
    assert_not_charged(played, "internal")
    assert [record.message for record in caplog.records].count("a run failed unexpectedly") == 1


def test_nothing_of_the_prompt_or_the_answer_is_logged(stage, caplog):
    caplog.set_level("DEBUG")
    for fault in ("", "\n/sim fault=cut after=2", "\n/sim fault=400"):
        stage.play(f"Question-7421\n/sim text=Answer-9038 and more{fault}")
    for record in caplog.records:
        if record.name.startswith(("assistants", "usage", "config", "tenants", "openai", "httpx2")):
            assert "7421" not in record.getMessage()
            assert "9038" not in record.getMessage()


# it is ended


def test_person_stops_a_running_answer_and_keeps_what_was_said(stage):
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    runs.stop_run(workspace_id=stage.workspace.id, run=stage.reload(turn.run))
    played = finish()
    assert_ended(played, "stopped")
    assert played.run.text != ""
    assert [row["state"] for row in played.requests] == ["aborted"]
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=True)


def test_person_stops_a_queued_answer_at_once_without_a_worker(stage):
    turn = stage.ask("Count")
    with enter(stage.workspace):
        runs.stop_run(workspace_id=stage.workspace.id, run=turn.run)
    played = stage.result(turn.run)
    assert_ended(played, "stopped")
    assert_not_charged(played, "stopped")
    stage.execute(turn.run)
    assert stage.result(turn.run).requests == []


def test_stop_that_came_before_the_worker_is_obeyed_without_a_call(stage):
    turn = stage.ask("Count")
    with transaction.atomic():
        holds.request_stop(turn.run.id, reason="person")
    stage.execute(turn.run)
    played = stage.result(turn.run)
    assert_ended(played, "stopped")
    assert_not_charged(played, "stopped")
    assert played.requests == []


@pytest.fixture
def emergency():
    """Sets a stop; it is lifted whatever happens, since it is committed."""
    made = []

    def stop(scope: str, target: str) -> None:
        made.append(stops.set_stop(scope=Stop.Scope(scope), target=target, reason="incident", actor=SYSTEM))

    yield stop
    for row in made:
        stops.lift_stop(stop_id=row.id, actor=SYSTEM)


def test_emergency_stop_ends_a_running_answer_within_a_second_and_no_other(stage, emergency, owner):
    with enter(stage.workspace):
        assistant = factories.make_assistant(owner.member, f"Stopped {uuid4().hex[:6]}")
    turn = stage.ask(SLOW, assistant=assistant)
    other = stage.ask("Go on\n/sim tokens=60 rate=40")
    finish, finish_other = stage.begin(turn), stage.begin(other)
    begun = time.monotonic()
    emergency("assistant", str(assistant.id))
    played = finish()
    assert time.monotonic() - begun < 2
    assert_ended(played, "failed", "emergency_stop")
    assert played.run.text != ""
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=True)
    assert_ended(finish_other(), "done")


def test_emergency_stop_that_came_while_it_was_queued_lets_no_call_out(stage, emergency, owner):
    with enter(stage.workspace):
        assistant = factories.make_assistant(owner.member, f"Stopped {uuid4().hex[:6]}")
    turn = stage.ask("Count", assistant=assistant)
    emergency("assistant", str(assistant.id))
    stage.execute(turn.run)
    played = stage.result(turn.run)
    assert_ended(played, "failed", "emergency_stop")
    assert_not_charged(played, "emergency_stop")
    assert played.requests == []


def test_answer_that_takes_too_long_ends_with_what_was_said(stage, settings):
    settings.RUN_DEADLINE_S = 0.5
    played = stage.play(SLOW)
    assert_ended(played, "failed", "deadline")
    assert played.run.text != ""
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=True)


@pytest.fixture
def elsewhere(provider, engine) -> Stage:
    """A workspace of its own, for what would disturb others."""
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    return Stage(workspace, factories.member_of(workspace, user), provider, engine)


def test_member_who_is_removed_gets_no_more(elsewhere):
    user = factories.make_user()
    member = factories.join(elsewhere.workspace, user, Membership.Role.MEMBER)
    theirs = Stage(elsewhere.workspace, member, elsewhere.provider, elsewhere.engine)
    turn = theirs.ask(SLOW)
    finish = theirs.begin(turn)
    accounts_services.remove_member(
        membership_id=member.membership_id, workspace_id=elsewhere.workspace.id, actor=SYSTEM
    )
    assert_ended(finish(), "failed", "access_ended")


def test_suspended_workspace_ends_what_runs_and_calls_nobody_for_what_is_queued(elsewhere):
    running, queued = elsewhere.ask(SLOW), elsewhere.ask("Count")
    finish = elsewhere.begin(running)
    tenants_services.set_state(
        workspace_id=elsewhere.workspace.id, state=Workspace.State.SUSPENDED, reason="unpaid", actor=SYSTEM
    )
    assert_ended(finish(), "failed", "workspace_suspended")
    elsewhere.execute(queued.run)
    played = elsewhere.result(queued.run)
    assert_ended(played, "failed", "workspace_suspended")
    assert_not_charged(played, "workspace_suspended")
    assert played.requests == []


# leases


def test_text_is_saved_while_it_is_written(stage):
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    wait_until(lambda: stage.reload(turn.run).text, "the row has no text yet")
    row = stage.reload(turn.run)
    assert row.state == "running"
    assert row.first_token_at is not None
    runs.stop_run(workspace_id=stage.workspace.id, run=row)
    assert finish().run.text.startswith(row.text)


def test_lease_is_renewed_while_it_runs(stage, monkeypatch):
    monkeypatch.setattr(housekeeping, "RENEW_EVERY_S", 0.1)
    monkeypatch.setattr(housekeeping, "GIVE_UP_S", 0.6)
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    first = Hold.objects.get(id=turn.run.id).lease_expires_at
    wait_until(lambda: Hold.objects.get(id=turn.run.id).lease_expires_at > first, "the lease was not renewed")
    time.sleep(1)
    assert turn.run.id in stage.engine.live, "a run whose lease is renewed goes on"
    assert holds.claim(turn.run.id) is None
    runs.stop_run(workspace_id=stage.workspace.id, run=stage.reload(turn.run))
    finish()


def take_over(stage, run: Run) -> int:
    """As the sweeper does when the lease ran out: another attempt, fenced into the row."""
    Hold.objects.filter(id=run.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    claim = holds.claim(run.id)
    with enter(stage.workspace):
        Run.objects.filter(id=run.id).update(attempt=claim.attempt, text="The successor's.")
    return claim.attempt


def test_worker_that_lost_its_lease_stops_and_writes_nothing(stage, monkeypatch, caplog):
    monkeypatch.setattr(housekeeping, "RENEW_EVERY_S", 0.2)
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    attempt = take_over(stage, turn.run)
    before = stage.reload(turn.run)
    played = finish()
    after = stage.reload(turn.run)
    assert (after.text, after.state, after.attempt, after.finished_at) == (
        "The successor's.",
        "running",
        attempt,
        None,
    )
    assert after.text == before.text
    assert (played.hold.state, played.hold.attempt, played.entries) == ("held", attempt, [])
    assert "done" not in [event for event, _ in played.events]
    assert played.requests[0]["state"] == "aborted"
    assert "the lease was lost; another attempt owns this run" in [
        record.message for record in caplog.records
    ]


def test_worker_that_finishes_after_it_lost_its_lease_writes_nothing(stage):
    """The zombie that was never told: its end is refused by its attempt."""
    turn = stage.ask(f"Count\n/sim text={WORDS}\n/sim rate=20")
    finish = stage.begin(turn)
    attempt = take_over(stage, turn.run)
    played = finish()
    assert (played.run.text, played.run.state, played.run.attempt) == ("The successor's.", "running", attempt)
    assert (played.hold.state, played.entries) == ("held", [])
    with enter(stage.workspace):
        ended = runs.finish_run(run_id=turn.run.id, attempt=attempt, outcome=runs.Outcome(text="Mine."))
    assert (ended.state, stage.reload(turn.run).text) == ("done", "Mine.")
    assert LedgerEntry.objects.filter(hold_id=turn.run.id).count() == 1


def test_zombies_text_is_not_saved_over_the_successors(stage):
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    take_over(stage, turn.run)
    time.sleep(0.7)
    assert stage.reload(turn.run).text == "The successor's."
    stage.engine.end(turn.run.id, "lease_lost")
    finish()


def test_worker_that_cannot_reach_the_database_gives_up_before_its_lease_ends(stage, monkeypatch):
    monkeypatch.setattr(housekeeping, "RENEW_EVERY_S", 0.1)
    monkeypatch.setattr(housekeeping, "GIVE_UP_S", 0.6)

    def away(*_):
        raise OperationalError("the connection is closed")

    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    monkeypatch.setattr(housekeeping.holds, "renew", away)
    played = finish()
    assert (played.run.state, played.hold.state, played.entries) == ("running", "held", [])
    assert played.requests[0]["state"] == "aborted"


def test_housekeeping_survives_what_nobody_expected(stage, monkeypatch):
    """Its thread renews the leases of all runs: were it to end, every later run would be lost."""
    failed = threading.Event()

    def broken(*_):
        failed.set()
        raise ZeroDivisionError

    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    with monkeypatch.context() as patch:
        patch.setattr(housekeeping.holds_queries, "list_stop_orders", broken)
        assert failed.wait(5)
    runs.stop_run(workspace_id=stage.workspace.id, run=stage.reload(turn.run))
    assert_ended(finish(), "stopped")


def test_end_is_written_again_while_the_database_is_away(stage, monkeypatch):
    real, tries = runs.finish_run, []

    def flaky(**arguments):
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("the server closed the connection")
        return real(**arguments)

    monkeypatch.setattr(runs, "finish_run", flaky)
    played = stage.play(f"Count\n/sim text={WORDS}")
    assert len(tries) == 3
    assert_ended(played, "done")
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_end_whose_commit_was_not_confirmed_is_charged_once(stage, monkeypatch):
    """The connection broke after the commit: the second try finds the hold resolved and changes nothing."""
    real, tries = runs.finish_run, []

    def broken_once(**arguments):
        tries.append(1)
        ended = real(**arguments)
        if len(tries) == 1:
            raise OperationalError("the server closed the connection")
        return ended

    monkeypatch.setattr(runs, "finish_run", broken_once)
    turn = stage.ask(f"Count\n/sim text={WORDS}")
    stage.execute(turn.run)
    assert len(tries) == 2
    row = stage.reload(turn.run)
    assert (row.state, row.text) == ("done", WORDS)
    assert LedgerEntry.objects.filter(hold_id=turn.run.id).count() == 1


def test_task_delivered_to_eight_threads_calls_the_provider_once(stage):
    turn = stage.ask(f"Count\n/sim text={WORDS}\n/sim delay_ms=100")
    assert factories.at_once(8, lambda _: stage.execute(turn.run)) == [None] * 8
    played = stage.result(turn.run)
    assert_ended(played, "done")
    assert len(played.requests) == 1
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_task_delivered_again_after_the_end_does_nothing(stage):
    played = stage.play(f"Count\n/sim text={WORDS}")
    stage.execute(played.run)
    again = stage.result(played.run)
    assert (len(again.requests), len(again.entries)) == (1, 1)
    assert again.events == played.events


def test_task_of_an_unknown_run_does_nothing(stage):
    turns.execute(workspace_id=stage.workspace.id, run_id=uuid4())


def test_run_holds_no_database_connection_while_the_model_answers(stage):
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    connection.close()
    samples = []
    for _ in range(20):
        stats = connection.pool.get_stats()
        samples.append(stats["pool_size"] - stats["pool_available"])
        time.sleep(0.02)
    assert samples.count(0) > 10, samples
    runs.stop_run(workspace_id=stage.workspace.id, run=stage.reload(turn.run))
    finish()


# what waits in Redis


def test_new_run_is_put_on_the_queue_with_ids_only(stage):
    import base64
    import json

    from config import redis as redis_clients

    turn = stage.ask("Secret question")
    bodies = [
        base64.b64decode(json.loads(raw)["body"]).decode()
        for raw in redis_clients.client().lrange("llm", 0, -1)
    ]
    (mine,) = [body for body in bodies if str(turn.run.id) in body]
    args, kwargs, _ = json.loads(mine)
    assert (args, kwargs) == ([], {"workspace_id": str(stage.workspace.id), "run_id": str(turn.run.id)})
    assert not [body for body in bodies if "Secret" in body]


def test_queue_that_is_away_costs_a_moment_and_not_the_run(stage, monkeypatch, caplog):
    from assistants.runs.tasks import execute_run
    from config.celery import app

    real = execute_run.apply_async
    monkeypatch.setattr(
        execute_run,
        "apply_async",
        lambda **options: real(**options, connection=app.connection_for_write(url="redis://127.0.0.1:9")),
    )
    begun = time.monotonic()
    turn = stage.ask(f"Count\n/sim text={WORDS}")
    assert time.monotonic() - begun < 2
    assert "a run was not enqueued; the sweeper will" in [record.message for record in caplog.records]
    assert Hold.objects.get(id=turn.run.id).state == "held"
    stage.execute(turn.run)
    assert_ended(stage.result(turn.run), "done")


def test_message_of_a_conversation_is_not_needed_for_the_end(stage):
    """A run of the API has no message: its end is written all the same."""
    with workspace_scope(stage.workspace.id), transaction.atomic():
        new = runs.NewRun(
            kind=Run.Kind.REPLY,
            model="gpt-4o-mini",
            prompt=[],
            max_output_tokens=50,
            request={"messages": [{"role": "user", "content": f"x\n/sim text={WORDS}"}]},
        )
        run = runs.start_run(member=stage.member, new=new)
    stage.execute(run)
    row = stage.reload(run)
    assert (row.state, row.text, row.message_id) == ("done", WORDS, None)


def test_stream_of_a_zombie_is_fenced_by_the_sweepers_end(stage):
    turn = stage.ask(f"Count\n/sim text={WORDS}\n/sim rate=20")
    finish = stage.begin(turn)
    attempt = take_over(stage, turn.run)
    with enter(stage.workspace):
        ended = runs.finish_run(
            run_id=turn.run.id,
            attempt=attempt,
            outcome=runs.Outcome(state="failed", error_code="worker_lost", text="Kept."),
        )
    from assistants.runs import endings

    endings.announce(stage.workspace.id, ended)
    stream: RunStream = stage.engine.live[turn.run.id].stream
    played = finish()
    assert stream.is_fenced
    assert played.said == "Kept."
    assert [event for event, _ in played.events][-2:] == ["snapshot", "done"]
