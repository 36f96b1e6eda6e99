"""The billing log in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing import money
from billing.subscriptions.models import BillingEvent

SUBJECTS = {
    "subscription": "Subscription",
    "plan": "Plan",
    "checkout": "Checkout",
    "trial": "Trial",
    "invoice": "Invoices",
    "payment": "Payments",
    "payment_method": "Payment method",
    "balance": "Balance",
    "seats": "Seats",
    "referral": "Referrals",
    "deal": "One-off deals",
    "contract": "Contracts",
    "milestone": "Milestones",
    "usage": "Charged use",
    "customer": "Customer",
    "workspace": "Workspace",
    "billing": "Repairs",
}
WHOLE = re.compile(r"-?\d{1,18}")
DAY = re.compile(r"\d{4}-\d\d-\d\d[T ]")
IDENTITY = re.compile(r"[a-z]{2,8}(_test)?_[A-Za-z0-9]{8,}$|[0-9a-f]{8}-[0-9a-f]{4}-")


@dataclass(frozen=True)
class EventView:
    at: datetime
    title: str
    details: str
    who: str
    cause: str


def views(rows: Sequence[BillingEvent], names: Mapping[UUID, str]) -> list[EventView]:
    return [
        EventView(
            at=row.created_at,
            title=title(row.kind),
            details=details(row.data),
            who=names.get(row.actor_ref, "Somebody who left") if row.actor_ref else "Steward",
            cause=row.cause,
        )
        for row in rows
    ]


def title(kind: str) -> str:
    """`subscription.payment_failed` becomes `Subscription: payment failed`."""
    noun, _, verb = kind.partition(".")
    noun = noun.replace("_", " ").capitalize()
    return f"{noun}: {verb.replace('_', ' ')}" if verb else noun


def details(data: Mapping[str, object]) -> str:
    """What is plain enough to be read: words, numbers, dates and amounts, without ids."""
    currency = str(data.get("currency") or "usd")
    shown = []
    for name, value in data.items():
        if name == "changes" and isinstance(value, dict):
            shown += [_change(field, pair, currency) for field, pair in value.items()]
        elif name != "currency":
            said = _say(name, value, currency)
            shown.append(f"{_label(name)} {said}" if said else "")
    return ", ".join(text for text in shown if text)


def _change(name: str, pair: object, currency: str) -> str:
    """`status active → past_due`"""
    if not isinstance(pair, list) or len(pair) != 2:
        return ""
    was, now = (_say(name, value, currency) for value in pair)
    return f"{_label(name)} {was or 'none'} → {now or 'none'}" if was or now else ""


def _label(name: str) -> str:
    return name.removesuffix("_minor").removesuffix("_at").replace("_", " ")


def _say(name: str, value: object, currency: str) -> str:
    """Empty for what nobody reads."""
    if (
        value in (None, "", "None")
        or isinstance(value, dict | list)
        or name.endswith(("_id", "_ref", "_url"))
    ):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if name.endswith("_minor") and WHOLE.fullmatch(text):
        return money.as_text(int(text), currency)
    if WHOLE.fullmatch(text):
        return f"{int(text):,}"
    if DAY.match(text):
        return f"{datetime.fromisoformat(text):%-d %B %Y}"
    return "" if IDENTITY.match(text) or text.startswith("{") else text.replace("_", " ")
