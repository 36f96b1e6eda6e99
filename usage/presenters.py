"""Usage as its pages show it: plain values, made in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from accounts.permissions import Member
from tenants.scope import WorkspaceRef
from usage import charts, money, report, words
from usage.limits import queries as limits_queries
from usage.limits.queries import Standing
from usage.models import Meter, SubjectKind, Window
from usage.report import NamedRow
from usage.rollups.queries import GroupBy, Row
from usage.rollups.sums import Figures

MEASURES = {"cost": "Cost", "tokens": "Tokens", "messages": "Answers"}
GAUGES = (Meter.SEATS, Meter.ASSISTANTS, Meter.PROJECTS)
"""What is there now and may well be as much as there may be."""
TITLES = {
    GroupBy.PERSON: "Person",
    GroupBy.ASSISTANT: "Assistant",
    GroupBy.MODEL: "Model",
    GroupBy.API_KEY: "API key",
    GroupBy.PROJECT: "Project",
}
CAPTIONS = {
    GroupBy.PERSON: "By person",
    GroupBy.ASSISTANT: "By assistant",
    GroupBy.MODEL: "By model",
    GroupBy.API_KEY: "By API key",
    GroupBy.PROJECT: "By project",
}


@dataclass(frozen=True)
class MeterView:
    id: int
    title: str
    subject: str
    used: str
    held: str
    limit: str
    block_at: str
    status: str
    tone: str
    gauge: charts.Gauge | None
    resets_at: str
    projected: str
    is_projected_over: bool
    who_can_raise: str
    set_by: str
    overridden_until: str
    edit_query: str


def live(member: Member, workspace: WorkspaceRef, *, now: datetime) -> dict[str, Any]:
    """How each limit stands now: what templates/usage/_meters.html needs."""
    standings = limits_queries.list_standings(report.viewpoint_of(member, workspace), now=now)
    names = report.names_of_subjects(workspace.id, standings)
    return {
        "meters": meters(standings, zone=workspace.timezone, names=names),
        "is_busy": any(row.held for row in standings),
        "as_of": as_of(now, workspace.timezone),
    }


def meters(standings: Sequence[Standing], *, zone: str, names: dict[str, str]) -> list[MeterView]:
    return [_meter(row, zone, names.get(row.subject_id, "")) for row in standings]


def _meter(row: Standing, zone: str, name: str) -> MeterView:
    def say(amount: int | None) -> str:
        return "" if amount is None else words.amount(row.meter, amount)

    over = row.limit is not None and row.projected is not None and row.projected > row.limit
    subject = words.SUBJECTS[SubjectKind(row.subject)]
    meter = words.METERS[Meter(row.meter)].capitalize()
    return MeterView(
        id=row.limit_id,
        title=f"{meter} {words.WINDOWS[Window(row.window)]}",
        subject=f"{subject}: {name}" if name else subject,
        used=say(row.used),
        held=say(row.held) if row.held else "",
        limit=say(row.limit),
        block_at=say(row.block_at) if row.block_at != row.limit else "",
        status=_status(row)[0],
        tone=_status(row)[1],
        gauge=charts.gauge(used=row.used, held=row.held, limit=row.limit, block_at=row.block_at),
        resets_at=words.local(row.resets_at, zone) if row.resets_at else "",
        projected=say(row.projected) if row.used else "",
        is_projected_over=over,
        who_can_raise=row.who_can_raise,
        set_by=words.SOURCES.get(row.set_by, ""),  # type: ignore[call-overload]  # the column is a plain string
        overridden_until=words.local(row.overridden_until, zone) if row.overridden_until else "",
        edit_query=urlencode(
            {"subject": f"{row.subject}:{row.subject_id}", "meter": row.meter, "window": row.window}
        ),
    )


def _status(row: Standing) -> tuple[str, str]:
    """(words, tone) of a limit that needs looking at."""
    if row.limit is None or row.block_at is None or row.warn_at is None:
        return "", ""
    if row.limit == 0:
        return "Nothing allowed", "danger"
    if row.meter in GAUGES and row.used >= row.limit:
        return ("More than the plan has", "warning") if row.used > row.limit else ("All taken", "")
    if row.used >= row.limit:
        return "Used up", "danger"
    if row.used >= row.block_at:
        return "New answers refused", "danger"
    return ("Nearly used up", "warning") if row.used >= row.warn_at else ("", "")


def measured(figures: Figures, measure: str) -> tuple[int, str]:
    amount = {"cost": figures.cost_micro, "tokens": figures.tokens}.get(measure, figures.messages)
    return amount, money.rounded(amount) if measure == "cost" else f"{amount:,}"


def day_chart(rows: Sequence[Row], measure: str, *, unit: str) -> charts.Chart:
    points = [(f"{row.key:%-d %b}", *measured(row.figures, measure)) for row in rows]
    return charts.columns(f"{MEASURES[measure]} by {unit}", points)


def hour_chart(rows: Sequence[Row], measure: str) -> charts.Chart:
    points = [(f"{row.key[1]:02}:00", *measured(row.figures, measure)) for row in rows]
    return charts.columns(f"{MEASURES[measure]} today, by hour", points)


def table(rows: Sequence[NamedRow], *, measure: str) -> list[dict[str, Any]]:
    most = max((measured(named.row.figures, measure)[0] for named in rows), default=0)
    return [_table_row(named, measure, most) for named in rows]


def _table_row(named: NamedRow, measure: str, most: int) -> dict[str, Any]:
    figures = named.row.figures
    return {
        "name": named.name,
        "share": charts.share(measured(figures, measure)[0], most),
        "messages": f"{figures.messages:,}",
        "input_tokens": f"{figures.input_tokens:,}",
        "output_tokens": f"{figures.output_tokens:,}",
        "cost": money.rounded(figures.cost_micro),
    }


def stats(figures: Figures, *, hint: str, whose: str) -> list[dict[str, str]]:
    shown = [
        ("Cost", money.rounded(figures.cost_micro), whose),
        ("Answers", f"{figures.messages:,}", hint),
        ("Tokens read", f"{figures.input_tokens:,}", f"{figures.cached_tokens:,} of them cached"),
        ("Tokens written", f"{figures.output_tokens:,}", f"{figures.reasoning_tokens:,} of them reasoning"),
    ]
    extra = [("Images", figures.images), ("Websites", figures.websites), ("Generations", figures.generations)]
    shown += [(label, f"{count:,}", hint) for label, count in extra if count]
    return [{"label": label, "value": value, "hint": note} for label, value, note in shown]


def shown_period(first: Any, last: Any) -> str:
    return f"{first:%-d %B %Y} to {last:%-d %B %Y}"


def as_of(now: datetime, zone: str) -> str:
    return words.local(now, zone)
