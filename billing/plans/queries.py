"""Reads of plans: what is offered, what it costs, and which version a price of the payment service belongs to."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from billing.catalogues import catalogue as catalogues
from billing.plans.models import Plan, PlanPrice
from config.errors import DomainError

MONTHS_OF_YEAR = 12


class PlanNotFound(DomainError):
    code = "plan_not_found"
    status = 404
    message = "There is no such plan. The pricing page shows those there are."


class PlanNotSold(DomainError):
    code = "plan_not_sold"
    status = 422
    message = "This plan cannot be bought that way. The pricing page shows what each plan costs."


@dataclass(frozen=True)
class PlanFeature:
    """`is_offered` False: planned, to be shown as such and never as sold."""

    key: str
    label: str
    is_offered: bool
    note: str = ""


def list_offered(catalogue: str | None = None) -> list[Plan]:
    """The current plans of a catalogue, by rank, without those of single workspaces. Prices are there. Two queries."""
    return list(_current(catalogue).filter(workspace_id=None).order_by("rank", "key"))


def get_plan(key: str, *, catalogue: str | None = None) -> Plan:
    """The current version. Raises PlanNotFound."""
    plan = _current(catalogue).filter(workspace_id=None, key=key).first()
    if plan is None:
        raise PlanNotFound()
    return plan


def free_plan() -> Plan | None:
    """What newcomers have. None before `sync_plans` ran for the first time."""
    return _current(None).filter(workspace_id=None, sale=Plan.Sale.FREE).first()


def list_subscribed_versions(catalogue: str, key: str) -> QuerySet[Plan]:
    """Versions of a plan that are not the current one, oldest first."""
    rows = Plan.objects.filter(catalogue=catalogue, key=key, workspace_id=None, is_current=False)
    return rows.order_by("version")


def _current(catalogue: str | None) -> QuerySet[Plan]:
    rows = Plan.objects.filter(catalogue=catalogue or settings.PLAN_CATALOGUE, is_current=True)
    return rows.prefetch_related(Prefetch("prices", PlanPrice.objects.order_by("kind", "interval", "id")))


def price_of(plan: Plan, interval: str) -> PlanPrice:
    """What one unit of the plan costs per interval. Raises PlanNotSold."""
    for price in plan.prices.all():
        if price.interval == interval and price.kind == PlanPrice.Kind.LICENSED:
            return price
    raise PlanNotSold()


def metered_prices(plan: Plan, interval: str) -> list[PlanPrice]:
    """Prices of what is used beside the plan itself: the AI cost that is passed on."""
    return [
        price
        for price in plan.prices.all()
        if price.interval == interval and price.kind == PlanPrice.Kind.METERED
    ]


def plan_of_stripe_price(price_id: str) -> tuple[Plan, PlanPrice] | None:
    """Any version of any catalogue, also one workspace's own. One query."""
    if not price_id:
        return None
    price = PlanPrice.objects.select_related("plan").filter(stripe_price_id=price_id).first()
    return None if price is None else (price.plan, price)


def seats_of(plan: Plan, quantity: int) -> int | None:
    """How many persons may be in a workspace that bought `quantity` of the plan. None is unlimited."""
    return quantity if plan.is_per_seat else plan.seats_included


def saving_minor(plan: Plan) -> int:
    """What a year costs less than twelve months; 0 when it is not sold by both."""
    amounts = {
        price.interval: price.amount_minor
        for price in plan.prices.all()
        if price.kind == PlanPrice.Kind.LICENSED
    }
    if len(amounts) < 2:
        return 0
    return MONTHS_OF_YEAR * amounts[PlanPrice.Interval.MONTH] - amounts[PlanPrice.Interval.YEAR]


def list_features(plan: Plan) -> list[PlanFeature]:
    """What the plan gives and, for one of a catalogue, what is planned for it, in the order of the catalogue's file.

    No query.
    """
    spec = catalogues.get(plan.catalogue)
    planned = next((entry.features for entry in spec.plans if entry.key == plan.key), ())
    wanted = {*plan.features, *(key for key in planned if not spec.features[key].is_offered)}
    known = [
        PlanFeature(feature.key, feature.label, feature.key in plan.features, feature.note)
        for feature in spec.features.values()
        if feature.key in wanted
    ]
    # An old version may give what the file does not name any more.
    unknown = [key for key in plan.features if key not in spec.features]
    return known + [PlanFeature(key, key.replace("_", " ").capitalize(), True) for key in unknown]


def planned_meters(catalogue: str | None = None) -> frozenset[str]:
    """Meters of features that are planned: their limits are not to be shown as sold."""
    return catalogues.get(catalogue or settings.PLAN_CATALOGUE).planned_meters
