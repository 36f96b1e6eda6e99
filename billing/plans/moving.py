"""Moving subscribers of older versions to the current one. Only on request: a version that was bought is kept."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from billing import log
from billing.entitlements import services as entitlements
from billing.plans import queries
from billing.plans.models import Plan
from billing.plans.versions import Change
from billing.stripe import sync
from billing.stripe.client import get_client, payment_errors
from billing.subscriptions.models import BillingAccount
from config.errors import DomainError
from tenants import audit

Writer = Callable[[str], object]
ENDED = (BillingAccount.Status.NONE, BillingAccount.Status.CANCELED)


def move_subscribers(
    catalogue: str, *, write: Writer, is_dry: bool = False, actor: audit.Actor = audit.SYSTEM
) -> list[Change]:
    """Subscriptions change their price with the next period, without proration; lifetime and free plans at once.

    A plan that is sold no more has no current version: its subscribers stay, and so does who has another change
    scheduled. Outside every transaction.
    """
    current = {plan.key: plan for plan in queries.list_offered(catalogue)}
    old = Plan.objects.filter(catalogue=catalogue, workspace_id=None, is_current=False, key__in=current)
    changes = _move_subscriptions(old, current, write, is_dry, actor)
    for field in ("lifetime_plan", "effective_plan"):
        changes += _move_rows(field, old, current, write, is_dry, actor)
    return changes


def _move_subscriptions(
    old: Any, current: dict[str, Plan], write: Writer, is_dry: bool, actor: audit.Actor
) -> list[Change]:
    accounts = BillingAccount.objects.filter(plan__in=old).exclude(status__in=ENDED).select_related("plan")
    rows = list(accounts.order_by("created_at"))
    changes = []
    for number, account in enumerate(rows, start=1):
        assert account.plan is not None
        change = _move_one(account, account.plan, current[account.plan.key], is_dry, actor)
        write(f"[{number}/{len(rows)}] {change}")
        changes.append(change)
    return changes


def _move_one(account: BillingAccount, was: Plan, plan: Plan, is_dry: bool, actor: audit.Actor) -> Change:
    """One that is refused hinders nobody else: it is a change of its own kind, and can be tried again."""
    who = str(account.workspace_id)
    if account.schedule_id:
        return Change("subscriber.kept", who, "another change is scheduled")
    if not account.subscription_id:
        if not is_dry:
            _set(account.workspace_id, "plan", plan, was, actor)
        return _moved(account.workspace_id, was, plan)
    if not any(price.interval == account.interval for price in plan.prices.all()):
        return Change("subscriber.kept", who, f"version {plan.version} is not sold by the {account.interval}")
    if not is_dry:
        try:
            _change_prices(account, plan)
        except DomainError as error:
            return Change("subscriber.failed", who, error.code)
    return _moved(account.workspace_id, was, plan)


def _change_prices(account: BillingAccount, plan: Plan) -> None:
    """The items of the subscription get the prices of the new version. Raises what `payment_errors` raises."""
    wanted = {
        (price.kind, price.meter): price.stripe_price_id
        for price in plan.prices.all()
        if price.interval == account.interval
    }
    with payment_errors():
        subscription = get_client().v1.subscriptions.retrieve(account.subscription_id)
        items: list[Any] = []
        for item in subscription["items"].data:
            found = queries.plan_of_stripe_price(item.price.id)
            kind = (found[1].kind, found[1].meter) if found else None
            if kind in wanted:
                items.append({"id": item.id, "price": wanted.pop(kind)})
        items += [{"price": price} for price in wanted.values()]
        get_client().v1.subscriptions.update(
            account.subscription_id, params={"items": items, "proration_behavior": "none"}
        )
    sync.sync_customer(account.stripe_customer_id or "", cause="sync_plans")


def _move_rows(
    field: str, old: Any, current: dict[str, Plan], write: Writer, is_dry: bool, actor: audit.Actor
) -> list[Change]:
    """Plans that nobody pays for by the month."""
    rows = BillingAccount.objects.filter(**{f"{field}__in": old}).select_related(field)
    if field == "effective_plan":
        rows = rows.filter(effective_plan__sale=Plan.Sale.FREE)
    changes = []
    for account in rows.order_by("created_at"):
        was: Plan = getattr(account, field)
        change = _moved(account.workspace_id, was, current[was.key])
        if not is_dry:
            _set(account.workspace_id, field, current[was.key], was, actor)
        write(str(change))
        changes.append(change)
    return changes


def _set(workspace_id: UUID, field: str, plan: Plan, was: Plan, actor: audit.Actor) -> None:
    with transaction.atomic():
        account = BillingAccount.objects.select_for_update().get(workspace_id=workspace_id)
        setattr(account, field, plan)
        account.save(update_fields=[field])
        log.record(
            "plan.moved", workspace_id=workspace_id, actor_ref=actor.ref, plan=plan.key, version=plan.version,
            from_version=was.version,
        )  # fmt: skip
        entitlements.refresh(workspace_id, actor=actor)


def _moved(workspace_id: UUID, was: Plan, plan: Plan) -> Change:
    return Change(
        "subscriber.moved", str(workspace_id), f"{plan.key} version {was.version} to {plan.version}"
    )
