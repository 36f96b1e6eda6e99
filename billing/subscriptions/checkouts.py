"""The payment service's checkout page for a workspace: opened once for each wish, one open at a time."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.permissions import Member
from billing import log
from billing.deals.services import Reservation
from billing.plans.models import Plan
from billing.stripe.client import PaymentRequestRefused, get_client, payment_errors
from billing.subscriptions import customers, wanted
from billing.subscriptions.models import BillingAccount, Checkout
from billing.subscriptions.refusals import PromotionCodeUnknown
from tenants import audit, links
from tenants.scope import get_ref

LIVES = timedelta(hours=23)
"""The payment service closes a page after a day."""


@dataclass(frozen=True)
class Wish:
    """What is asked of the page; `params` are those of Stripe's checkout session."""

    plan: Plan
    params: Any
    interval: str = ""
    quantity: int = 1
    has_trial: bool = False
    deal_key: str = ""

    @property
    def fingerprint(self) -> str:
        return customers.digest(self.params)

    def without_end(self) -> "Wish":
        return replace(self, params={key: value for key, value in self.params.items() if key != "expires_at"})


def subscription_wish(
    member: Member, customer_id: str, chosen: wanted.Wanted, *, has_trial: bool, promotion_code: str
) -> Wish:
    facts = _facts(member, chosen.plan) | {"interval": chosen.interval, "quantity": str(chosen.quantity)}
    subscription: dict[str, Any] = {"metadata": facts}
    if has_trial:
        subscription["metadata"] = facts | {"has_trial": "1"}
        subscription["trial_period_days"] = chosen.plan.trial_days
        subscription["trial_settings"] = {"end_behavior": {"missing_payment_method": "cancel"}}
    params = _common(member, customer_id, facts) | {
        "mode": "subscription",
        "line_items": wanted.line_items(chosen, least=wanted.least_quantity(member.workspace_id)),
        "subscription_data": subscription,
        "payment_method_collection": "always",
        **_promotion(promotion_code),
    }
    return Wish(chosen.plan, params, chosen.interval, chosen.quantity, has_trial)


def deal_wish(member: Member, customer_id: str, plan: Plan, reserved: Reservation, *, deal_key: str) -> Wish:
    """A page that ends with the reservation, paid once."""
    facts = _facts(member, plan) | {"deal": deal_key, "reservation_id": str(reserved.id)}
    product = {"name": reserved.name}
    price = {"currency": reserved.currency, "unit_amount": reserved.amount_minor, "product_data": product}
    params = _common(member, customer_id, facts) | {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "payment_intent_data": {"metadata": facts, "setup_future_usage": "off_session"},
        "invoice_creation": {"enabled": True, "invoice_data": {"metadata": facts}},
        "expires_at": int(reserved.expires_at.timestamp()),
    }
    return Wish(plan, params, deal_key=deal_key)


def _facts(member: Member, plan: Plan) -> dict[str, str]:
    """Metadata, which comes back with every object. Nobody's name or address."""
    return {
        "workspace_id": str(member.workspace_id),
        "person_ref": str(member.person_ref),
        "plan": plan.key,
        "plan_id": str(plan.id),
    }


def _common(member: Member, customer_id: str, facts: dict[str, str]) -> dict[str, Any]:
    workspace = get_ref(id=member.workspace_id)
    done = links.absolute_workspace_url(workspace, "billing-done")
    return {
        "customer": customer_id,
        "client_reference_id": str(member.workspace_id),
        "metadata": facts,
        # Filled in by the payment service; the page that it leads to believes nothing but the service itself.
        "success_url": done + "?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": links.absolute_workspace_url(workspace, "billing-plans"),
        "tax_id_collection": {"enabled": True},
        "customer_update": {"name": "auto", "address": "auto"},
        "automatic_tax": {"enabled": settings.STRIPE_AUTOMATIC_TAX},
    }


def _promotion(code: str) -> dict[str, Any]:
    """Either a code that is given already, or a field for one. Raises PromotionCodeUnknown."""
    if not code:
        return {"allow_promotion_codes": True}
    with payment_errors():
        found = get_client().v1.promotion_codes.list({"code": code, "active": True, "limit": 1}).data
    if not found:
        raise PromotionCodeUnknown()
    return {"discounts": [{"promotion_code": found[0].id}]}


def open_page(account: BillingAccount, member: Member, wish: Wish) -> str:
    """The address of the page: the one that is open for this wish, or a new one, which closes any other."""
    newest = Checkout.objects.filter(workspace_id=account.workspace_id).order_by("-created_at").first()
    if newest is not None and _may_serve(newest, wish):
        url = _address_of(newest)
        if url:
            return url
    # Two clicks at once know the same newest page, and so ask by the same key for the same one.
    seed = newest.session_id if newest else "first"
    key = f"checkout-{account.workspace_id}-{seed}-{wish.fingerprint}"
    with payment_errors():
        session = get_client().v1.checkout.sessions.create(wish.params, {"idempotency_key": key})
    for superseded in _store(account.workspace_id, member, wish, session.id):
        _close(superseded)
    return str(session.url)


def _may_serve(checkout: Checkout, wish: Wish) -> bool:
    is_young = checkout.created_at > timezone.now() - LIVES
    return not checkout.outcome and checkout.fingerprint == wish.fingerprint and is_young


def _address_of(checkout: Checkout) -> str:
    """Empty when the page is not open any more."""
    with payment_errors():
        session = get_client().v1.checkout.sessions.retrieve(checkout.session_id)
    return str(session.url) if session.status == "open" and session.url else ""


def _store(workspace_id: UUID, member: Member, wish: Wish, session_id: str) -> list[str]:
    """Makes this the workspace's one open page; returns the others."""
    with transaction.atomic():
        BillingAccount.objects.select_for_update().get(workspace_id=workspace_id)
        others = Checkout.objects.filter(workspace_id=workspace_id, outcome="").exclude(session_id=session_id)
        superseded = list(others.values_list("session_id", flat=True))
        others.update(outcome=Checkout.Outcome.SUPERSEDED)
        _, is_new = Checkout.objects.get_or_create(
            session_id=session_id,
            defaults={
                "workspace_id": workspace_id,
                "person_ref": member.person_ref,
                "plan": wish.plan,
                "interval": wish.interval,
                "quantity": wish.quantity,
                "deal_key": wish.deal_key,
                "has_trial": wish.has_trial,
                "fingerprint": wish.fingerprint,
            },
        )
        if is_new:
            _record(workspace_id, member, wish, session_id)
    return superseded


def _record(workspace_id: UUID, member: Member, wish: Wish, session_id: str) -> None:
    facts: dict[str, Any] = {"plan": wish.plan.key, "interval": wish.interval, "quantity": wish.quantity}
    facts |= {"trial": wish.has_trial, "deal": wish.deal_key}
    # A session's id is longer than a target's may be.
    target = ("billing_account", workspace_id)
    audit.record(
        "checkout.opened",
        actor=member.actor,
        workspace_id=workspace_id,
        target=target,
        session=session_id,
        **facts,
    )
    log.record(
        "checkout.opened", workspace_id=workspace_id, actor_ref=member.person_ref, cause=session_id, **facts
    )


def close_open(workspace_id: UUID) -> None:
    """No page stays that could still buy a plan beside the one that begins in another way."""
    rows = Checkout.objects.filter(workspace_id=workspace_id, outcome="")
    for session_id in rows.values_list("session_id", flat=True):
        _close(session_id)
        rows.filter(session_id=session_id).update(outcome=Checkout.Outcome.SUPERSEDED)


def _close(session_id: str) -> None:
    """A page that was paid, or has ended by itself, is left as it is."""
    try:
        with payment_errors():
            get_client().v1.checkout.sessions.expire(session_id)
    except PaymentRequestRefused:
        return
