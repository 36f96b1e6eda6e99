"""What a workspace may do: computed in one place, pushed to `usage`, never asked of the payment service.

docs/entitlements.md says which plan is in effect when, and what becomes of what does not fit any more.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import queries as accounts_queries
from billing import log
from billing.entitlements import pushing
from billing.entitlements.accounts import lock_account
from billing.plans import queries as plans
from billing.plans.models import Plan
from billing.subscriptions.models import BillingAccount
from config import ports
from tenants import audit
from tenants.models import Workspace
from usage.features import queries as features
from usage.features.keys import Feature
from usage.models import Meter, Window

Status = BillingAccount.Status
PAYING = frozenset({Status.ACTIVE, Status.PAST_DUE})
"""Past due keeps the plan: first in grace, then read-only (`restricted_at`)."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Misfit:
    """What would not fit a plan: nothing of it is deleted. `kind`: assistants, seats, or a feature's key."""

    kind: str
    have: int
    allowed: int
    text: str


def give_first_plan(*, workspace_id: UUID) -> None:
    """The answer to the port `plan_wanted`: the free plan of the catalogue.

    Before `sync_plans` has run there is none: then the workspace has no limits and no features, so that all is refused
    in it, until `give_missing_plans`.
    """
    refresh(workspace_id)


def give_missing_plans() -> int:
    """For workspaces that have no plan in effect, because they were made before there was one. Returns how many."""
    known = BillingAccount.objects.filter(effective_plan__isnull=False).values("workspace_id")
    missing = list(Workspace.objects.exclude(id__in=known).values_list("id", flat=True))
    for workspace_id in missing:
        refresh(workspace_id)
    return len(missing)


def effective_plan(account: BillingAccount, now: datetime) -> Plan | None:
    """Custom, else the higher of what was bought for good, subscribed to, or is on trial; else free.

    None only while the catalogue has no free plan.
    """
    if account.custom_plan is not None:
        return account.custom_plan
    had = [plan for plan in (account.lifetime_plan, _subscribed(account, now)) if plan is not None]
    return max(had, key=lambda plan: plan.rank) if had else _free(account)


def _free(account: BillingAccount) -> Plan | None:
    """Who has a version of it keeps that one until moved; who comes back to it gets the current one."""
    current, held = plans.free_plan(), account.effective_plan
    if current is None or held is None:
        return current
    is_same = (held.catalogue, held.key, held.sale) == (current.catalogue, current.key, Plan.Sale.FREE)
    return held if is_same else current


def _subscribed(account: BillingAccount, now: datetime) -> Plan | None:
    if account.status in PAYING:
        return account.plan
    has_ended = account.trial_ends_at is not None and account.trial_ends_at <= now
    # A subscription says itself when its trial is over; until we are told, it goes on.
    if account.status == Status.TRIALING and (account.subscription_id or not has_ended):
        return account.plan
    return None


def refresh(workspace_id: UUID, *, actor: audit.Actor = audit.SYSTEM, now: datetime | None = None) -> bool:
    """Computes the plan in effect and pushes its limits, rates, features, seats and billing day.

    In the caller's transaction, if there is one; locks the billing account. What is so already is left alone. True when
    something changed.
    """
    with transaction.atomic():
        account = lock_account(workspace_id)
        plan = effective_plan(account, now or timezone.now())
        if plan is None:
            logger.error("a workspace has no plan: run sync_plans", extra={"workspace_id": str(workspace_id)})
            return False
        changed = pushing.push(account, plan, actor=actor)
        if account.effective_plan_id == plan.id:
            return bool(changed)
        former, account.effective_plan = account.effective_plan, plan
        account.save(update_fields=["effective_plan"])
        log.record(
            "plan.took_effect",
            workspace_id=workspace_id,
            actor_ref=actor.ref,
            plan=plan.key,
            version=plan.version,
            former=former.key if former else "",
        )
    return True


def misfits(workspace_id: UUID, plan: Plan) -> list[Misfit]:
    """What the workspace has and `plan` would not hold, for the page that offers it. Six queries."""
    found = [_seats(workspace_id, plan), _assistants(workspace_id, plan), *_features(workspace_id, plan)]
    return [misfit for misfit in found if misfit is not None]


def _seats(workspace_id: UUID, plan: Plan) -> Misfit | None:
    """A plan that is sold per seat holds as many as are bought, and at least those who are there are."""
    allowed, have = plan.seats_included, accounts_queries.count_persons(workspace_id)
    if plan.is_per_seat or allowed is None or have <= allowed:
        return None
    text = f"{have} people are here, and {plan.name} holds {allowed}: owners and whoever joined first keep writing,"
    return Misfit("seats", have, allowed, f"{text} {have - allowed} can only read.")


def _assistants(workspace_id: UUID, plan: Plan) -> Misfit | None:
    allowed = next((spec.amount for spec in pushing.specs_of(plan, None) if _is_of_assistants(spec)), None)
    if allowed is None:
        return None
    have = ports.assistant_count(workspace_id=workspace_id)
    if have <= allowed:
        return None
    text = f"There are {have} assistants, and {plan.name} holds {allowed}: the oldest stay usable,"
    return Misfit("assistants", have, allowed, f"{text} {have - allowed} can only be read.")


def _is_of_assistants(spec: pushing.LimitSpec) -> bool:
    return (spec.meter, spec.window) == (Meter.ASSISTANTS, Window.TOTAL)


def _features(workspace_id: UUID, plan: Plan) -> list[Misfit]:
    has = features.state_of(workspace_id).features
    lost = [key for key in Feature if key in has and key not in plan.features]
    return [Misfit(key, 1, 0, f"{key.label}: not part of {plan.name}.") for key in lost]
