"""The payment service's side of a change: at once with proration, or by a schedule at the period's end.

At once means `pending_if_incomplete`: the subscription is as it was until the difference is paid. Of Stripe's other
behaviours `allow_incomplete` gives the new plan before it is paid, and `error_if_incomplete` leaves no way to confirm a
payment by 3-D Secure. A pending update takes prices, quantities and proration only; whatever else a change needs is
a request of its own.
"""

from dataclasses import dataclass
from typing import Any

from billing.stripe.client import REFUSALS, PaymentRefused, get_client, payment_errors
from billing.stripe.state import plain
from billing.subscriptions import wanted
from billing.subscriptions.models import BillingAccount
from billing.subscriptions.queries import Status
from billing.subscriptions.wanted import Wanted


@dataclass(frozen=True)
class Moved:
    """`action_url`: where the customer confirms the payment; until then nothing has changed."""

    action_url: str = ""


def is_at_once(account: BillingAccount, chosen: Wanted) -> bool:
    """More is given at once, less when what was paid for has run out. In a trial nothing was paid for."""
    plan = account.plan
    if account.status == Status.TRIALING or plan is None:
        return True
    if chosen.plan.key != plan.key and chosen.plan.rank != plan.rank:
        return chosen.plan.rank > plan.rank
    if chosen.interval != account.interval:
        return chosen.interval == "year"
    if chosen.plan.id != plan.id:
        return chosen.price.amount_minor >= _present_amount(account)
    return True


def _present_amount(account: BillingAccount) -> int:
    assert account.plan is not None
    found = account.plan.prices.filter(kind="licensed", interval=account.interval).first()
    return found.amount_minor if found else 0


def gives_credit_only(account: BillingAccount, chosen: Wanted) -> bool:
    """Fewer seats of the same plan: what was paid for them goes onto the next invoice."""
    is_same = account.plan_id == chosen.plan.id and account.interval == chosen.interval
    return is_same and chosen.quantity < account.quantity


def update_of(account: BillingAccount, chosen: Wanted, items: Any) -> dict[str, Any]:
    """What a preview and the change itself ask for alike."""
    if account.status == Status.TRIALING:
        behaviour = "none"
    else:
        behaviour = "create_prorations" if gives_credit_only(account, chosen) else "always_invoice"
    return {"items": wanted.changed_items(chosen, items), "proration_behavior": behaviour}


def retrieve(subscription_id: str) -> Any:
    """The subscription as it is now."""
    with payment_errors():
        return get_client().v1.subscriptions.retrieve(subscription_id)


def items_of(subscription: Any) -> list[Any]:
    return list(subscription["items"].data)


def at_once(account: BillingAccount, chosen: Wanted, *, proration_date: int | None = None) -> Moved:
    """Raises PaymentRefused when the card is declined; the subscription is then as it was."""
    params: Any = update_of(account, chosen, items_of(retrieve(account.subscription_id)))
    if params["proration_behavior"] == "always_invoice":
        params["payment_behavior"] = "pending_if_incomplete"
        if proration_date is not None:
            params["proration_date"] = proration_date
    with payment_errors():
        changed = get_client().v1.subscriptions.update(account.subscription_id, params)
    if changed.pending_update is None:
        return Moved()
    return _unpaid(str(changed.latest_invoice))


def _unpaid(invoice_id: str) -> Moved:
    """Either the customer can still confirm the payment, or what was asked for is given up."""
    client = get_client()
    expand = ["data.payment.payment_intent"]
    with payment_errors():
        listed = client.v1.invoice_payments.list({"invoice": invoice_id, "expand": expand})
        intents = [(plain(row).get("payment") or {}).get("payment_intent") for row in listed.data]
        intent = next((row for row in intents if isinstance(row, dict)), {})
        if intent.get("status") == "requires_action":
            return Moved(str(client.v1.invoices.retrieve(invoice_id).hosted_invoice_url))
        # Giving the invoice up gives the pending update up.
        client.v1.invoices.void_invoice(invoice_id)
    failure = intent.get("last_payment_error") or {}
    raise declined(str(failure.get("decline_code") or failure.get("code") or "generic_decline"))


def declined(code: str) -> PaymentRefused:
    return PaymentRefused(REFUSALS.get(code), data={"decline_code": code})


def at_period_end(account: BillingAccount, chosen: Wanted) -> None:
    """A schedule whose first phase is what runs now, as it is, and whose second is what was chosen."""
    client = get_client()
    subscription = retrieve(account.subscription_id)
    discounts = [{"discount": _id(row)} for row in subscription.discounts or []]
    with payment_errors():
        made = client.v1.subscription_schedules.create({"from_subscription": account.subscription_id})
        present = plain(made)["phases"][0]
        duration = {"interval": chosen.interval, "interval_count": 1}
        following: dict[str, Any] = {"items": wanted.new_items(chosen), "duration": duration}
        phases: Any = [_kept(present), following | {"proration_behavior": "none"}]
        if discounts:
            phases = [phase | {"discounts": discounts} for phase in phases]
        client.v1.subscription_schedules.update(
            made.id, {"end_behavior": "release", "proration_behavior": "none", "phases": phases}
        )


def _kept(phase: dict[str, Any]) -> dict[str, Any]:
    items = []
    for row in phase["items"]:
        item = {"price": _id(row["price"])}
        if row.get("quantity") is not None:
            item["quantity"] = row["quantity"]
        items.append(item)
    return {"items": items, "start_date": phase["start_date"], "end_date": phase["end_date"]}


def release(schedule_id: str) -> None:
    """The subscription goes on as it is."""
    with payment_errors():
        get_client().v1.subscription_schedules.release(schedule_id)


def end_at_period_end(account: BillingAccount, *, reason: str, comment: str) -> None:
    details: Any = {"feedback": reason} | ({"comment": comment} if comment else {})
    with payment_errors():
        get_client().v1.subscriptions.update(
            account.subscription_id, {"cancel_at_period_end": True, "cancellation_details": details}
        )


def keep_on(account: BillingAccount) -> None:
    with payment_errors():
        get_client().v1.subscriptions.update(account.subscription_id, {"cancel_at_period_end": False})


def _id(value: Any) -> str:
    return value if isinstance(value, str) else str(value["id"])
