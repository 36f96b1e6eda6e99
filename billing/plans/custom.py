"""A plan of one workspace's own: written by staff, then given, and billed by mailed invoices with a term."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from billing import log
from billing.catalogues.catalogue import LimitOfPlan
from billing.enquiries import services as enquiries
from billing.entitlements import services as entitlements
from billing.plans import publishing, versions
from billing.plans.models import Plan
from billing.plans.versions import Draft
from billing.stripe import sync
from billing.stripe.client import get_client, payment_errors
from billing.subscriptions import customers
from billing.subscriptions import queries as subscriptions
from billing.subscriptions.models import BillingAccount
from config.errors import DomainError
from tenants import audit
from usage.features.keys import Feature

MOST_NET_DAYS = 90
ONE_OF_BOTH = ("month", "year")


class CustomPlanRefused(DomainError):
    code = "custom_plan_refused"
    status = 422
    message = "The plan cannot be made like that."


@dataclass(frozen=True)
class CustomTerms:
    """`amount_minor` None: given without a charge. `seats` None: any number. `net_days` 0: the payment method on file
    is charged; else an invoice is mailed that is due so many days later."""

    name: str
    amount_minor: int | None
    interval: str = "month"
    seats: int | None = None
    limits: Sequence[LimitOfPlan] = ()
    features: Sequence[str] = ()
    net_days: int = 30
    support: str = "dedicated"
    is_passthrough: bool = False


def make_custom_plan(
    *, workspace_id: UUID, terms: CustomTerms, actor: audit.Actor, enquiry_id: UUID | None = None
) -> Plan:
    """Writes the plan and, once that is committed, gives it in the background. It replaces a former one.

    Raises CustomPlanRefused, and NotFound or EnquiryHandled for the enquiry it answers.
    """
    check(terms)
    with transaction.atomic():
        subscriptions.get_account(workspace_id)
        BillingAccount.objects.select_for_update().get(workspace_id=workspace_id)
        draft = _draft(workspace_id, terms)
        Plan.objects.filter(workspace_id=workspace_id, is_current=True).update(is_current=False)
        versions.save(draft)
        plan = draft.plan
        if enquiry_id is not None:
            enquiries.note_sale(enquiry_id=enquiry_id, plan=plan, actor=actor)
        data: dict[str, Any] = {
            "plan": plan.name,
            "version": plan.version,
            "amount_minor": terms.amount_minor,
        }
        log.record("plan.custom_made", workspace_id=workspace_id, actor_ref=actor.ref, **data)
        audit.record(
            "plan.custom_made", actor=actor, workspace_id=workspace_id, target=("plan", plan.id), **data
        )
        transaction.on_commit(partial(_give_soon, plan.id), robust=True)
    return plan


def check(terms: CustomTerms) -> None:
    """Raises CustomPlanRefused."""
    unknown = sorted(set(terms.features) - set(Feature.values))
    if not terms.name.strip():
        raise CustomPlanRefused("The plan needs a name.")
    if unknown:
        raise CustomPlanRefused(f"The product has no feature {', '.join(unknown)}.")
    if terms.interval not in ONE_OF_BOTH or not 0 <= terms.net_days <= MOST_NET_DAYS:
        raise CustomPlanRefused(f"It is charged by the month or year, within {MOST_NET_DAYS} days.")
    if terms.amount_minor is not None and terms.amount_minor < 1:
        raise CustomPlanRefused("A price is more than nothing; without one nothing is charged.")
    if terms.seats is not None and terms.seats < 1:
        raise CustomPlanRefused("Nobody could be in it.")
    if terms.is_passthrough and terms.amount_minor is None:
        raise CustomPlanRefused("Passing AI cost on needs a price beside it.")
    if (terms.seats is None or terms.seats > 1) != (Feature.SHARED_WORKSPACE in terms.features):
        raise CustomPlanRefused("More than one person needs the shared workspace, and only they do.")


def _draft(workspace_id: UUID, terms: CustomTerms) -> Draft:
    key = f"own-{workspace_id.hex[:12]}"
    rows = Plan.objects.filter(catalogue=settings.PLAN_CATALOGUE, key=key, workspace_id=workspace_id)
    newest = rows.order_by("-version").values_list("version", flat=True).first()
    plan = Plan(
        catalogue=settings.PLAN_CATALOGUE,
        key=key,
        version=(newest or 0) + 1,
        workspace_id=workspace_id,
        name=terms.name.strip(),
        rank=100,
        sale=Plan.Sale.UNPRICED if terms.amount_minor is None else Plan.Sale.PAID,
        limits=[versions.limit_as_json(limit) for limit in terms.limits],
        features=list(terms.features),
        support=terms.support,
        seats_included=terms.seats,
        is_passthrough=terms.is_passthrough,
        net_days=terms.net_days,
    )
    amounts = [] if terms.amount_minor is None else [(terms.interval, terms.amount_minor)]
    return versions.seal(Draft(plan, versions.prices_of(plan, amounts)))


def _give_soon(plan_id: UUID) -> None:
    from billing.plans.tasks import give_custom_plan  # noqa: PLC0415  tasks call services

    give_custom_plan.delay(plan_id=str(plan_id))


def give(plan_id: UUID, *, actor: audit.Actor = audit.SYSTEM) -> bool:
    """Publishes the plan, subscribes the workspace to it, and puts it in effect. False when a newer one took its place.

    Safe to repeat after a failure anywhere. Outside every transaction. Raises what `payment_errors` raises.
    """
    plan = Plan.objects.prefetch_related("prices").get(id=plan_id)
    workspace_id = plan.workspace_id
    if workspace_id is None or not plan.is_current:
        return False
    account = subscriptions.get_account(workspace_id)
    if plan.prices.all():
        publisher = publishing.Publisher(write=lambda text: None, brand=settings.PRODUCT_NAME)
        publisher.publish([Draft(plan, list(plan.prices.all()))], [])
        customer = customers.ensure(account)
        _subscribe(account, plan, customer)
    with transaction.atomic():
        account = BillingAccount.objects.select_for_update().get(workspace_id=workspace_id)
        if account.custom_plan_id != plan.id:
            account.custom_plan = plan
            account.save(update_fields=["custom_plan"])
            data: dict[str, Any] = {"plan": plan.name, "version": plan.version}
            log.record("plan.custom_given", workspace_id=workspace_id, actor_ref=actor.ref, **data)
        entitlements.refresh(workspace_id, actor=actor)
    if account.stripe_customer_id:
        sync.sync_customer(account.stripe_customer_id, cause=f"custom plan {plan.id}")
    return True


def _subscribe(account: BillingAccount, plan: Plan, customer: str) -> None:
    """A running subscription is turned into one of this plan from now on; without one it begins."""
    params: dict[str, Any] = {"metadata": {"workspace_id": str(account.workspace_id), "plan": str(plan.id)}}
    if plan.net_days:
        params |= {"collection_method": "send_invoice", "days_until_due": plan.net_days}
    else:
        params["collection_method"] = "charge_automatically"
    prices = [price.stripe_price_id for price in plan.prices.all()]
    with payment_errors():
        if not subscriptions.is_running(account):
            params |= {"customer": customer, "items": [{"price": price} for price in prices]}
            key = {"idempotency_key": f"custom-plan-{plan.id}"}
            get_client().v1.subscriptions.create(params, key)  # type: ignore[arg-type]
            return
        if account.schedule_id:
            get_client().v1.subscription_schedules.release(account.schedule_id)
        params |= {"items": _exchanged(account, prices), "proration_behavior": "create_prorations"}
        params["cancel_at_period_end"] = False
        get_client().v1.subscriptions.update(account.subscription_id, params)  # type: ignore[arg-type]


def _exchanged(account: BillingAccount, prices: list[str]) -> list[dict[str, Any]]:
    """The items of the subscription: what is wanted stays or comes, everything else goes."""
    there = get_client().v1.subscriptions.retrieve(account.subscription_id)["items"].data
    has = {item.price.id for item in there}
    gone: list[dict[str, Any]] = [
        {"id": item.id, "deleted": True} for item in there if item.price.id not in prices
    ]
    return gone + [{"price": price} for price in prices if price not in has]


def end_custom_plan(*, plan_id: UUID, reason: str, actor: audit.Actor) -> None:
    """One that is paid ends with its period, any other at once. Outside every transaction.

    Raises CustomPlanRefused when nobody has it, and what `payment_errors` raises.
    """
    account = BillingAccount.objects.select_related("custom_plan").filter(custom_plan=plan_id).first()
    if account is None or account.custom_plan is None:
        raise CustomPlanRefused("No workspace has this plan as its own now.")
    workspace_id, plan = account.workspace_id, account.custom_plan
    is_paid = subscriptions.is_running(account) and account.plan_id == plan.id
    if is_paid:
        with payment_errors():
            get_client().v1.subscriptions.update(
                account.subscription_id, params={"cancel_at_period_end": True}
            )
    with transaction.atomic():
        locked = BillingAccount.objects.select_for_update().get(workspace_id=workspace_id)
        data: dict[str, Any] = {"plan": plan.name, "reason": reason, "is_at_period_end": is_paid}
        log.record("plan.custom_ended", workspace_id=workspace_id, actor_ref=actor.ref, **data)
        audit.record("plan.custom_ended", actor=actor, workspace_id=workspace_id, **data)
        Plan.objects.filter(id=plan.id).update(is_current=False)
        if not is_paid:
            locked.custom_plan = None
            locked.save(update_fields=["custom_plan"])
        entitlements.refresh(workspace_id, actor=actor)
    if is_paid and account.stripe_customer_id:
        sync.sync_customer(account.stripe_customer_id, cause="custom plan ended")
