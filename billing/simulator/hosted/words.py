"""The service's objects in words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from billing.simulator.core.errors import Json
from billing.simulator.hosted import money

BRANDS = {
    "visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "discover": "Discover",
    "diners": "Diners Club", "jcb": "JCB", "unionpay": "UnionPay",
}  # fmt: skip


@dataclass(frozen=True)
class Badge:
    label: str
    tone: str = ""


@dataclass(frozen=True)
class Line:
    label: str
    amount: str
    note: str = ""


@dataclass(frozen=True)
class Bill:
    """What is bought, line by line, and what it comes to. `after`: what follows later."""

    lines: list[Line]
    total: Line
    sums: list[Line] = field(default_factory=list)
    after: str = ""


SUBSCRIPTION_BADGES = {
    "active": Badge("Active", "success"),
    "trialing": Badge("Trial", "info"),
    "past_due": Badge("Past due", "danger"),
    "unpaid": Badge("Unpaid", "danger"),
    "incomplete": Badge("Incomplete", "warning"),
    "paused": Badge("Paused", "warning"),
}
INVOICE_BADGES = {
    "paid": Badge("Paid", "success"),
    "open": Badge("Open", "warning"),
    "draft": Badge("Draft"),
    "void": Badge("Void"),
    "uncollectible": Badge("Uncollectible", "danger"),
}
DELIVERY_BADGES = {
    "done": Badge("Delivered", "success"),
    "waiting": Badge("Waiting", "warning"),
    "failed": Badge("Given up", "danger"),
}


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def day(seconds: int) -> str:
    """`12 December 2026`."""
    at = moment(seconds)
    return f"{at.day} {at:%B %Y}"


def card(card: Json) -> str:
    """`Visa ending in 4242`."""
    return f"{BRANDS.get(card['brand'], 'Card')} ending in {card['last4']}"


def card_expiry(card: Json) -> str:
    return f"Expires {card['exp_month']:02d}/{card['exp_year'] % 100:02d}"


def every(recurring: Json | None) -> str:
    """`per month`, `every 3 months`; empty for what is paid once."""
    if not recurring:
        return ""
    count, interval = recurring.get("interval_count") or 1, recurring["interval"]
    return f"per {interval}" if count == 1 else f"every {count} {interval}s"


def price(price: Json, quantity: int = 1) -> str:
    """`$19.00 per month`, of the whole quantity."""
    amount = money.as_text((price.get("unit_amount") or 0) * quantity, price["currency"])
    return f"{amount} {every(price.get('recurring'))}".strip()


def discount(coupon: Json) -> str:
    """`20% off for 3 months`."""
    if coupon.get("amount_off"):
        amount = f"{money.as_text(coupon['amount_off'], coupon['currency'])} off"
    else:
        amount = f"{str(coupon['percent_off']).removesuffix('.0')}% off"
    months = coupon.get("duration_in_months")
    times = {
        "once": "once",
        "forever": "for good",
        "repeating": f"for {months} month{'' if months == 1 else 's'}",
    }
    return f"{amount} {times[coupon['duration']]}"


def sums(subtotal: int, parts: Iterable[tuple[str, int]], currency: str) -> list[Line]:
    """The subtotal and what changes it; nothing when nothing does."""
    changes = [Line(label, money.as_text(amount, currency)) for label, amount in parts if amount]
    return [Line("Subtotal", money.as_text(subtotal, currency)), *changes] if changes else []
