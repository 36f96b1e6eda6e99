"""What somebody wants to buy, in the terms of the payment service: prices and quantities."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billing.plans import queries as plans
from billing.plans.models import Plan, PlanPrice
from billing.seats import services as seats_services
from billing.subscriptions.refusals import SeatsTooFew

MOST_SEATS = 10_000


@dataclass(frozen=True)
class Wanted:
    """`quantity` is 1 for a plan that is not sold per seat. `metered`: prices that are charged by use beside it."""

    plan: Plan
    price: PlanPrice
    quantity: int
    metered: tuple[PlanPrice, ...] = ()

    @property
    def interval(self) -> str:
        return self.price.interval

    @property
    def amount_minor(self) -> int:
        """Each interval, before discounts and taxes."""
        return self.price.amount_minor * self.quantity


def resolve(workspace_id: UUID, *, plan_key: str, interval: str, seats: int | None = None) -> Wanted:
    """`seats` None: as many as are taken. Raises PlanNotFound, PlanNotSold or SeatsTooFew."""
    plan = plans.get_plan(plan_key)
    if plan.sale != Plan.Sale.PAID:
        raise plans.PlanNotSold()
    return of_plan(workspace_id, plan, interval=interval, seats=seats)


def of_plan(workspace_id: UUID, plan: Plan, *, interval: str, seats: int | None) -> Wanted:
    """The same for any version of a plan. Raises PlanNotSold or SeatsTooFew."""
    price = plans.price_of(plan, interval)
    quantity = _quantity(workspace_id, seats) if plan.is_per_seat else 1
    return Wanted(plan, price, quantity, tuple(plans.metered_prices(plan, interval)))


def least_quantity(workspace_id: UUID) -> int:
    return max(1, seats_services.count_persons(workspace_id))


def _quantity(workspace_id: UUID, seats: int | None) -> int:
    taken = least_quantity(workspace_id)
    if seats is None:
        return taken
    if not taken <= seats <= MOST_SEATS:
        text = f"{taken} people are in this workspace: it needs at least that many seats, and at most {MOST_SEATS}."
        raise SeatsTooFew(text, data={"taken": taken, "wanted": seats})
    return seats


def line_items(wanted: Wanted, *, least: int) -> list[dict[str, Any]]:
    """For a checkout page. `least`: fewer seats than this cannot be chosen there."""
    line: dict[str, Any] = {"price": wanted.price.stripe_price_id, "quantity": wanted.quantity}
    if wanted.plan.is_per_seat:
        line["adjustable_quantity"] = {"enabled": True, "minimum": least, "maximum": MOST_SEATS}
    return [line, *({"price": price.stripe_price_id} for price in wanted.metered)]


def new_items(wanted: Wanted) -> list[dict[str, Any]]:
    """For a subscription, or for a phase of its schedule."""
    line = {"price": wanted.price.stripe_price_id, "quantity": wanted.quantity}
    return [line, *({"price": price.stripe_price_id} for price in wanted.metered)]


def changed_items(wanted: Wanted, present: Any) -> list[dict[str, Any]]:
    """What turns the items of a subscription (`present`, as Stripe lists them) into the wanted ones."""
    return list(_changes(wanted, list(present)))


def _changes(wanted: Wanted, present: list[Any]) -> Iterator[dict[str, Any]]:
    licensed = [item for item in present if not _is_metered(item)]
    metered = {item.price.id: item for item in present if _is_metered(item)}
    line: dict[str, Any] = {"price": wanted.price.stripe_price_id, "quantity": wanted.quantity}
    if licensed:
        line["id"] = licensed[0].id
    yield line
    yield from ({"id": item.id, "deleted": True} for item in licensed[1:])
    kept = {price.stripe_price_id for price in wanted.metered}
    yield from ({"id": item.id, "deleted": True} for price, item in metered.items() if price not in kept)
    yield from ({"price": price} for price in sorted(kept - set(metered)))


def _is_metered(item: Any) -> bool:
    return bool(item.price.recurring and item.price.recurring.usage_type == "metered")
