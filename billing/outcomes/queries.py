"""Reads of contracts: what a workspace sees of its own."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet

from accounts import queries as accounts_queries
from accounts.permissions import Member, Permission
from billing.catalogues import catalogue as catalogues
from billing.catalogues.catalogue import Milestone
from billing.outcomes.models import Contract, ContractMilestone, Measurement
from config.errors import DomainError

DEFAULT_MILESTONES = tuple(Milestone(percent, 2500) for percent in (25, 50, 75, 100))
MOST_MEASUREMENTS = 200


class ContractNotFound(DomainError):
    code = "contract_not_found"
    status = 404
    message = "There is no such contract, or you cannot see it."


@dataclass(frozen=True)
class MilestoneRow:
    """`state`: open, reached (its invoice is on its way), invoiced, or free (nothing falls due)."""

    percent: int
    share_bp: int
    amount_minor: int
    state: str
    reached_at: datetime | None
    invoice_id: str


@dataclass(frozen=True)
class MeasurementRow:
    value: Decimal
    progress_bp: int
    evidence: str
    evidence_url: str
    source: str
    recorded_by: str
    measured_at: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class ContractRow:
    """`progress_bp`: of the latest measurement by its date; `best_bp`: the highest there was, which milestones go by.

    `can_accept`, `can_measure`: what the member who asks may do now.
    """

    id: UUID
    title: str
    goal: str
    goal_label: str
    unit: str
    baseline: Decimal
    target: Decimal
    current: Decimal
    progress_bp: int
    best_bp: int
    fee_minor: int
    due_minor: int
    currency: str
    net_days: int
    state: str
    accepted_at: datetime | None
    activated_at: datetime | None
    finished_at: datetime | None
    end_reason: str
    milestones: tuple[MilestoneRow, ...]
    measurements: tuple[MeasurementRow, ...]
    can_accept: bool
    can_measure: bool


def default_milestones() -> tuple[Milestone, ...]:
    """Those of the catalogue in use, or a quarter at each quarter."""
    outcomes = catalogues.get(settings.PLAN_CATALOGUE).outcomes
    return outcomes.milestones if outcomes else DEFAULT_MILESTONES


def list_contracts(member: Member) -> list[ContractRow]:
    """Of the member's workspace, newest first, without drafts. Four queries."""
    rows = list(_visible(member.workspace_id).order_by("-created_at"))
    names = _names(rows)
    return [_row(contract, member, names) for contract in rows]


def has_contracts(workspace_id: UUID) -> bool:
    """Whether there is one to show. One query."""
    return Contract.objects.filter(workspace_id=workspace_id).exclude(state=Contract.State.DRAFT).exists()


def access_contract(member: Member, contract_id: UUID | str) -> ContractRow:
    """Raises ContractNotFound, also for one of another workspace and for a draft."""
    # SECURITY: the id comes from an address; only the member's own workspace is looked in.
    try:
        contract = _visible(member.workspace_id).filter(id=contract_id).first()
    except ValidationError:
        contract = None
    if contract is None:
        raise ContractNotFound()
    return _row(contract, member, _names([contract]))


def list_uninvoiced(*, reached_before: datetime, most: int) -> list[int]:
    """Ids of milestones that fell due and have no invoice yet, oldest first."""
    rows = ContractMilestone.objects.filter(reached_at__lt=reached_before, invoiced_at=None)
    return list(rows.order_by("reached_at").values_list("id", flat=True)[:most])


def _visible(workspace_id: UUID) -> QuerySet[Contract]:
    rows = Contract.objects.filter(workspace_id=workspace_id).exclude(state=Contract.State.DRAFT)
    return rows.prefetch_related(
        Prefetch("milestones", ContractMilestone.objects.order_by("percent")),
        Prefetch("measurements", Measurement.objects.order_by("-measured_at", "-recorded_at")),
    )


def _names(rows: list[Contract]) -> dict[UUID, str]:
    refs = {
        measurement.recorded_by_ref
        for contract in rows
        for measurement in contract.measurements.all()
        if measurement.recorded_by_ref and measurement.source != Measurement.Source.STAFF
    }
    return accounts_queries.names_of_persons(refs)


def _row(contract: Contract, member: Member, names: dict[UUID, str]) -> ContractRow:
    measured = list(contract.measurements.all())
    milestones = list(contract.milestones.all())
    may = member.can(Permission.BILLING_MANAGE)
    return ContractRow(
        id=contract.id,
        title=contract.title,
        goal=contract.goal,
        goal_label=contract.get_goal_display(),
        unit=contract.unit,
        baseline=contract.baseline,
        target=contract.target,
        current=measured[0].value if measured else contract.baseline,
        progress_bp=measured[0].progress_bp if measured else 0,
        best_bp=max((measurement.progress_bp for measurement in measured), default=0),
        fee_minor=contract.fee_minor,
        due_minor=sum(milestone.amount_minor for milestone in milestones if milestone.reached_at),
        currency=contract.currency,
        net_days=contract.net_days,
        state=contract.state,
        accepted_at=contract.accepted_at,
        activated_at=contract.activated_at,
        finished_at=contract.finished_at,
        end_reason=contract.end_reason,
        milestones=tuple(_milestone(milestone) for milestone in milestones),
        measurements=tuple(_measurement(row, names) for row in measured[:MOST_MEASUREMENTS]),
        can_accept=may and contract.state == Contract.State.OFFERED,
        can_measure=may and contract.state == Contract.State.ACTIVE,
    )


def _milestone(milestone: ContractMilestone) -> MilestoneRow:
    state = "open"
    if milestone.reached_at is not None:
        state = "reached" if milestone.amount_minor else "free"
    if milestone.invoiced_at is not None and milestone.amount_minor:
        state = "invoiced"
    return MilestoneRow(
        percent=milestone.percent,
        share_bp=milestone.share_bp,
        amount_minor=milestone.amount_minor,
        state=state,
        reached_at=milestone.reached_at,
        invoice_id=milestone.stripe_invoice_id,
    )


def _measurement(row: Measurement, names: dict[UUID, str]) -> MeasurementRow:
    by_us = row.source == Measurement.Source.STAFF
    who = (
        settings.PRODUCT_NAME if by_us else names.get(row.recorded_by_ref, "") if row.recorded_by_ref else ""
    )
    return MeasurementRow(
        value=row.value,
        progress_bp=row.progress_bp,
        evidence=row.evidence,
        evidence_url=row.evidence_url,
        source=row.source,
        recorded_by=who,
        measured_at=row.measured_at,
        recorded_at=row.recorded_at,
    )
