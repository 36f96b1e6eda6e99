"""Writes of contracts: staff draft, offer, activate and end them; an owner accepts; whoever may measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import permissions
from accounts.permissions import Member, Permission
from billing import grants, log
from billing.catalogues.catalogue import Milestone
from billing.mails import services as mails
from billing.outcomes import progress, queries
from billing.outcomes.models import Contract, ContractMilestone, Measurement
from billing.outcomes.queries import ContractNotFound
from config.errors import DomainError
from tenants import audit

State = Contract.State


class ContractRefused(DomainError):
    code = "contract_refused"
    status = 422
    message = "The contract cannot be made like that."


class ContractNotReady(DomainError):
    code = "contract_not_ready"
    status = 409
    message = "The contract is not in a state that allows this."


class EvidenceMissing(DomainError):
    code = "evidence_missing"
    status = 422
    message = "Say where the value comes from: in words, or with an address."


@dataclass(frozen=True)
class Terms:
    """`milestones` empty: those of the catalogue. Shares are of the fee and add up to all of it."""

    title: str
    goal: str
    unit: str
    baseline: Decimal
    target: Decimal
    fee_minor: int
    currency: str = "usd"
    net_days: int = 14
    milestones: Sequence[Milestone] = ()


@dataclass(frozen=True)
class Evidence:
    """Where a value comes from, at least one of both."""

    text: str = ""
    url: str = ""


def draft_contract(*, workspace_id: UUID, terms: Terms, actor: audit.Actor) -> Contract:
    """Not visible to the workspace yet. Raises ContractRefused."""
    check(terms)
    milestones = _milestones(terms)
    amounts = progress.amounts(terms.fee_minor, [milestone.share_bp for milestone in milestones])
    with transaction.atomic():
        contract = Contract.objects.create(
            workspace_id=workspace_id,
            title=terms.title.strip(),
            goal=terms.goal,
            unit=terms.unit.strip(),
            baseline=terms.baseline,
            target=terms.target,
            fee_minor=terms.fee_minor,
            currency=terms.currency,
            net_days=terms.net_days,
            created_by_ref=actor.ref,
        )
        ContractMilestone.objects.bulk_create(
            ContractMilestone(
                contract=contract, percent=milestone.percent, share_bp=milestone.share_bp, amount_minor=amount
            )
            for milestone, amount in zip(milestones, amounts, strict=True)
        )
        _audit("contract.drafted", contract, actor, fee_minor=terms.fee_minor)
    return contract


def _milestones(terms: Terms) -> tuple[Milestone, ...]:
    return tuple(terms.milestones) or queries.default_milestones()


def check(terms: Terms) -> None:
    """Raises ContractRefused."""
    milestones = _milestones(terms)
    percents = [milestone.percent for milestone in milestones]
    if terms.baseline == terms.target:
        raise ContractRefused("Baseline and target are the same: there is no way to go.")
    if terms.goal not in Contract.Goal.values or not terms.title.strip() or not terms.unit.strip():
        raise ContractRefused("A contract needs a title, a goal and the unit it is measured in.")
    if terms.fee_minor < 1:
        raise ContractRefused("The fee must be more than nothing.")
    if percents != sorted(set(percents)) or percents[-1:] != [100] or percents[0] < 1:
        raise ContractRefused("Milestones must rise to 100 percent.")
    if any(milestone.share_bp < 0 for milestone in milestones):
        raise ContractRefused("No milestone can pay anything back.")
    if sum(milestone.share_bp for milestone in milestones) != progress.WHOLE_BP:
        raise ContractRefused("The shares of the milestones must add up to 100 percent.")


def offer_contract(*, contract_id: UUID, actor: audit.Actor) -> Contract:
    """The workspace sees it from now on. Raises ContractNotReady unless it is a draft."""
    with transaction.atomic():
        contract = _locked(contract_id)
        _move(contract, State.OFFERED, only_from=State.DRAFT)
        contract.save(update_fields=["state"])
        _tell("contract.offered", contract, actor)
    return contract


def accept_contract(*, member: Member, contract_id: UUID, now: datetime | None = None) -> Contract:
    """An owner agrees to it. Raises Forbidden, ContractNotFound, ContractNotReady unless it is offered."""
    permissions.check(member, Permission.BILLING_MANAGE)
    with transaction.atomic():
        contract = _locked_own(member, contract_id)
        _move(contract, State.ACCEPTED, only_from=State.OFFERED)
        contract.accepted_by_ref, contract.accepted_at = member.person_ref, now or timezone.now()
        contract.save(update_fields=["state", "accepted_by_ref", "accepted_at"])
        _tell("contract.accepted", contract, member.actor, fee_minor=contract.fee_minor)
    return contract


def activate_contract(*, contract_id: UUID, actor: audit.Actor, now: datetime | None = None) -> Contract:
    """Measuring begins. Raises ContractNotReady unless an owner accepted it."""
    with transaction.atomic():
        contract = _locked(contract_id)
        _move(contract, State.ACTIVE, only_from=State.ACCEPTED)
        contract.activated_at = now or timezone.now()
        contract.save(update_fields=["state", "activated_at"])
        _tell("contract.activated", contract, actor)
    return contract


def end_contract(
    *, contract_id: UUID, reason: str, actor: audit.Actor, now: datetime | None = None
) -> Contract:
    """No more is measured; what fell due stays due. Raises ContractNotReady when it is over already."""
    with transaction.atomic():
        contract = _locked(contract_id)
        if contract.state in (State.COMPLETED, State.ENDED):
            raise ContractNotReady("The contract is over already.")
        contract.state, contract.end_reason = State.ENDED, reason.strip()
        contract.finished_at = now or timezone.now()
        contract.save(update_fields=["state", "end_reason", "finished_at"])
        _tell("contract.ended", contract, actor, reason=contract.end_reason)
    return contract


def measure(
    *,
    member: Member,
    contract_id: UUID,
    value: Decimal,
    evidence: Evidence,
    source: str,
    measured_at: datetime | None = None,
    now: datetime | None = None,
) -> Measurement:
    """Raises Forbidden, ContractNotFound, ContractNotReady, EvidenceMissing."""
    permissions.check(member, Permission.BILLING_MANAGE)
    with transaction.atomic():
        contract = _locked_own(member, contract_id)
        return _measure(contract, value, evidence, source, member.actor, measured_at, now or timezone.now())


def measure_as_staff(
    *,
    contract_id: UUID,
    value: Decimal,
    evidence: Evidence,
    actor: audit.Actor,
    measured_at: datetime | None = None,
    now: datetime | None = None,
) -> Measurement:
    """As `measure`, for whoever delivers the contract."""
    with transaction.atomic():
        contract, source = _locked(contract_id), Measurement.Source.STAFF
        return _measure(contract, value, evidence, source, actor, measured_at, now or timezone.now())


def _measure(
    contract: Contract,
    value: Decimal,
    evidence: Evidence,
    source: str,
    actor: audit.Actor,
    measured_at: datetime | None,
    now: datetime,
) -> Measurement:
    if contract.state != State.ACTIVE:
        raise ContractNotReady("Only an active contract is measured.")
    if not evidence.text.strip() and not evidence.url.strip():
        raise EvidenceMissing()
    if measured_at is not None and measured_at > now:
        raise ContractRefused("A value cannot be measured in the future.")
    reached = progress.progress_bp(baseline=contract.baseline, target=contract.target, value=value)
    row = Measurement.objects.create(
        contract=contract,
        value=value,
        progress_bp=reached,
        evidence=evidence.text.strip(),
        evidence_url=evidence.url.strip(),
        source=source,
        recorded_by_ref=actor.ref,
        measured_at=measured_at or now,
    )
    _tell("contract.measured", contract, actor, value=str(value), progress_bp=reached)
    _reach(contract, row, actor, now)
    return row


def _reach(contract: Contract, row: Measurement, actor: audit.Actor, now: datetime) -> None:
    """Every milestone up to the value that was not reached before, each once. A lower value takes none back."""
    due = contract.milestones.filter(reached_at=None, percent__lte=row.progress_bp // 100)
    for milestone in due.order_by("percent"):
        key = f"milestone:{contract.id}:{milestone.percent}"
        if not grants.claim(key, workspace_id=contract.workspace_id, kind="milestone"):
            continue
        milestone.reached_at, milestone.reached_by = now, row
        if not milestone.amount_minor:
            milestone.invoiced_at = now
        milestone.save(update_fields=["reached_at", "reached_by", "invoiced_at"])
        _tell_reached(contract, milestone, actor, key)
        if milestone.amount_minor:
            transaction.on_commit(partial(_invoice_soon, milestone.pk), robust=True)
    if not contract.milestones.filter(reached_at=None).exists():
        contract.state, contract.finished_at = State.COMPLETED, now
        contract.save(update_fields=["state", "finished_at"])
        _tell("contract.completed", contract, actor)


def _tell_reached(contract: Contract, milestone: ContractMilestone, actor: audit.Actor, key: str) -> None:
    _tell(
        "contract.milestone_reached",
        contract,
        actor,
        percent=milestone.percent,
        amount_minor=milestone.amount_minor,
    )
    mails.send_once(
        key,
        kind="milestone_reached",
        workspace_id=contract.workspace_id,
        context={
            "goal": contract.title,
            "percent": milestone.percent,
            "amount_minor": milestone.amount_minor,
            "currency": contract.currency,
            "path": f"billing/contracts/{contract.id}/",
        },
    )


def _invoice_soon(milestone_id: int) -> None:
    from billing.outcomes.tasks import invoice_milestone  # noqa: PLC0415  tasks call services

    invoice_milestone.delay(milestone_id=milestone_id)


def _move(contract: Contract, state: State, *, only_from: State) -> None:
    if contract.state != only_from:
        raise ContractNotReady(f"The contract is {contract.state}; this needs one that is {only_from.value}.")
    contract.state = state


def _locked(contract_id: UUID) -> Contract:
    contract = Contract.objects.select_for_update().filter(id=contract_id).first()
    if contract is None:
        raise ContractNotFound()
    return contract


def _locked_own(member: Member, contract_id: UUID) -> Contract:
    # SECURITY: drafts and other workspaces' contracts do not exist for a member.
    contract = _locked(contract_id)
    if contract.workspace_id != member.workspace_id or contract.state == State.DRAFT:
        raise ContractNotFound()
    return contract


def _tell(kind: str, contract: Contract, actor: audit.Actor, **data: Any) -> None:
    """To the workspace's own log and to the audit log."""
    about = {"contract": str(contract.id), "title": contract.title, **data}
    log.record(kind, workspace_id=contract.workspace_id, actor_ref=actor.ref, **about)
    _audit(kind, contract, actor, **data)


def _audit(kind: str, contract: Contract, actor: audit.Actor, **data: Any) -> None:
    audit.record(
        kind, actor=actor, workspace_id=contract.workspace_id, target=("contract", contract.id), **data
    )
