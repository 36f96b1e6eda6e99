"""Writes to limits. What a plan gives is pushed here; staff and keys lay theirs beside and above it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config import errors
from tenants import audit
from usage.features import queries as features
from usage.features.keys import Feature
from usage.holds import services as holds
from usage.limits.models import NoticeDismissal
from usage.models import Limit, LimitOverride, Meter, QuotaNotice, SubjectKind, Window

MONEY_BLOCK_PERCENT = 95


class LimitRefused(errors.DomainError):
    code = "limit_refused"
    message = "This limit cannot be set."


@dataclass(frozen=True)
class LimitSpec:
    """`amount` None is unlimited. `block_percent` defaults to 95 for money, 100 for everything else."""

    meter: str
    window: str
    amount: int | None
    subject_kind: str = SubjectKind.WORKSPACE
    subject_id: str = ""
    warn_percent: int = 80
    block_percent: int | None = None


DEFAULT_LIMITS = (
    LimitSpec(Meter.MESSAGES, Window.DAY, 500),
    LimitSpec(Meter.TOKENS, Window.MONTH, 20_000_000),
    LimitSpec(Meter.COST_MICRO, Window.MONTH, 50_000_000),
    LimitSpec(Meter.IMAGES, Window.MONTH, 200),
)
"""What a workspace has until a plan says otherwise."""


def push_plan(*, workspace_id: UUID, limits: Iterable[LimitSpec], actor: audit.Actor = audit.SYSTEM) -> None:
    """Replaces the plan's limits of a workspace by these; others stay. Effective with the next hold."""
    specs = list(limits)
    with transaction.atomic():
        keep = [_put(workspace_id, spec, Limit.Source.PLAN).pk for spec in specs]
        Limit.objects.filter(workspace_id=workspace_id, source=Limit.Source.PLAN).exclude(
            pk__in=keep
        ).delete()
        audit.record("limits.pushed", actor=actor, workspace_id=workspace_id, count=len(specs))
        transaction.on_commit(lambda: holds.let_in_waiting(workspace_id))


def set_limit(
    *, workspace_id: UUID | None, spec: LimitSpec, source: Limit.Source, actor: audit.Actor
) -> Limit:
    """One limit of a person, key, assistant, project, workspace or (without workspace) the platform."""
    with transaction.atomic():
        limit = _put(workspace_id, spec, source)
        audit.record(
            "limit.set",
            actor=actor,
            workspace_id=workspace_id,
            target=("limit", limit.pk),
            meter=str(spec.meter),
            window=str(spec.window),
            amount=spec.amount,
            subject=f"{spec.subject_kind} {spec.subject_id}".strip(),
        )
        if workspace_id is not None:
            transaction.on_commit(partial(holds.let_in_waiting, workspace_id))
    return limit


def set_own_limit(*, workspace_id: UUID, spec: LimitSpec, actor: audit.Actor) -> Limit:
    """For owners and admins: a limit beside those of the plan.

    Raises FeatureNotIncluded, and LimitRefused where another source has set one.
    """
    features.require(workspace_id, Feature.ADMIN_CONTROLS)
    with transaction.atomic():
        there = (
            Limit.objects.select_for_update()
            .filter(
                workspace_id=workspace_id,
                subject_kind=spec.subject_kind,
                subject_id=spec.subject_id,
                meter=spec.meter,
                window=spec.window,
            )
            .first()
        )
        # SECURITY: staff's limits, and those that a key's maker gave it, must not be raised from here.
        if there is not None and there.source != Limit.Source.WORKSPACE:
            raise LimitRefused(
                "Somebody else has set this limit: remove it first, or ask support.", status=409
            )
        return set_limit(workspace_id=workspace_id, spec=spec, source=Limit.Source.WORKSPACE, actor=actor)


def allow_visitor(*, workspace_id: UUID, visitor_id: UUID, messages_per_day: int) -> None:
    """What one visitor of a site may ask in a day. In the caller's transaction; in no log: there may be many."""
    spec = LimitSpec(
        Meter.MESSAGES,
        Window.DAY,
        messages_per_day,
        subject_kind=SubjectKind.VISITOR,
        subject_id=str(visitor_id),
    )
    rows = Limit.objects.filter(
        workspace_id=workspace_id,
        subject_kind=spec.subject_kind,
        subject_id=spec.subject_id,
        amount=spec.amount,
    )
    if not rows.exists():
        _put(workspace_id, spec, Limit.Source.WORKSPACE)


def forget_visitors(*, before: datetime) -> int:
    """The limits of visitors that came first before then; who comes again gets one anew, on the same counter."""
    rows = Limit.objects.filter(subject_kind=SubjectKind.VISITOR, created_at__lt=before)
    return rows.delete()[0]


OWN_SOURCES = (Limit.Source.WORKSPACE, Limit.Source.KEY)


def remove_own_limit(*, limit: Limit, actor: audit.Actor) -> None:
    """For owners and admins. Raises LimitRefused."""
    # SECURITY: what the plan or support set is not the workspace's to remove.
    if limit.source not in OWN_SOURCES:
        raise LimitRefused("This limit was not set by the workspace.", status=403)
    remove_limit(limit=limit, actor=actor)


def remove_limit(*, limit: Limit, actor: audit.Actor) -> None:
    with transaction.atomic():
        audit.record(
            "limit.removed",
            actor=actor,
            workspace_id=limit.workspace_id,
            target=("limit", limit.pk),
            was=str(limit),
        )
        limit.delete()
        if limit.workspace_id is not None:
            transaction.on_commit(partial(holds.let_in_waiting, limit.workspace_id))


def override(
    *, limit: Limit, amount: int, reason: str, expires_at: datetime, actor: audit.Actor
) -> LimitOverride:
    """Another amount until `expires_at`. Raises LimitRefused without a reason or with a past date."""
    check_override(amount, reason, expires_at)
    with transaction.atomic():
        row = LimitOverride.objects.create(
            limit=limit, amount=amount, reason=reason.strip(), expires_at=expires_at, created_by_ref=actor.ref
        )
        audit.record(
            "limit.overridden",
            actor=actor,
            workspace_id=limit.workspace_id,
            target=("limit", limit.pk),
            amount=amount,
            reason=reason,
            expires_at=expires_at.isoformat(),
        )
        if limit.workspace_id is not None:
            transaction.on_commit(partial(holds.let_in_waiting, limit.workspace_id))
    return row


def check_override(amount: int, reason: str, expires_at: datetime) -> None:
    """Raises LimitRefused."""
    if not reason.strip() or expires_at <= timezone.now() or amount < 0:
        raise LimitRefused("An override needs a reason, an amount from 0, and an end in the future.")


def lift_override(*, override_id: int, actor: audit.Actor) -> None:
    with transaction.atomic():
        row = LimitOverride.objects.select_for_update().select_related("limit").get(id=override_id)
        if row.lifted_at is None:
            row.lifted_at = timezone.now()
            row.save(update_fields=["lifted_at"])
            audit.record(
                "limit.override_lifted",
                actor=actor,
                workspace_id=row.limit.workspace_id,
                target=("limit", row.limit_id),
            )
            if row.limit.workspace_id is not None:
                transaction.on_commit(partial(holds.let_in_waiting, row.limit.workspace_id))


def block_percent_of(spec: LimitSpec) -> int:
    return spec.block_percent or (MONEY_BLOCK_PERCENT if spec.meter == Meter.COST_MICRO else 100)


def _put(workspace_id: UUID | None, spec: LimitSpec, source: Limit.Source) -> Limit:
    limit, _ = Limit.objects.update_or_create(
        workspace_id=workspace_id,
        subject_kind=spec.subject_kind,
        subject_id=spec.subject_id,
        meter=spec.meter,
        window=spec.window,
        defaults={
            "amount": spec.amount,
            "warn_percent": spec.warn_percent,
            "block_percent": block_percent_of(spec),
            "source": source,
        },
    )
    return limit


def dismiss_notice(*, notice_id: int, workspace_id: UUID, person_ref: UUID) -> None:
    """The person does not see the notice any more; others do. Raises NotFound."""
    if not QuotaNotice.objects.filter(id=notice_id, workspace_id=workspace_id).exists():
        raise errors.NotFound()
    NoticeDismissal.objects.get_or_create(notice_id=notice_id, person_ref=person_ref)
