"""Collecting invoices: the first attempt, the later ones of a failed renewal, and what follows for the subscription."""

from billing.simulator.core import cards, ids, intents, invoice_states, invoices, payment_methods, pending
from billing.simulator.core.account import DAY, policy
from billing.simulator.core.clock import due
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, declined, invalid
from billing.simulator.core.intents import Attempt

MISSING = "missing_payment_method"
NO_METHOD = (
    "There is no default_payment_method set on this Customer or Invoice. Please set a default payment method before "
    "you pay this invoice."
)


def method_of(desk: Desk, invoice: Json) -> Json | None:
    """The card an invoice is charged to: its own, its subscription's, its customer's."""
    subscription = desk.get("subscription", invoices.subscription_of(invoice))
    customer = desk.get("customer", ids.id_of(invoice["customer"]))
    wanted = [
        invoice["default_payment_method"],
        subscription["default_payment_method"] if subscription else None,
        customer["invoice_settings"]["default_payment_method"] if customer else None,
    ]
    return next((found for id in wanted if id and (found := desk.get("payment_method", id))), None)


def collect(
    desk: Desk,
    invoice: Json,
    method: Json | None = None,
    *,
    authenticated: bool = False,
    by_itself: bool = False,
) -> Attempt:
    """One attempt. What comes of it is written and told, whichever way it goes; `by_itself`: nobody asked for it."""
    intent = invoices.intent_of(desk, invoice)
    assert intent is not None, invoice["id"]
    method = method or method_of(desk, invoice)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    if method is None:
        attempt = Attempt(succeeded=False, reason=MISSING)
    else:
        attempt = intents.attempt(desk, intent, method, authenticated=authenticated)
    if attempt.succeeded:
        _save_method(desk, invoice, method)
        invoice_states.mark_paid(desk, invoice)
        settle(desk, invoice)
    else:
        _fail(desk, invoice, attempt, by_itself=by_itself)
    return attempt


def _save_method(desk: Desk, invoice: Json, method: Json | None) -> None:
    subscription = desk.get("subscription", invoices.subscription_of(invoice))
    if subscription is None or method is None:
        return
    before = copy(subscription)
    if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        subscription["default_payment_method"] = method["id"]
    desk.changed(subscription, before)


def settle(desk: Desk, invoice: Json) -> None:
    """After a payment: the subscription runs (again), unless another of its invoices is still owed."""
    _mark_delinquent(desk, invoice["customer"], is_delinquent=False)
    subscription = desk.get("subscription", invoices.subscription_of(invoice))
    if subscription is None:
        return
    if pending.is_for(desk, invoice):
        pending.settle(desk, subscription, invoice)
    if subscription["status"] not in ("incomplete", "past_due", "unpaid"):
        return
    owed = [
        row
        for row in desk.newest("invoice", parent=subscription["id"])
        if row["status"] == "open" and row["attempted"]
    ]
    if owed:
        return
    from billing.simulator.core import subscriptions  # noqa: PLC0415  it makes invoices

    before = copy(subscription)
    subscriptions.set_status(desk, subscription, "active")
    desk.changed(subscription, before)
    subscriptions.tell_entitlements(desk, subscription["customer"])


def _mark_delinquent(desk: Desk, customer_id: str, *, is_delinquent: bool) -> None:
    customer = desk.get("customer", customer_id)
    if customer and customer["delinquent"] != is_delinquent:
        before = copy(customer)
        customer["delinquent"] = is_delinquent
        desk.changed(customer, before)


def _fail(desk: Desk, invoice: Json, attempt: Attempt, *, by_itself: bool) -> None:
    subscription = desk.get("subscription", invoices.subscription_of(invoice))
    # What waits for its first payment harms nothing that runs.
    is_first = invoice["billing_reason"] == "subscription_create" or pending.is_for(desk, invoice)
    is_over = False
    before = copy(invoice)
    if subscription and not is_first and invoice["collection_method"] == "charge_automatically":
        if by_itself or invoice["next_payment_attempt"] is None:
            is_over = _plan_retry(desk, invoice)
        _mark_delinquent(desk, invoice["customer"], is_delinquent=True)
    desk.changed(invoice, before)
    desk.emit("payment_failed", invoice)
    if attempt.needs_authentication:
        desk.emit("payment_action_required", invoice)
    if subscription is None or is_first:
        return
    if is_over:
        _give_up(desk, subscription)
    elif subscription["status"] in ("active", "trialing"):
        was = copy(subscription)
        subscription["status"] = "past_due"
        desk.changed(subscription, was)


def _plan_retry(desk: Desk, invoice: Json) -> bool:
    """Sets the next attempt; True when there is none."""
    meta = desk.meta(invoice)
    days = policy(desk).retry_days
    done = meta.get("retries", 0)
    meta["retries"] = done + 1
    at = desk.now + days[done] * DAY if done < len(days) else None
    invoice["next_payment_attempt"] = at
    desk.schedule(invoice, at)
    return at is None


def _give_up(desk: Desk, subscription: Json) -> None:
    from billing.simulator.core import endings  # noqa: PLC0415  it makes invoices

    after = policy(desk).after_retries
    if after == "cancel":
        endings.end(desk, subscription, reason="payment_failed")
        return
    before = copy(subscription)
    subscription["status"] = after
    desk.changed(subscription, before)


@due("invoice")
def wake(desk: Desk, invoice: Json) -> None:
    """Drafts go on by themselves, failed payments are tried again, unpaid invoices become overdue."""
    if invoice["status"] == "draft":
        go_on(desk, invoice)
    elif invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
        collect(desk, invoice, by_itself=True)
    elif invoice["status"] == "open" and invoice["due_date"] is not None:
        _overdue(desk, invoice)


def go_on(desk: Desk, invoice: Json) -> Attempt | None:
    """Finalizes a draft, and charges or sends it."""
    invoice_states.finalize(desk, invoice)
    if invoice["status"] == "paid":
        settle(desk, invoice)
    elif invoice["collection_method"] == "charge_automatically":
        return collect(desk, invoice, by_itself=True)
    else:
        desk.emit("sent", invoice)
    return None


def _overdue(desk: Desk, invoice: Json) -> None:
    desk.emit("overdue", invoice)
    subscription = desk.get("subscription", invoices.subscription_of(invoice))
    if subscription and subscription["status"] in ("active", "trialing"):
        before = copy(subscription)
        subscription["status"] = "past_due"
        desk.changed(subscription, before)


def pay(desk: Desk, invoice: Json, *, method: Json | None = None, authenticated: bool = False) -> Json:
    """What somebody asks for. Raises Refused (402), and keeps what the attempt left, when it fails."""
    if invoice["status"] == "draft":
        invoice_states.finalize(desk, invoice)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] != "open":
        raise invalid(f"This invoice can no longer be paid: it is {invoice['status']}.")
    method = method or method_of(desk, invoice)
    if method is None:
        raise invalid(NO_METHOD, code="resource_missing")
    if method["customer"] not in (None, invoice["customer"]):
        raise invalid("The payment method belongs to another customer.", "payment_method")
    attempt = collect(desk, invoice, method, authenticated=authenticated)
    if not attempt.succeeded:
        raise refusal(desk, invoice, attempt)
    return invoice


def refusal(desk: Desk, invoice: Json, attempt: Attempt) -> Exception:
    if attempt.needs_authentication:
        return declined(
            "Payment for this invoice requires additional user action before it can be completed successfully.",
            code="invoice_payment_intent_requires_action",
            keeps=True,
            payment_intent=copy(invoices.intent_of(desk, invoice)),
        )
    return cards.decline(attempt.reason, keeps=True)


def pay_hosted(desk: Desk, invoice: Json, method: Json, *, authenticated: bool) -> Attempt:
    """On the invoice's own page: the card is saved, and becomes the one for later when there is none or the old
    one failed."""
    customer = desk.need("customer", invoice["customer"])
    payment_methods.attach(desk, method, customer)
    attempt = collect(desk, invoice, method, authenticated=authenticated)
    if attempt.succeeded:
        subscription = desk.get("subscription", invoices.subscription_of(invoice))
        owner, before = customer, copy(customer)
        if subscription and subscription["default_payment_method"]:
            owner, before = subscription, copy(subscription)
            subscription["default_payment_method"] = method["id"]
        else:
            customer["invoice_settings"]["default_payment_method"] = method["id"]
        desk.changed(owner, before)
    return attempt
