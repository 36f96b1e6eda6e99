"""Who may run and write: the lease, the attempt, and what happens when either is lost."""

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from assistants.models import Run
from assistants.runs import endings, housekeeping, turns
from assistants.runs import services as runs
from assistants.runs.publisher import RunStream
from tenants.scope import enter, workspace_scope
from tests import factories
from tests.assistants.books import SLOW, WORDS, assert_charged, assert_ended
from tests.assistants.streams import wait_until
from usage.holds import services as holds
from usage.models import Hold, LedgerEntry


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


@pytest.fixture
def untold(monkeypatch):
    """A worker that does not learn that its lease is lost, until its writes are refused."""
    monkeypatch.setattr(housekeeping, "RENEW_EVERY_S", 3600)
    monkeypatch.setattr(housekeeping, "GIVE_UP_S", 3600)


def test_worker_that_finishes_after_it_lost_its_lease_writes_nothing(stage, untold):
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


def test_zombies_text_is_not_saved_over_the_successors(stage, untold):
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


def test_lease_counts_from_the_claim_however_long_the_preparation_took(stage, monkeypatch):
    """A run that began late may belong to another worker soon: it does not call the provider for long."""
    monkeypatch.setattr(housekeeping, "RENEW_EVERY_S", 60)
    monkeypatch.setattr(housekeeping, "GIVE_UP_S", 0.8)
    real = turns.prompting.build

    def slow(*arguments):
        time.sleep(1)
        return real(*arguments)

    turn = stage.ask(SLOW)
    monkeypatch.setattr(turns.prompting, "build", slow)
    begun = time.monotonic()
    stage.execute(turn.run)
    assert time.monotonic() - begun < 1.8
    played = stage.result(turn.run)
    assert (played.run.state, played.hold.state, played.entries) == ("running", "held", [])


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


def test_stream_of_a_zombie_is_fenced_by_the_sweepers_end(stage, untold):
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    stream: RunStream = stage.engine.live[turn.run.id].stream
    attempt = take_over(stage, turn.run)
    lost = runs.Outcome(state="failed", error_code="worker_lost", text="Kept.")
    with enter(stage.workspace):
        ended = runs.finish_run(run_id=turn.run.id, attempt=attempt, outcome=lost)
    endings.announce(stage.workspace.id, ended)
    wait_until(lambda: stream.is_fenced, "the zombie could go on writing")
    stage.engine.end(turn.run.id, "lease_lost")
    played = finish()
    assert played.said == "Kept."
    assert [event for event, _ in played.events][-2:] == ["snapshot", "done"]
