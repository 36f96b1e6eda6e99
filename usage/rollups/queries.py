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


COLUMN = {
    GroupBy.DAY: "date",
    GroupBy.PERSON: "person_ref",
    GroupBy.ASSISTANT: "assistant_id",
    GroupBy.MODEL: "model",
    GroupBy.API_KEY: "api_key_id",
    GroupBy.PROJECT: "project_id",
}
DAILY = tuple(COLUMN)
NAMES = ", ".join(SUMMED)
SUMS = ", ".join(f"sum({name})::bigint" for name in FIGURES)
KEPT = "workspace_id = %(workspace)s AND date BETWEEN %(first)s AND %(last)s"
MINE = " AND person_ref = %(person)s"
# The literal id lets the planner see how little is read; the state, read in the same snapshot, is what decides.
FRESH = """
    FROM (SELECT e.*, e.created_at AT TIME ZONE %(zone)s AS local FROM usage_ledgerentry e
          WHERE e.id > %(folded)s AND e.workspace_id = %(workspace)s AND e.account = 'workspace') fresh
    WHERE id > (SELECT folded_id FROM usage_rollupstate WHERE id = 1)
      AND local::date BETWEEN %(first)s AND %(last)s
"""


@dataclass(frozen=True)
class Span:
    """Whose usage, on which local days (both ends included). `person_ref` None: everybody's."""

    workspace_id: UUID
    zone: str
    first: date
    last: date
    person_ref: UUID | None = None

    def parameters(self) -> dict[str, Any]:
        folded = RollupState.objects.values_list("folded_id", flat=True).get(id=1)
        return {
            "workspace": self.workspace_id,
            "zone": self.zone,
            "first": self.first,
            "last": self.last,
            "person": self.person_ref,
            "folded": folded,
        }


@dataclass(frozen=True)
class Row:
    """`key`: a date, (date, hour), a model's name, or an id; None when there was none (no assistant, no key)."""

    key: Any
    figures: Figures


Breakdown = dict[GroupBy, list[Row]]


def history(span: Span, *, by: tuple[GroupBy, ...] = DAILY) -> Breakdown:
    """Sums by each of `by` (not HOUR). Two queries, one pass over the rows. Days in order, others dearest first."""
    columns = [COLUMN[group] for group in by]
    mine = MINE if span.person_ref else ""
    statement = f"""
        WITH used AS (
            SELECT {", ".join(COLUMN.values())}, entries, {NAMES} FROM usage_dailyrollup WHERE {KEPT}{mine}
            UNION ALL
            SELECT local::date, person_ref, assistant_id, model, api_key_id, project_id, 1, {NAMES} {FRESH}{mine}
        )
        SELECT GROUPING({", ".join(columns)}), {", ".join(columns)}, {SUMS} FROM used
        GROUP BY GROUPING SETS ({", ".join(f"({column})" for column in columns)})
    """  # noqa: S608  names of our own columns
    found: Breakdown = {group: [] for group in by}
    count = len(by)
    for mask, *rest in _fetch(statement, span):
        at = next(index for index in range(count) if not mask >> (count - 1 - index) & 1)
        found[by[at]].append(Row(rest[at], Figures(*rest[count:])))
    for group, rows in found.items():
        rows.sort(key=_by_date if group is GroupBy.DAY else _dearest_first)
    return found


def hours(span: Span) -> list[Row]:
    """Sums by local hour, in order. Two queries."""
    mine = MINE if span.person_ref else ""
    statement = f"""
        WITH used AS (
            SELECT date, hour, entries, {NAMES} FROM usage_hourlyrollup WHERE {KEPT}{mine}
            UNION ALL
            SELECT local::date, extract(hour FROM local), 1, {NAMES} {FRESH}{mine}
        )
        SELECT date, hour::int, {SUMS} FROM used GROUP BY date, hour ORDER BY date, hour
    """  # noqa: S608
    return [Row((day, hour), Figures(*sums)) for day, hour, *sums in _fetch(statement, span)]


def total(rows: list[Row]) -> Figures:
    return sum((row.figures for row in rows), Figures())


def _fetch(statement: str, span: Span) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, span.parameters())
        return list(cursor.fetchall())


def _by_date(row: Row) -> Any:
    return row.key


def _dearest_first(row: Row) -> tuple[int, int, int, str]:
    return -row.figures.cost_micro, -row.figures.tokens, -row.figures.entries, str(row.key)
