"""Once a second, for all runs of the process: renew leases, obey stops, save text. One thread, few statements."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import ParamSpec
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
P = ParamSpec("P")
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
        if live:
            _try(_obey_stops, engine, live)
        if live and now - renewed_at >= RENEW_EVERY_S and _try(_renew, engine, live):
            renewed_at = now
        if live and now - saved_at >= TICK_S:
            saved_at = now
            for workspace_id, runs in _grown(live).items():
                _try(_save_texts, workspace_id, runs)
        connection.close()
        _give_up_unowned(engine, live)


def _try(step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> bool:
    """A step that fails is logged and comes again with the next tick: this thread keeps the leases of all runs."""
    try:
        step(*args, **kwargs)
    except (DatabaseFailure, errors.DomainError):
        logger.warning("housekeeping could not reach the database; it tries again")
        return False
    except Exception:
        logger.exception("housekeeping failed unexpectedly; it tries again")
        return False
    return True


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


def _grown(live: list[LiveRun]) -> dict[UUID, list[LiveRun]]:
    """Runs that said something since their text was saved, by workspace."""
    by_workspace: dict[UUID, list[LiveRun]] = defaultdict(list)
    for run in live:
        if run.stream.length > run.flushed_length:
            by_workspace[run.job.workspace_id].append(run)
    return by_workspace


def _save_texts(workspace_id: UUID, runs: list[LiveRun]) -> None:
    """One statement per workspace."""
    texts = [run.stream.text for run in runs]
    ids, attempts = [run.job.run_id for run in runs], [run.job.attempt for run in runs]
    with workspace_scope(workspace_id, allow_suspended=True), connection.cursor() as cursor:
        cursor.execute(SAVE_TEXT, [ids, attempts, texts])
    for run, text in zip(runs, texts, strict=True):
        run.flushed_length = len(text)
