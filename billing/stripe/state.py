"""What the payment service says of a customer now: read in whole, in Stripe's current shapes, never from an event.

Money is in minor units. `balance_minor` has Stripe's sign: what is below zero is the customer's credit.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import stripe

from billing.stripe.client import get_client, payment_errors

PAGE = 100
PRECEDENCE = (
    ("active", "trialing"),
    ("past_due",),
    ("unpaid", "paused"),
    ("incomplete",),
    ("canceled",),
)
"""Of several subscriptions the one that counts: of the first of these groups in which there is one, the newest. One
whose first payment never came (`incomplete_expired`) never began, and does not count at all."""


@dataclass(frozen=True)
class ItemState:
    """`interval` is empty for what does not recur."""

    id: str
    price_id: str
    interval: str
    is_metered: bool
    quantity: int
    period_start: datetime | None
    period_end: datetime | None


@dataclass(frozen=True)
class PhaseState:
    price_ids: tuple[str, ...]
    begins_at: datetime


@dataclass(frozen=True)
class SubscriptionState:
    """`next_phase`: what its schedule turns it into, if it has one that is under way."""

    id: str
    status: str
    items: tuple[ItemState, ...]
    created_at: datetime
    trial_ends_at: datetime | None
    cancels_at: datetime | None
    ended_at: datetime | None
    schedule_id: str
    next_phase: PhaseState | None
    payment_method: Mapping[str, Any]
    cancellation: Mapping[str, Any]
    metadata: Mapping[str, str]

    @property
    def has_begun(self) -> bool:
        return self.status not in ("incomplete", "incomplete_expired")


@dataclass(frozen=True)
class InvoiceState:
    """`needs_action`: the bank wants the customer to confirm its payment, at `hosted_url`."""

    id: str
    number: str
    status: str
    subscription_id: str
    billing_reason: str
    currency: str
    total_minor: int
    amount_due_minor: int
    amount_paid_minor: int
    amount_remaining_minor: int
    attempt_count: int
    is_charged: bool
    created_at: datetime
    finalized_at: datetime | None
    paid_at: datetime | None
    due_at: datetime | None
    next_attempt_at: datetime | None
    hosted_url: str
    pdf_url: str
    metadata: Mapping[str, str]
    needs_action: bool = False

    @property
    def has_failed(self) -> bool:
        """It was tried and is not paid."""
        return self.status == "open" and self.is_charged and self.attempt_count > 0

    @property
    def is_owed(self) -> bool:
        """Not paid, though it was tried or was sent to be paid by the customer."""
        return self.has_failed or (self.status == "open" and not self.is_charged)


@dataclass(frozen=True)
class SessionState:
    """A checkout that was completed. `is_paid`: or nothing was to be paid."""

    id: str
    mode: str
    is_paid: bool
    subscription_id: str
    amount_total_minor: int
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class CustomerState:
    """`subscription` is the one that counts (PRECEDENCE), `subscriptions` are all, `invoices` the newest 100.

    `originals`: the objects as they came, for the mirror.
    """

    id: str
    is_deleted: bool = False
    email: str = ""
    balance_minor: int = 0
    payment_method: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    subscription: SubscriptionState | None = None
    subscriptions: tuple[SubscriptionState, ...] = ()
    invoices: tuple[InvoiceState, ...] = ()
    sessions: tuple[SessionState, ...] = ()
    originals: tuple[Mapping[str, Any], ...] = ()

    @property
    def unpaid_invoices(self) -> list[InvoiceState]:
        """Of the subscription that counts, oldest first."""
        wanted = self.subscription.id if self.subscription else None
        rows = [row for row in self.invoices if row.is_owed and row.subscription_id == wanted]
        return sorted(rows, key=lambda row: row.created_at)


def fetch(customer_id: str) -> CustomerState:
    """Four calls, one more while an invoice waits for its payment. No transaction may be open meanwhile.

    Lists, not searches: a search lags behind. Raises what `payment_errors` raises.
    """
    client = get_client()
    with payment_errors():
        customer = _customer(client, customer_id)
        if customer.get("deleted"):
            return CustomerState(id=customer_id, is_deleted=True, originals=(customer,))
        subscriptions = _subscriptions(client, customer_id)
        invoices = _invoices(client, customer_id)
        sessions = _sessions(client, customer_id)
        waiting = _waiting_for_action(client, invoices)
    return assemble(customer, subscriptions, invoices, sessions, waiting=waiting)


def _customer(client: stripe.StripeClient, customer_id: str) -> dict[str, Any]:
    """One that was deleted is only its id, with nothing to expand."""
    expand = ["invoice_settings.default_payment_method"]
    try:
        return plain(client.v1.customers.retrieve(customer_id, params={"expand": expand}))
    except stripe.InvalidRequestError as error:
        if not (getattr(error, "param", None) or "").startswith("expand"):
            raise
        return plain(client.v1.customers.retrieve(customer_id))


def _subscriptions(client: stripe.StripeClient, customer_id: str) -> list[dict[str, Any]]:
    listed = client.v1.subscriptions.list(
        params={
            "customer": customer_id,
            "status": "all",
            "limit": PAGE,
            "expand": ["data.default_payment_method", "data.schedule"],
        }
    )
    return [plain(row) for row in listed.auto_paging_iter()]


def _invoices(client: stripe.StripeClient, customer_id: str) -> list[dict[str, Any]]:
    """The mirror cannot do with discounts that are not expanded."""
    listed = client.v1.invoices.list(
        params={
            "customer": customer_id,
            "limit": PAGE,
            "expand": ["data.discounts", "data.lines.data.discounts"],
        }
    )
    return [plain(row) for row in listed.data]


def _sessions(client: stripe.StripeClient, customer_id: str) -> list[dict[str, Any]]:
    listed = client.v1.checkout.sessions.list(
        params={"customer": customer_id, "status": "complete", "limit": PAGE}
    )
    return [plain(row) for row in listed.data]


def _waiting_for_action(client: stripe.StripeClient, invoices: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The ids of those open invoices whose payment the customer has to confirm."""
    found = set()
    for invoice in invoices:
        if invoice.get("status") == "open" and invoice.get("collection_method") == "charge_automatically":
            payments = client.v1.invoice_payments.list(
                params={"invoice": invoice["id"], "expand": ["data.payment.payment_intent"]}
            )
            if any(_requires_action(plain(row)) for row in payments.data):
                found.add(invoice["id"])
    return frozenset(found)


def _requires_action(payment: Mapping[str, Any]) -> bool:
    intent = (payment.get("payment") or {}).get("payment_intent")
    return isinstance(intent, dict) and intent.get("status") == "requires_action"


# from Stripe's shapes


def assemble(
    customer: Mapping[str, Any],
    subscriptions: Iterable[Mapping[str, Any]],
    invoices: Iterable[Mapping[str, Any]],
    sessions: Iterable[Mapping[str, Any]] = (),
    *,
    waiting: frozenset[str] = frozenset(),
) -> CustomerState:
    subscriptions, invoices = list(subscriptions), list(invoices)
    all_of_them = tuple(sorted(map(subscription_state, subscriptions), key=_age))
    chosen = choose(all_of_them)
    own_method = (customer.get("invoice_settings") or {}).get("default_payment_method")
    return CustomerState(
        id=customer["id"],
        email=customer.get("email") or "",
        balance_minor=customer.get("balance") or 0,
        # As Stripe charges: the subscription's own method goes before the customer's.
        payment_method=(chosen.payment_method if chosen else {}) or payment_method_summary(own_method),
        metadata=customer.get("metadata") or {},
        subscription=chosen,
        subscriptions=all_of_them,
        invoices=tuple(replace(row, needs_action=row.id in waiting) for row in map(invoice_state, invoices)),
        sessions=tuple(map(session_state, sessions)),
        originals=(customer, *subscriptions, *invoices),
    )


def choose(subscriptions: Iterable[SubscriptionState]) -> SubscriptionState | None:
    """The one that counts: PRECEDENCE."""
    for statuses in PRECEDENCE:
        group = [row for row in subscriptions if row.status in statuses]
        if group:
            return max(group, key=_age)
    return None


def _age(row: SubscriptionState) -> tuple[datetime, str]:
    return row.created_at, row.id


def subscription_state(data: Mapping[str, Any]) -> SubscriptionState:
    items = tuple(_item_state(row) for row in data["items"]["data"])
    schedule = data.get("schedule")
    return SubscriptionState(
        id=data["id"],
        status=data["status"],
        items=items,
        created_at=_moment(data["created"]),
        trial_ends_at=when(data.get("trial_end")) if data["status"] == "trialing" else None,
        cancels_at=_cancels_at(data, items),
        ended_at=when(data.get("ended_at")),
        schedule_id=reference(schedule),
        next_phase=_next_phase(schedule) if isinstance(schedule, Mapping) else None,
        payment_method=payment_method_summary(data.get("default_payment_method")),
        cancellation=data.get("cancellation_details") or {},
        metadata=data.get("metadata") or {},
    )


def _item_state(data: Mapping[str, Any]) -> ItemState:
    recurring = data["price"].get("recurring") or {}
    return ItemState(
        id=data["id"],
        price_id=data["price"]["id"],
        interval=recurring.get("interval") or "",
        is_metered=recurring.get("usage_type") == "metered",
        quantity=data.get("quantity") or 1,
        period_start=when(data.get("current_period_start")),
        period_end=when(data.get("current_period_end")),
    )


def _cancels_at(data: Mapping[str, Any], items: tuple[ItemState, ...]) -> datetime | None:
    if data["status"] == "canceled":
        return None
    if data.get("cancel_at_period_end"):
        ends = [row.period_end for row in items if row.period_end]
        return max(ends, default=when(data.get("cancel_at")))
    return when(data.get("cancel_at"))


def _next_phase(schedule: Mapping[str, Any]) -> PhaseState | None:
    """By the schedule's own clock: the phase that begins when the present one ends."""
    if schedule.get("status") not in ("active", "not_started"):
        return None
    present = schedule.get("current_phase")
    for phase in schedule.get("phases") or []:
        if present is None or phase["start_date"] >= present["end_date"]:
            prices = tuple(reference(row.get("price")) for row in phase["items"])
            return PhaseState(prices, _moment(phase["start_date"]))
    return None


def invoice_state(data: Mapping[str, Any]) -> InvoiceState:
    parent = (data.get("parent") or {}).get("subscription_details") or {}
    transitions = data.get("status_transitions") or {}
    return InvoiceState(
        id=data["id"],
        number=data.get("number") or "",
        status=data.get("status") or "",
        subscription_id=reference(parent.get("subscription")),
        billing_reason=data.get("billing_reason") or "",
        currency=data["currency"],
        total_minor=data["total"],
        amount_due_minor=data["amount_due"],
        amount_paid_minor=data["amount_paid"],
        amount_remaining_minor=data["amount_remaining"],
        attempt_count=data.get("attempt_count") or 0,
        is_charged=data.get("collection_method") == "charge_automatically",
        created_at=_moment(data["created"]),
        finalized_at=when(transitions.get("finalized_at")),
        paid_at=when(transitions.get("paid_at")),
        due_at=when(data.get("due_date")),
        next_attempt_at=when(data.get("next_payment_attempt")),
        hosted_url=data.get("hosted_invoice_url") or "",
        pdf_url=data.get("invoice_pdf") or "",
        metadata=data.get("metadata") or {},
    )


def session_state(data: Mapping[str, Any]) -> SessionState:
    return SessionState(
        id=data["id"],
        mode=data["mode"],
        is_paid=data.get("payment_status") in ("paid", "no_payment_required"),
        subscription_id=reference(data.get("subscription")),
        amount_total_minor=data.get("amount_total") or 0,
        metadata=data.get("metadata") or {},
    )


def payment_method_summary(data: Any) -> dict[str, Any]:
    """What a page shows of it: {type, brand, last4, exp_month?, exp_year?}; {} without one."""
    if not isinstance(data, Mapping):
        return {}
    details = data.get(data["type"]) or {}
    summary = {
        "id": data["id"],
        "type": data["type"],
        "brand": details.get("brand") or "",
        "last4": details.get("last4") or "",
    }
    return summary | {key: details[key] for key in ("exp_month", "exp_year") if details.get(key)}


def reference(value: Any) -> str:
    """The id of what may be expanded, an id, or nothing."""
    return str(value["id"]) if isinstance(value, Mapping) else value or ""


def when(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def plain(value: stripe.StripeObject) -> dict[str, Any]:
    """The SDK's own `to_dict` leaves decimals, which are no JSON."""
    return dict(json.loads(str(value)))
