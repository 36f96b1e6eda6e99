"""What a person may see of usage, read once: the same for page, CSV and API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts import queries as accounts_queries
from accounts.permissions import Member
from config import errors, ports
from config.ports import KeyUsage
from tenants.scope import WorkspaceRef
from usage import money
from usage.limits.queries import Viewpoint
from usage.models import SubjectKind
from usage.rollups import queries
from usage.rollups.queries import GroupBy, Row, Span

MAX_DAYS = 366
KEY_DAYS = 30
MAX_HOUR_DAYS = 31
NOBODY = {
    GroupBy.ASSISTANT: "No assistant",
    GroupBy.API_KEY: "Pages, without a key",
    GroupBy.PROJECT: "No project",
}
GONE = {
    GroupBy.PERSON: "Somebody who was erased",
    GroupBy.ASSISTANT: "A removed assistant",
    GroupBy.API_KEY: "A removed key",
}


SUBJECT_GROUP = {
    SubjectKind.PERSON: GroupBy.PERSON,
    SubjectKind.API_KEY: GroupBy.API_KEY,
    SubjectKind.ASSISTANT: GroupBy.ASSISTANT,
}


class Limited(Protocol):
    """A limit, or how one stands."""

    @property
    def subject_kind(self) -> str: ...

    @property
    def subject_id(self) -> str: ...


class RangeRefused(errors.DomainError):
    code = "range_refused"
    status = 422
    message = "These dates cannot be shown."


@dataclass(frozen=True)
class NamedRow:
    """`key` as in the API: an ISO date or hour, an id, a model; `name` is for people."""

    key: str | None
    name: str
    row: Row


def today(zone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


def span_of(member: Member, workspace: WorkspaceRef, *, first: date, last: date, own: bool = False) -> Span:
    """Everybody's usage for who may see it, else (or with `own`) the person's own. Raises RangeRefused."""
    if first > last:
        raise RangeRefused("The first day is after the last.")
    if (last - first).days >= MAX_DAYS:
        raise RangeRefused(f"At most {MAX_DAYS} days can be shown at once.")
    # SECURITY: without the permission, only the person's own rows.
    mine = None if member.can_view_all_usage and not own else member.person_ref
    return Span(workspace.id, workspace.timezone, first, last, person_ref=mine)


def month_span(member: Member, workspace: WorkspaceRef, *, now: datetime, own: bool = False) -> Span:
    day = today(workspace.timezone, now)
    return span_of(member, workspace, first=day.replace(day=1), last=day, own=own)


def viewpoint_of(member: Member, workspace: WorkspaceRef) -> Viewpoint:
    """One query for who does not see everything: the own keys."""
    sees_all = member.can_view_all_usage
    keys = () if sees_all else own_keys(member)
    return Viewpoint(
        workspace.id,
        workspace.timezone,
        member.person_ref,
        keys,
        sees_all=sees_all,
        anchor_day=workspace.billing_day,
    )


def own_keys(member: Member) -> tuple[UUID, ...]:
    return accounts_queries.list_own_key_ids(member.membership_id)


def read(span: Span, by: GroupBy) -> list[NamedRow]:
    """In the workspace. Three queries at most. Raises RangeRefused for too many hours."""
    if by is GroupBy.HOUR:
        if (span.last - span.first).days >= MAX_HOUR_DAYS:
            raise RangeRefused(f"At most {MAX_HOUR_DAYS} days can be shown by the hour.")
        return name_rows(span.workspace_id, by, queries.hours(span))
    return name_rows(span.workspace_id, by, queries.history(span, by=(by,))[by])


def name_rows(workspace_id: UUID, by: GroupBy, rows: list[Row]) -> list[NamedRow]:
    """One query for persons, assistants and keys; none for the others."""
    if by is GroupBy.DAY:
        return [NamedRow(row.key.isoformat(), f"{row.key:%-d %B %Y}", row) for row in rows]
    if by is GroupBy.HOUR:
        return [_named_hour(row) for row in rows]
    if by is GroupBy.MODEL:
        return [NamedRow(row.key, row.key, row) for row in rows]
    names = names_of(workspace_id, by, [row.key for row in rows if row.key])
    return [
        NamedRow(str(row.key), names.get(row.key) or GONE.get(by, str(row.key)), row)
        if row.key
        else NamedRow(None, NOBODY[by], row)
        for row in rows
    ]


def names_of(workspace_id: UUID, by: GroupBy, ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = list(ids)
    if not wanted or by is GroupBy.PROJECT:
        return {}
    if by is GroupBy.PERSON:
        return accounts_queries.names_of_persons(wanted)
    if by is GroupBy.ASSISTANT:
        return ports.assistant_names(ids=wanted)
    return accounts_queries.names_of_keys(workspace_id, wanted)


def own_subjects(workspace_id: UUID) -> dict[SubjectKind, dict[UUID, str]]:
    """Whom a workspace may limit, with names. In the workspace."""
    # SECURITY: these are the workspace's own, so no other subject passes.
    return {
        SubjectKind.PERSON: accounts_queries.list_members(workspace_id),
        SubjectKind.ASSISTANT: ports.assistant_names(ids=None),
        SubjectKind.API_KEY: accounts_queries.names_of_keys(workspace_id),
    }


def names_of_subjects(workspace_id: UUID, limits: Iterable[Limited]) -> dict[str, str]:
    """Names by id as text. One query per kind of subject that occurs. In the workspace."""
    rows = list(limits)
    names: dict[str, str] = {}
    for kind, by in SUBJECT_GROUP.items():
        ids = {UUID(row.subject_id) for row in rows if row.subject_kind == kind}
        found = names_of(workspace_id, by, ids)
        names |= {str(key): found.get(key, GONE[by]) for key in ids}
    return names


def _named_hour(row: Row) -> NamedRow:
    day, hour = row.key
    return NamedRow(f"{day.isoformat()}T{hour:02}", f"{day:%-d %B}, {hour:02}:00", row)


def fill_days(span: Span, rows: list[Row]) -> list[Row]:
    """Every day of the span, also those without usage."""
    known = {row.key: row for row in rows}
    days = (span.first + timedelta(days=number) for number in range((span.last - span.first).days + 1))
    return [known.get(day) or Row(day, queries.Figures()) for day in days]


def by_week(days: list[Row]) -> list[Row]:
    """Days in order as weeks from Monday, each under the first of its days."""
    weeks: list[Row] = []
    for row in days:
        if weeks and row.key.weekday():
            weeks[-1] = Row(weeks[-1].key, weeks[-1].figures + row.figures)
        else:
            weeks.append(row)
    return weeks


def fill_hours(day: date, rows: list[Row]) -> list[Row]:
    known = {row.key: row for row in rows}
    return [known.get((day, hour)) or Row((day, hour), queries.Figures()) for hour in range(24)]


def as_columns(row: NamedRow) -> dict[str, Any]:
    return {"key": row.key, "name": row.name, **row.row.figures.as_dict()}


def usage_of_keys(*, workspace_id: UUID, person_ref: UUID, zone: str) -> dict[UUID, KeyUsage]:
    """The answer to the port of the same name."""
    today = datetime.now(ZoneInfo(zone)).date()
    span = Span(workspace_id, zone, today - timedelta(days=KEY_DAYS - 1), today, person_ref)
    rows = queries.history(span, by=(GroupBy.API_KEY,))[GroupBy.API_KEY]
    return {
        row.key: KeyUsage(
            KEY_DAYS, row.figures.messages, row.figures.tokens, money.rounded(row.figures.cost_micro)
        )
        for row in rows
        if row.key
    }
