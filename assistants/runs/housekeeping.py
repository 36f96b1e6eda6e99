"""Once a second, for all runs of the process: renew leases, obey stops, save text. One thread, few statements."""

import logging
import threading
import time
from collections import defaultdict
from uuid import UUID

from django.db import Error as DatabaseFailure
from django.db import connection

from assistants.runs.engine import Engine, LiveRun
from config import errors
from tenants.scope import workspace_scope
from usage.holds import queries as holds_queries
from usage.holds import services as holds

TICK_S = 1.0
RENEW_EVERY_S = 5.0
# A run that could not renew ends itself before another worker may claim it.
GIVE_UP_S = holds.LEASE_S - 4.0
SAVE_TEXT = """
UPDATE assistants_run r SET text = saved.text,
       first_token_at = COALESCE(r.first_token_at, statement_timestamp())
FROM unnest(%s::uuid[], %s::int[], %s::text[]) AS saved(id, attempt, text)
WHERE r.id = saved.id AND r.attempt = saved.attempt AND r.state = 'running'
"""
logger = logging.getLogger(__name__)


def start(engine: Engine) -> None:
    threading.Thread(target=_run, args=[engine], name="run-housekeeping", daemon=True).start()


def _run(engine: Engine) -> None:
    renewed_at = time.monotonic()
    saved_at = renewed_at
    while True:
        engine.stop_check.wait(TICK_S)
        engine.stop_check.clear()
        live = list(engine.live.values())
        now = time.monotonic()
        try:
            if live:
                _obey_stops(engine, live)
            if live and now - renewed_at >= RENEW_EVERY_S:
                renewed_at = now
                _renew(engine, live)
            if live and now - saved_at >= TICK_S:
                saved_at = now
                _save_texts(live)
        except (DatabaseFailure, errors.DomainError):
            logger.warning("housekeeping could not reach the database; it tries again")
        finally:
            connection.close()
        _give_up_unowned(engine, live)


def _obey_stops(engine: Engine, live: list[LiveRun]) -> None:
    for order in holds_queries.list_stop_orders(run.job.run_id for run in live):
        engine.end(order.hold_id, order.reason)


def _renew(engine: Engine, live: list[LiveRun]) -> None:
    asked_at = time.monotonic()
    kept = holds.renew((run.job.run_id, run.job.attempt) for run in live)
    for run in live:
        if run.job.run_id in kept:
            run.renewed_at = asked_at
        else:
            engine.end(run.job.run_id, "lease_lost")


def _give_up_unowned(engine: Engine, live: list[LiveRun]) -> None:
    """Without a fresh lease a run may belong to another worker soon: it ends before that, on this clock."""
    now = time.monotonic()
    for run in live:
        if now - run.renewed_at > GIVE_UP_S:
            engine.end(run.job.run_id, "lease_lost")


def _save_texts(live: list[LiveRun]) -> None:
    """Each run's text so far, where it grew; one statement per workspace."""
    by_workspace: dict[UUID, list[LiveRun]] = defaultdict(list)
    for run in live:
        if run.stream.length > run.flushed_length:
            by_workspace[run.job.workspace_id].append(run)
    for workspace_id, runs in by_workspace.items():
        texts = [run.stream.text for run in runs]
        ids, attempts = [run.job.run_id for run in runs], [run.job.attempt for run in runs]
        with workspace_scope(workspace_id, allow_suspended=True), connection.cursor() as cursor:
            cursor.execute(SAVE_TEXT, [ids, attempts, texts])
        for run, text in zip(runs, texts, strict=True):
            run.flushed_length = len(text)
