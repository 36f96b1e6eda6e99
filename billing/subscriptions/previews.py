"""What a change would cost, asked of the payment service without changing anything."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core import signing

from billing.entitlements import services as entitlements
from billing.entitlements.services import Misfit
from billing.stripe.client import get_client, payment_errors
from billing.stripe.state import plain
from billing.subscriptions import moves, queries
from billing.subscriptions.models import BillingAccount
from billing.subscriptions.refusals import QuoteOutdated
from billing.subscriptions.wanted import Wanted

SALT = "billing.quote"
QUOTE_LASTS = timedelta(minutes=30)


@dataclass(frozen=True)
class Line:
    text: str
    amount_minor: int
    is_proration: bool


@dataclass(frozen=True)
class Preview:
    """Amounts in minor units of `currency`. `when`: now | period_end | checkout (nothing runs yet).

    `due_now_minor`: charged when the change is confirmed; `credit_minor`: what remains in the customer's favour and
    reduces the next charges. `next_minor` at `next_at` (None: a period after the purchase). `quote` makes the change
    cost exactly this when it is handed to `change_plan`.
    """

    plan_key: str
    plan_name: str
    interval: str
    quantity: int
    currency: str
    when: str
    lines: list[Line]
    due_now_minor: int
    credit_minor: int
    next_minor: int
    next_at: datetime | None
    changes_at: datetime | None
    misfits: list[Misfit] = field(default_factory=list)
    quote: str = ""


def preview(account: BillingAccount, chosen: Wanted) -> Preview:
    if not queries.is_running(account):
        return _purchase(account, chosen)
    if not moves.is_at_once(account, chosen):
        return _at_period_end(account, chosen)
    return _at_once(account, chosen)


def _make(account: BillingAccount, chosen: Wanted, **values: Any) -> Preview:
    return Preview(
        plan_key=chosen.plan.key,
        plan_name=chosen.plan.name,
        interval=chosen.interval,
        quantity=chosen.quantity,
        currency=chosen.plan.currency,
        misfits=list(entitlements.misfits(account.workspace_id, chosen.plan)),
        **({"credit_minor": 0, "changes_at": None} | values),
    )


def _purchase(account: BillingAccount, chosen: Wanted) -> Preview:
    """By the list price; the checkout page adds taxes and takes codes."""
    amount = chosen.amount_minor
    line = Line(_words(chosen), amount, is_proration=False)
    return _make(
        account, chosen, when="checkout", lines=[line], due_now_minor=amount, next_minor=amount, next_at=None
    )


def _at_period_end(account: BillingAccount, chosen: Wanted) -> Preview:
    return _make(
        account,
        chosen,
        when="period_end",
        lines=[],
        due_now_minor=0,
        next_minor=chosen.amount_minor,
        next_at=account.period_end,
        changes_at=account.period_end,
    )


def _at_once(account: BillingAccount, chosen: Wanted) -> Preview:
    items = moves.items_of(moves.retrieve(account.subscription_id))
    update = moves.update_of(account, chosen, items)
    if update["proration_behavior"] != "always_invoice":
        return _without_charge(account, chosen, update)
    invoice = _ask(account, update)
    credit = max(0, -invoice["total"])
    lines = [_line(row) for row in invoice["lines"]["data"]]
    if chosen.interval == account.interval:
        later = _ask(account, update | {"proration_behavior": "none"})
        next_minor, next_at = later["amount_due"], account.period_end
    else:
        regular = [row for row in invoice["lines"]["data"] if not _is_proration(row)]
        next_minor = sum(map(_net, regular))
        next_at = queries.moment(max((row["period"]["end"] for row in regular), default=None))
    return _make(
        account,
        chosen,
        when="now",
        lines=lines,
        due_now_minor=invoice["amount_due"],
        credit_minor=credit,
        next_minor=max(0, next_minor - credit),
        next_at=next_at,
        quote=_quote(account, chosen, invoice),
    )


def _without_charge(account: BillingAccount, chosen: Wanted, update: dict[str, Any]) -> Preview:
    """In a trial, or for fewer seats: the next invoice says it all."""
    invoice = _ask(account, update)
    return _make(
        account,
        chosen,
        when="now",
        lines=[_line(row) for row in invoice["lines"]["data"]],
        due_now_minor=0,
        next_minor=invoice["amount_due"],
        next_at=account.period_end,
    )


def _ask(account: BillingAccount, update: dict[str, Any]) -> dict[str, Any]:
    params: Any = {
        "customer": account.stripe_customer_id,
        "subscription": account.subscription_id,
        "subscription_details": update,
    }
    with payment_errors():
        return plain(get_client().v1.invoices.create_preview(params))


def _line(row: dict[str, Any]) -> Line:
    return Line(row.get("description") or "", _net(row), _is_proration(row))


def _net(row: dict[str, Any]) -> int:
    """After discounts, before taxes."""
    return int(row["amount"]) - sum(part["amount"] for part in row.get("discount_amounts") or [])


def _is_proration(row: dict[str, Any]) -> bool:
    parent = row.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration"))


def _words(chosen: Wanted) -> str:
    return f"{chosen.quantity} × {chosen.plan.name}" if chosen.plan.is_per_seat else chosen.plan.name


# quotes


def _quote(account: BillingAccount, chosen: Wanted, invoice: dict[str, Any]) -> str:
    """The moment that the figures are for, by the payment service's clock, signed so that nobody chooses another."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    moment = details.get("subscription_proration_date")
    if not moment:
        return ""
    return signing.dumps(_subject(account.workspace_id, account, chosen) | {"at": moment}, salt=SALT)


def _subject(workspace_id: UUID, account: BillingAccount, chosen: Wanted) -> dict[str, Any]:
    return {
        "workspace": str(workspace_id),
        "subscription": account.subscription_id,
        "price": chosen.price.stripe_price_id,
        "quantity": chosen.quantity,
    }


def read_quote(account: BillingAccount, chosen: Wanted, quote: str) -> int | None:
    """The moment for the change to be reckoned at; None without a quote. Raises QuoteOutdated."""
    if not quote:
        return None
    try:
        stated = signing.loads(quote, salt=SALT, max_age=QUOTE_LASTS)
    except signing.BadSignature:
        raise QuoteOutdated() from None
    moment = stated.pop("at", None)
    if stated != _subject(account.workspace_id, account, chosen):
        raise QuoteOutdated()
    return int(moment)
