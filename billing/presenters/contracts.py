"""Contracts that are paid by results, in words and as a chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billing import money
from billing.outcomes.queries import ContractRow, MeasurementRow, MilestoneRow
from billing.presenters.dates import day
from usage import words

WIDTH, HEIGHT, MARGIN, LABELS = 640, 220, 12, 56
WHOLE_BP = 10_000
MOST_SHOWN_BP = 12_000
"""A little above the target: what goes far beyond it would press the rest flat."""

STATES = {
    "offered": ("Offered", "info"),
    "accepted": ("Accepted", "info"),
    "active": ("Running", "success"),
    "completed": ("Completed", "success"),
    "ended": ("Ended", ""),
}
MILESTONE_STATES = {
    "open": ("Not reached yet", ""),
    "reached": ("Reached, its invoice is on its way", "warning"),
    "invoiced": ("Invoiced", "success"),
    "free": ("Reached", "success"),
}


@dataclass(frozen=True)
class Point:
    x: int
    y: int
    title: str


@dataclass(frozen=True)
class Line:
    """A milestone across the chart."""

    y: int
    label: str
    is_reached: bool


@dataclass(frozen=True)
class Chart:
    points: list[Point]
    path: str
    lines: list[Line]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class MilestoneView:
    percent: str
    share: str
    amount: str
    status: str
    tone: str
    reached: str


@dataclass(frozen=True)
class MeasurementView:
    at: str
    value: str
    progress: str
    evidence: str
    evidence_url: str
    who: str


@dataclass(frozen=True)
class ContractView:
    id: UUID
    title: str
    goal: str
    status: str
    tone: str
    way: str
    current: str
    progress: str
    fee: str
    due: str
    end_reason: str
    can_accept: bool
    can_measure: bool
    milestones: list[MilestoneView]
    measurements: list[MeasurementView]
    chart: Chart


def view(row: ContractRow, *, zone: str) -> ContractView:
    status, tone = STATES[row.state]
    return ContractView(
        id=row.id,
        title=row.title,
        goal=row.goal_label,
        status=status,
        tone=tone,
        way=f"From {number(row.baseline)} to {number(row.target)} {row.unit}",
        current=f"{number(row.current)} {row.unit}",
        progress=percent(row.progress_bp),
        fee=money.as_text(row.fee_minor, row.currency),
        due=money.as_text(row.due_minor, row.currency),
        end_reason=row.end_reason,
        can_accept=row.can_accept,
        can_measure=row.can_measure,
        milestones=[_milestone(milestone, row.currency, zone) for milestone in row.milestones],
        measurements=[_measurement(measured, row.unit, zone) for measured in row.measurements],
        chart=chart(row.measurements, row.milestones, zone=zone),
    )


def number(value: Decimal) -> str:
    """`15,000`, `2.5`: as many places as there are."""
    return f"{value.normalize():,f}"


def percent(bp: int) -> str:
    """`62.5 %`, exact."""
    return f"{number(Decimal(bp).scaleb(-2))} %"


def _milestone(row: MilestoneRow, currency: str, zone: str) -> MilestoneView:
    status, tone = MILESTONE_STATES[row.state]
    return MilestoneView(
        percent=f"{row.percent} %",
        share=percent(row.share_bp),
        amount=money.as_text(row.amount_minor, currency),
        status=status,
        tone=tone,
        reached=day(row.reached_at, zone),
    )


def _measurement(row: MeasurementRow, unit: str, zone: str) -> MeasurementView:
    return MeasurementView(
        at=words.local(row.measured_at, zone),
        value=f"{number(row.value)} {unit}",
        progress=percent(row.progress_bp),
        evidence=row.evidence,
        evidence_url=row.evidence_url,
        who=row.recorded_by or "Somebody who left",
    )


def chart(measured: Sequence[MeasurementRow], milestones: Sequence[MilestoneRow], *, zone: str) -> Chart:
    """Oldest left, 0 % at the bottom; integers, in the units of the drawing."""
    rows = sorted(measured, key=lambda row: row.measured_at)
    points = [Point(_x(row.measured_at, rows), _y(row.progress_bp), _title(row, zone)) for row in rows]
    lines = [
        Line(_y(row.percent * 100), f"{row.percent} %", row.reached_at is not None) for row in milestones
    ]
    return Chart(points, " ".join(f"{point.x},{point.y}" for point in points), lines)


def _x(instant: datetime, rows: Sequence[MeasurementRow]) -> int:
    first, last = rows[0].measured_at, rows[-1].measured_at
    if first == last:
        return (WIDTH - LABELS) // 2
    return MARGIN + (WIDTH - 2 * MARGIN - LABELS) * _seconds(first, instant) // _seconds(first, last)


def _seconds(start: datetime, end: datetime) -> int:
    gone = end - start
    return max(1, gone.days * 86_400 + gone.seconds) if end != start else 0


def _y(bp: int) -> int:
    shown = max(0, min(bp, MOST_SHOWN_BP))
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * shown // MOST_SHOWN_BP


def _title(row: MeasurementRow, zone: str) -> str:
    return f"{day(row.measured_at, zone)}: {percent(row.progress_bp)}"
