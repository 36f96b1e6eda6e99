"""Reads of what was used: rollups, and the newest ledger rows that are not in them yet. Exact at every moment."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection

from usage.rollups.models import RollupState
from usage.rollups.sums import FIGURES, SUMMED, Figures


class GroupBy(StrEnum):
    DAY = "day"
    HOUR = "hour"
    PERSON = "person"
    ASSISTANT = "assistant"
    MODEL = "model"
    API_KEY = "api_key"
    PROJECT = "project"


KEYS = {
    GroupBy.DAY: "''",
    GroupBy.PERSON: "person_ref::text",
    GroupBy.ASSISTANT: "COALESCE(assistant_id::text, '')",
    GroupBy.MODEL: "model",
    GroupBy.API_KEY: "COALESCE(api_key_id::text, '')",
    GroupBy.PROJECT: "COALESCE(project_id::text, '')",
}
"""How a row of the ledger, or of the daily rollup, is named in each dimension."""
HOUR_KEYS = {GroupBy.HOUR: "to_char(local, 'HH24')"}
DAILY = tuple(KEYS)
NAMES = ", ".join(SUMMED)
SUMS = ", ".join(f"sum({name})::bigint" for name in FIGURES)
KEPT = "workspace_id = %(workspace)s AND date BETWEEN %(first)s AND %(last)s"
MINE = " AND person_ref = %(person)s"
TOTALS = f"""
    SELECT dimension, date, key, entries, {NAMES} FROM usage_daytotal
    WHERE {KEPT} AND dimension = ANY(%(dimensions)s)
"""  # noqa: S608  names of our own columns
OWN_HOURS = f"""
    SELECT 'hour', date, lpad(hour::text, 2, '0'), entries, {NAMES} FROM usage_hourlyrollup WHERE {KEPT}{MINE}
"""  # noqa: S608


def dimensions_of(by: tuple[GroupBy, ...]) -> str:
    """Makes one row per dimension of each row that it is joined to: (dimension, key)."""
    keys = KEYS | HOUR_KEYS
    rows = ", ".join(f"('{group}', {keys[group]})" for group in by)
    return f"LATERAL (VALUES {rows}) part (dimension, key)"


@dataclass(frozen=True)
class Span:
    """Whose usage, on which local days (both ends included). `person_ref` None: everybody's."""

    workspace_id: UUID
    zone: str
    first: date
    last: date
    person_ref: UUID | None = None


@dataclass(frozen=True)
class Row:
    """`key`: a date, (date, hour), a model's name, or an id; None when there was none (no assistant, no key)."""

    key: Any
    figures: Figures


Breakdown = dict[GroupBy, list[Row]]


def history(span: Span, *, by: tuple[GroupBy, ...] = DAILY) -> Breakdown:
    """Sums by each of `by` (not HOUR). Two queries, one pass over the rows. Days in order, others dearest first."""
    own = f"""
        SELECT dimension, date, part.key, entries, {NAMES} FROM usage_dailyrollup, {dimensions_of(by)}
        WHERE {KEPT}{MINE}
    """  # noqa: S608
    found: Breakdown = {group: [] for group in by}
    for dimension, day, key, *sums in _read(span, by, own=own, dated="dimension = 'day'"):
        group = GroupBy(dimension)
        found[group].append(Row(_key(group, day, key), Figures(*sums)))
    for group, rows in found.items():
        rows.sort(key=_in_order if group is GroupBy.DAY else _dearest_first)
    return found


def hours(span: Span) -> list[Row]:
    """Sums by local hour, in order. Two queries."""
    rows = _read(span, (GroupBy.HOUR,), own=OWN_HOURS, dated="true")
    return sorted((Row((day, int(hour)), Figures(*sums)) for _, day, hour, *sums in rows), key=_in_order)


def total(rows: list[Row]) -> Figures:
    return sum((row.figures for row in rows), Figures())


def _read(span: Span, by: tuple[GroupBy, ...], *, own: str, dated: str) -> list[tuple[Any, ...]]:
    """(dimension, date where `dated`, key, sums) of what is kept, all or the one person's, and of what is fresh."""
    is_own = span.person_ref is not None
    state = "folded_id" if is_own else "totals_id"
    # The literal id lets the planner see how little is read; the state, read in the same snapshot, is what decides.
    statement = f"""
        WITH used (dimension, date, key, entries, {NAMES}) AS (
            {own if is_own else TOTALS}
            UNION ALL
            SELECT dimension, local::date, part.key, 1, {NAMES}
            FROM (SELECT e.*, e.created_at AT TIME ZONE %(zone)s AS local FROM usage_ledgerentry e
                  WHERE e.id > %(kept)s AND e.workspace_id = %(workspace)s AND e.account = 'workspace') fresh,
                 {dimensions_of(by)}
            WHERE id > (SELECT {state} FROM usage_rollupstate WHERE id = 1)
              AND local::date BETWEEN %(first)s AND %(last)s{MINE if is_own else ""}
        )
        SELECT dimension, CASE WHEN {dated} THEN date END, key, {SUMS} FROM used GROUP BY 1, 2, 3
    """  # noqa: S608
    parameters = {
        "workspace": span.workspace_id,
        "zone": span.zone,
        "first": span.first,
        "last": span.last,
        "person": span.person_ref,
        "dimensions": [group.value for group in by],
        "kept": RollupState.objects.values_list(state, flat=True).get(id=1),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _key(group: GroupBy, day: date | None, key: str) -> Any:
    if group is GroupBy.DAY:
        return day
    if group is GroupBy.MODEL:
        return key
    return UUID(key) if key else None


def _in_order(row: Row) -> Any:
    return row.key


def _dearest_first(row: Row) -> tuple[int, int, int, str]:
    return -row.figures.cost_micro, -row.figures.tokens, -row.figures.entries, str(row.key)
