"""Adds ledger entries to the rollups: each once, in order of id, a step behind what is still being written."""

from typing import Any, NamedTuple

from django.db import connection, transaction

from usage.rollups.queries import HOUR_KEYS, KEYS, dimensions_of
from usage.rollups.sums import SUMMED

AGE_S = 20
"""An entry this old has certainly taken its transaction's number, which its id alone does not prove."""
BATCH = 200_000

NAMES = ", ".join(SUMMED)
DIMENSIONS = "workspace_id, person_ref, assistant_id, model, api_key_id, project_id, run_kind"
SUMS = ", ".join(f"sum(f.{name})" for name in SUMMED)
ADDED = ", ".join(f"{name} = kept.{name} + EXCLUDED.{name}" for name in SUMMED)
FOLDED = f"""
WITH folded AS (
    SELECT {DIMENSIONS}, {NAMES}, e.created_at AT TIME ZONE COALESCE(w.timezone, 'UTC') AS local
    FROM (SELECT * FROM usage_ledgerentry WHERE id > %(from)s AND id <= %(to)s AND account = 'workspace') e
    LEFT JOIN (SELECT id AS place, timezone FROM tenants_workspace) w ON w.place = e.workspace_id
)"""  # noqa: S608  names of our own columns
FOLD = f"""
{FOLDED}, days AS (
    INSERT INTO usage_dailyrollup AS kept (workspace_id, date, person_ref, assistant_id, model, api_key_id, project_id,
                                           run_kind, entries, {NAMES})
    SELECT workspace_id, local::date, person_ref, assistant_id, model, api_key_id, project_id, run_kind,
           count(*), {SUMS}
    FROM folded f GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT ON CONSTRAINT daily_rollup_once DO UPDATE SET entries = kept.entries + EXCLUDED.entries, {ADDED}
)
INSERT INTO usage_hourlyrollup AS kept (workspace_id, date, hour, person_ref, entries, {NAMES})
SELECT workspace_id, local::date, extract(hour FROM local)::smallint, person_ref, count(*), {SUMS}
FROM folded f GROUP BY 1, 2, 3, 4
ON CONFLICT ON CONSTRAINT hourly_rollup_once DO UPDATE SET entries = kept.entries + EXCLUDED.entries, {ADDED}
"""  # noqa: S608
FOLD_TOTALS = f"""
{FOLDED}
INSERT INTO usage_daytotal AS kept (workspace_id, dimension, date, key, entries, {NAMES})
SELECT workspace_id, dimension, local::date, key, count(*), {SUMS}
FROM folded f, {dimensions_of(tuple(KEYS | HOUR_KEYS))} GROUP BY 1, 2, 3, 4
ON CONFLICT ON CONSTRAINT day_total_once DO UPDATE SET entries = kept.entries + EXCLUDED.entries, {ADDED}
"""  # noqa: S608
LOCK = "SELECT folded_id, totals_id, next_id, next_xid FROM usage_rollupstate WHERE id = 1 FOR UPDATE"
ADVANCE = """
UPDATE usage_rollupstate SET folded_id = GREATEST(folded_id, %(to)s), totals_id = GREATEST(totals_id, %(to)s),
    folded_at = statement_timestamp()
WHERE id = 1
"""
AIM = """
UPDATE usage_rollupstate SET
    next_id = GREATEST(next_id, COALESCE((
        SELECT id FROM usage_ledgerentry WHERE created_at < statement_timestamp() - make_interval(secs => %s)
        ORDER BY id DESC LIMIT 1), 0)),
    next_xid = pg_current_xact_id()::text::bigint
WHERE id = 1
"""
OLDEST = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


def fold(*, age_s: int = AGE_S) -> int:
    """Adds what is surely complete; returns how many ids it passed. Safe to call at any time, also at once by many."""
    passed = _fold_due()
    with transaction.atomic(), connection.cursor() as cursor:
        state = _lock(cursor)
        if state.reached == state.next_id:
            cursor.execute(AIM, [age_s])
    return passed + _fold_due()


def rebuild() -> int:
    """Throws the rollups away and makes them again from the whole ledger. Reads stay right all the time."""
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(cursor)
        cursor.execute("DELETE FROM usage_dailyrollup")
        cursor.execute("DELETE FROM usage_hourlyrollup")
        cursor.execute("DELETE FROM usage_daytotal")
        cursor.execute("UPDATE usage_rollupstate SET folded_id = 0, totals_id = 0 WHERE id = 1")
    return _fold_due()


def _fold_due() -> int:
    """In steps of BATCH, each its own transaction."""
    passed = 0
    while step := _fold_step():
        passed += step
    return passed


def _fold_step() -> int:
    """The rollups and the totals each from where they end: a version of us that knew no totals may have gone ahead."""
    with transaction.atomic(), connection.cursor() as cursor:
        state = _lock(cursor)
        if state.reached == state.next_id or _oldest_running(cursor) < state.next_xid:
            return 0
        until = min(state.next_id, state.reached + BATCH)
        if state.folded_id < until:
            cursor.execute(FOLD, {"from": state.folded_id, "to": until})
        if state.totals_id < until:
            cursor.execute(FOLD_TOTALS, {"from": state.totals_id, "to": until})
        cursor.execute(ADVANCE, {"to": until})
    return until - state.reached


class _State(NamedTuple):
    folded_id: int
    totals_id: int
    next_id: int
    next_xid: int

    @property
    def reached(self) -> int:
        return min(self.folded_id, self.totals_id)


def _lock(cursor: Any) -> _State:
    cursor.execute(LOCK)
    return _State(*cursor.fetchone())


def _oldest_running(cursor: Any) -> int:
    """The number of the oldest transaction that still writes (this one is younger)."""
    cursor.execute(OLDEST)
    return int(cursor.fetchone()[0])
