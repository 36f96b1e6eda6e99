"""A run whose worker is gone: started again while nothing was said, closed with what was said, never twice."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from assistants.models import Run
from assistants.runs import endings, housekeeping, sweep
from assistants.runs import services as runs
from assistants.runs.job import Outcome
from tenants.audit import SYSTEM
from tenants.lifecycle import services as lifecycle
from tenants.scope import enter
from tests import factories
from tests.assistants.streams import (
    entries,
    forget,
    make_publisher,
    make_stream,
    on_a_loop,
    put,
    said,
    until,
)
from tests.factories import open_hold
from usage.holds import services as holds
from usage.models import Hold, LedgerEntry


@pytest.fixture
def woken(monkeypatch) -> list[dict]:
    calls = []
    monkeypatch.setattr(runs, "enqueue", lambda **ids: calls.append(ids))
    return calls


@pytest.fixture
def run(in_acme, owner, woken) -> Run:
    return factories.ask(owner.member, "What is a hold?").run


@pytest.fixture
def close(acme):
    """One look of the sweeper at a hold, from outside the workspace as in its task."""

    def look(hold_id: UUID, *, workspace_id: UUID | None = None, attempt: int | None = None) -> str:
        seen = Hold.objects.get(id=hold_id).attempt if attempt is None else attempt
        former = connection.tenant
        connection.set_schema_to_public()
        try:
            return sweep.close_expired_hold(
                hold_id=hold_id, workspace_id=workspace_id or acme.id, attempt=seen
            )
        finally:
            connection.set_tenant(former)

    return look


def expire(run: Run) -> None:
    Hold.objects.filter(id=run.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def work_on(run: Run, *, text: str = "") -> int:
    """A worker claims the run, says something, saves some of it, and is gone."""
    claim = holds.claim(run.id)
    Run.objects.filter(id=run.id).update(attempt=claim.attempt, state="running", text=text)
    expire(run)
    return claim.attempt


def in_stream(run: Run, text: str, attempt: int = 1):
    stream = make_stream(workspace_id=Hold.objects.get(id=run.id).workspace_id, run_id=run.id)
    put(stream, f"{attempt}-1", "status", {"state": "running", "attempt": attempt})
    put(stream, f"{attempt}-2", "delta", {"offset": 0, "text": text})
    return stream


def fresh(run: Run) -> Run:
    return Run.objects.select_related("message").get(id=run.id)


def hold_of(run: Run) -> Hold:
    return Hold.objects.get(id=run.id)


def ledger(run: Run) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(hold_id=run.id))


def assert_closed_with(run: Run, text: str, *, state: str = "failed", code: str = "worker_lost") -> None:
    row = fresh(run)
    assert (row.state, row.error_code, row.text, row.message.text) == (state, code, text, text)
    (entry,) = ledger(run)
    assert (entry.output_tokens, entry.is_estimated) == (factories.tokens_of(text), True)
    assert entry.input_tokens > 0
    assert hold_of(run).state == "settled"


# before the first token


def test_run_that_nobody_claimed_is_enqueued_again_and_asked_about_later(run, close, woken, acme):
    Run.objects.filter(id=run.id).update(created_at=timezone.now() - timedelta(seconds=20))
    expire(run)
    assert close(run.id) == "requeued"
    assert woken == [{"workspace_id": acme.id, "run_id": run.id}]
    hold = hold_of(run)
    assert (hold.state, hold.attempt, hold.is_claimed) == ("held", 0, False)
    assert 15 < (hold.lease_expires_at - timezone.now()).total_seconds() <= 21
    assert holds.claim(run.id).attempt == 1


def test_worker_lost_before_the_first_token_is_replaced(run, close, woken, acme):
    work_on(run)
    assert close(run.id) == "requeued"
    assert woken == [{"workspace_id": acme.id, "run_id": run.id}]
    assert fresh(run).state == "queued"
    assert (hold_of(run).state, hold_of(run).is_claimed) == ("held", False)
    assert ledger(run) == []
    claim = holds.claim(run.id)
    ended = runs.finish_run(run_id=run.id, attempt=claim.attempt, outcome=Outcome(text="Second try."))
    assert (ended.state, len(ledger(run))) == ("done", 1)


def test_worker_lost_right_after_its_claim_is_replaced(run, close, woken):
    """It had not yet marked the row as running."""
    holds.claim(run.id)
    expire(run)
    assert close(run.id) == "requeued"
    assert len(woken) == 1
    assert hold_of(run).state == "held"
    assert holds.claim(run.id) is not None, "the replacement can begin at once"


def test_run_that_loses_every_worker_is_given_up_uncharged(run, close, woken):
    outcomes = []
    for _ in range(10):
        work_on(run)
        outcomes.append(close(run.id))
        if outcomes[-1] == "closed":
            break
    row = fresh(run)
    assert outcomes[-1] == "closed"
    assert 1 <= outcomes.count("requeued") <= 3
    assert (row.state, row.error_code, row.text) == ("failed", "worker_lost", "")
    assert (hold_of(run).state, ledger(run)) == ("released", [])


def test_stop_of_a_person_ends_a_lost_run_instead_of_starting_it_again(run, close, woken):
    work_on(run)
    with transaction.atomic():
        holds.request_stop(run.id, reason="person")
    assert close(run.id) == "closed"
    assert (fresh(run).state, fresh(run).error_code, woken) == ("stopped", "", [])
    assert (hold_of(run).state, ledger(run)) == ("released", [])


def test_end_of_access_ends_a_lost_run_instead_of_starting_it_again(run, close, woken):
    work_on(run)
    with transaction.atomic():
        holds.request_stop(run.id, reason="access_ended")
    assert close(run.id) == "closed"
    assert (fresh(run).state, fresh(run).error_code, woken) == ("failed", "access_ended", [])


# after the first token


def test_text_of_the_row_is_kept_and_charged(run, close, woken):
    work_on(run, text="Half an answer")
    assert close(run.id) == "closed"
    assert_closed_with(run, "Half an answer")
    assert woken == []


def test_text_that_only_the_stream_has_is_kept_and_charged(run, close, woken):
    work_on(run)
    in_stream(run, "Only in the stream")
    assert close(run.id) == "closed"
    assert_closed_with(run, "Only in the stream")
    assert woken == []


@pytest.mark.parametrize(
    ("row", "stream"), [("Half an", "Half an answer, longer"), ("Half an answer, longer", "Half")]
)
def test_longer_of_both_is_kept(run, close, row, stream):
    work_on(run, text=row)
    in_stream(run, stream)
    assert close(run.id) == "closed"
    assert_closed_with(run, "Half an answer, longer")


def test_person_who_asked_for_the_end_sees_it_as_stopped(run, close):
    work_on(run, text="Half an answer")
    with transaction.atomic():
        holds.request_stop(run.id, reason="person")
    assert close(run.id) == "closed"
    assert_closed_with(run, "Half an answer", state="stopped", code="")


def test_viewers_are_told_the_end_under_the_new_attempt(run, close, acme):
    work_on(run, text="Half an answer")
    in_stream(run, "Half an answer")
    close(run.id)
    found = entries(acme.id, run.id)
    assert [(entry_id, event) for entry_id, event, _ in found[-2:]] == [("2-1", "snapshot"), ("2-2", "done")]
    assert said([(event, data) for _, event, data in found]) == "Half an answer"
    assert found[-1][2]["code"] == "worker_lost"


def test_stream_of_an_earlier_attempt_is_not_mixed_with_the_later_one(run, close):
    work_on(run)
    stream = in_stream(run, "First attempt, which was long")
    put(stream, "2-1", "status", {"state": "restarted", "attempt": 2})
    put(stream, "2-2", "delta", {"offset": 0, "text": "Second"})
    put(stream, "2-3", "delta", {"offset": 6, "text": " one"})
    assert sweep.stream_text(stream.workspace_id, run.id) == "Second one"
    put(stream, "2-4", "snapshot", {"text": "Second one whole"})
    assert sweep.stream_text(stream.workspace_id, run.id) == "Second one whole"


def test_forgotten_stream_leaves_the_rows_text(run, close):
    work_on(run, text="In the row")
    forget(in_stream(run, "In the row, and more"))
    assert close(run.id) == "closed"
    assert_closed_with(run, "In the row")


def test_redis_away_does_not_keep_a_run_from_its_end(run, close, monkeypatch):
    import redis

    work_on(run, text="In the row")

    def away():
        raise redis.ConnectionError

    monkeypatch.setattr(sweep.redis_clients, "client", away)
    assert close(run.id) == "closed"
    assert_closed_with(run, "In the row")


# who must be left alone


def test_run_whose_lease_lives_is_kept(run, close, woken):
    claim = holds.claim(run.id)
    Run.objects.filter(id=run.id).update(attempt=claim.attempt, state="running", text="Writing")
    assert close(run.id) == "kept"
    assert (fresh(run).state, fresh(run).text, woken) == ("running", "Writing", [])
    assert holds.renew([(run.id, claim.attempt)]) == {run.id}


def test_run_that_ended_meanwhile_is_kept(run, close):
    attempt = work_on(run, text="All")
    runs.finish_run(run_id=run.id, attempt=attempt, outcome=Outcome(text="All of it"))
    assert close(run.id, attempt=attempt) == "kept"
    assert (fresh(run).state, fresh(run).text, len(ledger(run))) == ("done", "All of it", 1)


def test_two_sweepers_close_a_run_once(committed, acme, owner):
    with enter(acme):
        run = factories.ask(owner.member).run
        work_on(run, text="Half an answer")

    def look(_):
        return sweep.close_expired_hold(hold_id=run.id, workspace_id=acme.id, attempt=1)

    results = factories.at_once(6, look)
    assert sorted(results) == ["closed"] + ["kept"] * 5, results
    with enter(acme):
        assert_closed_with(run, "Half an answer")


def test_suspended_workspace_is_swept_too(run, close, acme):
    work_on(run, text="Half an answer")
    lifecycle.suspend(workspace_id=acme.id, reason="x", actor=SYSTEM)
    assert close(run.id) == "closed"
    assert fresh(run).state == "failed"


# orphans


def test_hold_whose_run_is_gone_is_released(run, close):
    """A workspace restored to yesterday does not know the run of today."""
    work_on(run)
    Run.objects.filter(id=run.id).delete()
    assert close(run.id) == "closed"
    hold = hold_of(run)
    assert (hold.state, hold.release_reason, ledger(run)) == ("released", "run_gone", [])


def test_hold_whose_workspace_is_gone_is_released(db, close):
    hold_id = open_hold()
    assert close(hold_id, workspace_id=uuid4()) == "closed"
    hold = Hold.objects.get(id=hold_id)
    assert (hold.state, hold.release_reason) == ("released", "workspace_gone")


def test_orphan_that_somebody_still_runs_is_kept(db, close):
    hold_id = open_hold()
    holds.claim(hold_id)
    assert close(hold_id, workspace_id=uuid4()) == "kept"
    assert Hold.objects.get(id=hold_id).state == "held"


# the zombie: the lost worker that comes back


def test_zombie_can_write_neither_row_nor_stream_nor_ledger(committed, acme, owner, woken):
    with enter(acme):
        run = factories.ask(owner.member).run
        attempt = work_on(run, text="Half an answer")
    assert sweep.close_expired_hold(hold_id=run.id, workspace_id=acme.id, attempt=attempt) == "closed"
    told = entries(acme.id, run.id)

    async def speak():
        publisher = make_publisher()
        zombie = publisher.open(workspace_id=acme.id, run_id=run.id, attempt=attempt)
        publisher.add_text(zombie, "Ghost")
        await publisher._flush({zombie.run_id: zombie}, ttl=60)
        await until(lambda: zombie.is_fenced)

    on_a_loop(speak)
    assert entries(acme.id, run.id) == told
    with enter(acme):
        with connection.cursor() as cursor:
            cursor.execute(housekeeping.SAVE_TEXT, [[run.id], [attempt], ["Ghost, and more of it"]])
            assert cursor.rowcount == 0
        assert runs.finish_run(run_id=run.id, attempt=attempt, outcome=Outcome(text="Ghost")) is None
        assert not holds.give_back(run.id, attempt=attempt)
        assert holds.renew([(run.id, attempt)]) == set()
        assert_closed_with(run, "Half an answer")


def test_living_worker_can_do_all_of_that(run, acme):
    """The control: the same writes are taken under the present attempt."""
    claim = holds.claim(run.id)
    Run.objects.filter(id=run.id).update(attempt=claim.attempt, state="running")
    with connection.cursor() as cursor:
        cursor.execute(housekeeping.SAVE_TEXT, [[run.id], [claim.attempt], ["Real text"]])
        assert cursor.rowcount == 1
    assert fresh(run).text == "Real text"
    assert holds.renew([(run.id, claim.attempt)]) == {run.id}
    ended = runs.finish_run(run_id=run.id, attempt=claim.attempt, outcome=Outcome(text="Real"))
    assert (ended.state, fresh(run).message.text) == ("done", "Real")


def test_end_that_redis_did_not_hear_is_still_the_end(run, close, monkeypatch, caplog):
    import redis

    work_on(run, text="Half an answer")

    def away():
        raise redis.ConnectionError

    monkeypatch.setattr(endings.redis_clients, "client", away)
    assert close(run.id) == "closed"
    assert_closed_with(run, "Half an answer")
    assert "the end of a run was not announced; viewers read it from the row" in [
        r.message for r in caplog.records
    ]


def test_run_cannot_be_final_without_an_end_nor_running_with_one(run):
    from django.db import IntegrityError

    for fields in ({"state": "done"}, {"finished_at": timezone.now()}, {"state": "odd"}):
        with pytest.raises(IntegrityError, match="run_finished_iff_final"), transaction.atomic():
            Run.objects.filter(id=run.id).update(**fields)
    assert fresh(run).state == "queued"
