"""Lines of invoices: what is charged, for which time, and how amounts are rounded."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from billing.simulator.core import discounts, ids, meters, periods
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json
from billing.simulator.core.expansion import included


@dataclass(frozen=True)
class Share:
    """A part of a period that is charged or given back."""

    start: int
    end: int
    of_start: int
    of_end: int

    def of(self, amount: int) -> int:
        """By seconds, rounded to the nearest cent, half up."""
        whole = self.of_end - self.of_start
        return (2 * amount * (self.end - self.start) + whole) // (2 * whole) if whole else 0


def amount_of(price: Json, quantity: int | Decimal) -> int:
    exact = Decimal(price["unit_amount_decimal"] or 0) * quantity
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


LINE: Json = {
    "object": "line_item",
    "discount_amounts": [],
    "discounts": [],
    "invoice": None,
    "livemode": LIVEMODE,
    "pretax_credit_amounts": [],
    "taxes": [],
}


def line(  # noqa: PLR0913  a line's own fields
    desk: Desk,
    *,
    amount: int,
    currency: str,
    description: str | None,
    period: tuple[int, int],
    parent: Json | None,
    price: Json | None = None,
    quantity: int = 1,
    subscription: str | None = None,
    is_discountable: bool = True,
    metadata: Json | None = None,
) -> Json:
    return copy(LINE) | {
        "id": ids.new("line_item"),
        "amount": amount,
        "currency": currency,
        "description": description,
        "discountable": is_discountable,
        "metadata": metadata or {},
        "parent": parent,
        "period": dict(zip(("start", "end"), period, strict=True)),
        "pricing": _pricing(price) if price else None,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription,
        "subtotal": amount,
    }


def _pricing(price: Json) -> Json:
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def _of_item(subscription: Json, item: Json) -> Json:
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription["id"],
            "subscription_item": item["id"],
        },
        "type": "subscription_item_details",
    }


def name_of(desk: Desk, price: Json) -> str:
    product = desk.books.get("product", price["product"])
    return str(product.data.get("name") or "") if product else ""


def money(price: Json) -> str:
    """As lines say it: $29.00 / month."""
    exact = Decimal(price["unit_amount_decimal"] or 0).scaleb(-2)
    text = f"{exact:.2f}" if exact == exact.quantize(Decimal("0.01")) else format(exact.normalize(), "f")
    recurring = price["recurring"]
    every = f" / {recurring['interval']}" if recurring else ""
    return f"{'$' if price['currency'] == 'usd' else price['currency'].upper() + ' '}{text}{every}"


def licensed(desk: Desk, subscription: Json, item: Json, start: int, end: int) -> Json:
    """A period in advance."""
    price, quantity = item["price"], item["quantity"]
    return line(
        desk,
        amount=amount_of(price, quantity),
        currency=price["currency"],
        description=f"{quantity} × {name_of(desk, price)} (at {money(price)})",
        period=(start, end),
        parent=_of_item(subscription, item),
        price=price,
        quantity=quantity,
        subscription=subscription["id"],
    )


def trial(desk: Desk, subscription: Json, item: Json, start: int, end: int) -> Json:
    price = item["price"]
    quantity = item.get("quantity") or 0
    return line(
        desk,
        amount=0,
        currency=price["currency"],
        description=f"Trial period for {name_of(desk, price)}",
        period=(start, end),
        parent=_of_item(subscription, item),
        price=price,
        quantity=quantity,
        subscription=subscription["id"],
    )


def metered(desk: Desk, subscription: Json, item: Json, start: int, end: int) -> Json:
    """A period that has passed, by what its meter says."""
    price = item["price"]
    meter = desk.need("billing.meter", price["recurring"]["meter"])
    used = meters.usage(desk, meter, ids.id_of(subscription["customer"]), start, end)
    quantity = int(used.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return line(
        desk,
        amount=amount_of(price, used),
        currency=price["currency"],
        description=f"{quantity} × {name_of(desk, price)} (at {money(price)})",
        period=(start, end),
        parent=_of_item(subscription, item),
        price=price,
        quantity=quantity,
        subscription=subscription["id"],
    )


def is_metered(item: Json) -> bool:
    return bool(item["price"]["recurring"]["usage_type"] == "metered")


def prorations(
    desk: Desk, subscription: Json, before: Json | None, after: Json | None, share: Share
) -> list[Json]:
    """Fields of the invoice items for a change of one item within a period: the unused time back, the rest charged."""
    rows = []
    for item, sign, words in ((before, -1, "Unused time on"), (after, 1, "Remaining time on")):
        if item is None or is_metered(item):
            continue
        quantity, price = item["quantity"], item["price"]
        amount = _net(desk, subscription, price, amount_of(price, quantity))
        many = f"{quantity} × " if quantity != 1 else ""
        day = periods.day_name(share.start)
        rows.append(
            {
                "amount": sign * share.of(amount),
                "description": f"{words} {many}{name_of(desk, price)} after {day}",
                "period": {"start": share.start, "end": share.end},
                "price": price,
                "quantity": quantity,
                "item": item["id"],
                "is_credit": sign < 0,
            }
        )
    return rows


def _net(desk: Desk, subscription: Json, price: Json, amount: int) -> int:
    """Prorations are of what is really paid."""
    for id in subscription["discounts"]:
        coupon = discounts.coupon_of(desk, id)
        if coupon and coupon["percent_off"] is not None and discounts.covers(desk, coupon, price["product"]):
            amount -= discounts.reduction(desk, coupon, amount)
    return amount


@included("item", "discounts")
@included("item", "taxes")
def _nothing(desk: Desk, item: Json) -> list[Json]:
    """Discounts here are of a whole purchase, and taxes are none."""
    return []
