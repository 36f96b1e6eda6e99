"""What lifts a refusal: the next plan that would have allowed it, and who may choose it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from accounts import queries as accounts_queries
from accounts.permissions import Member
from billing.plans import queries
from billing.plans.models import Plan, PlanPrice
from billing.presenters import plans
from billing.subscriptions import queries as subscriptions
from tenants import links
from tenants.scope import WorkspaceRef
from usage.models import Meter

MOST_GAINS = 5
SEATS_FULL = "seats_full"
LIFTED = frozenset({"quota_exceeded", "feature_not_included", SEATS_FULL, "seat_over_plan"})
"""Refusals that a larger plan may lift. The others pass by themselves, or want a payment."""


@dataclass(frozen=True)
class Refused:
    """`limits`: as `usage.holds.explain` describes them; `feature`: a key that the plan does not include."""

    code: str = ""
    limits: Sequence[Mapping[str, Any]] = ()
    feature: str = ""


@dataclass(frozen=True)
class Offer:
    plan: Plan
    card: plans.PlanCard
    gains: list[str]


def find(
    refused: Refused,
    *,
    current: Plan | None,
    offered: Iterable[Plan],
    words_of: plans.Words,
    interval: PlanPrice.Interval = PlanPrice.Interval.MONTH,
) -> Offer | None:
    """The lowest plan above the present one that lifts all of it: one that is sold first, else one to ask for.

    None when no plan would help, such as for a limit that the workspace set itself.
    """
    above = [plan for plan in offered if current is None or plan.rank > current.rank]
    for wanted in ((Plan.Sale.PAID,), (Plan.Sale.CONTACT, Plan.Sale.UNPRICED)):
        for plan in sorted(above, key=lambda plan: plan.rank):
            if plan.sale in wanted and lifts(plan, refused, current):
                shown = plans.card(plan, interval, words_of)
                return Offer(plan, shown, gains(current, plan, words_of))
    return None


def lifts(plan: Plan, refused: Refused, current: Plan | None) -> bool:
    if refused.feature:
        return refused.feature in plan.features
    if refused.code in (SEATS_FULL, "seat_over_plan"):
        return _more_seats(plan, current)
    before, after = amounts(current), amounts(plan)
    keys = [(str(limit["subject"]), str(limit["meter"]), str(limit["window"])) for limit in refused.limits]
    of_the_plan = [key for key in keys if current is None or before.get(key) is not None]
    return bool(of_the_plan) and all(_is_more(before.get(key), after.get(key)) for key in of_the_plan)


def amounts(plan: Plan | None) -> dict[plans.LimitKey, int | None]:
    if plan is None:
        return {}
    return {plans.limit_key(limit): limit["amount"] for limit in plan.limits}


def _is_more(before: int | None, after: int | None) -> bool:
    """None is no limit at all."""
    return after is None or (before is not None and after > before)


def _more_seats(plan: Plan, current: Plan | None) -> bool:
    if plan.is_per_seat or plan.seats_included is None:
        return True
    return current is not None and _is_more(current.seats_included, plan.seats_included)


def gains(current: Plan | None, plan: Plan, words_of: plans.Words) -> list[str]:
    """What the plan gives beyond the present one, limits first."""
    before, found = amounts(current), []
    if current is None or (_more_seats(plan, current) and current.seats_included is not None):
        found.append(plans.seats_text(plan))
    for limit in plan.limits:
        key = plans.limit_key(limit)
        is_more = key in before and before[key] is not None and _is_more(before[key], limit["amount"])
        is_there = limit["meter"] != Meter.SEATS and limit["meter"] not in words_of.planned_meters
        if (is_more or current is None) and is_there:
            found.append(_gain(limit, before.get(key)))
    had = set(current.features) if current else set()
    found += [feature.label for feature in words_of.offered(plan) if feature.key not in had]
    return found[:MOST_GAINS]


def _gain(limit: Mapping[str, Any], before: int | None) -> str:
    text = plans.limit_text(limit)
    return text if before is None else f"{text}, instead of {plans.amount_text(limit['meter'], before)}"


@dataclass(frozen=True)
class WayUp:
    """For who may change the plan `url` leads there; everybody else is told whom to ask."""

    offer: Offer
    label: str
    url: str
    owners: str

    @property
    def is_for_owner(self) -> bool:
        return bool(self.url)


def way_up(member: Member, workspace: WorkspaceRef, refused: Refused, *, on_own_domain: bool) -> WayUp | None:
    """None when no plan lifts it."""
    if refused.code not in LIFTED:
        return None
    account, offered = subscriptions.get_account(workspace.id), queries.list_offered()
    current = account.effective_plan or next((plan for plan in offered if plan.sale == Plan.Sale.FREE), None)
    interval = plans.chosen_interval(account.interval)
    offer = find(
        refused, current=current, offered=offered, words_of=plans.Words.of(offered), interval=interval
    )
    if offer is None:
        return None
    if not member.can_manage_billing:
        return WayUp(offer, "", "", _joined(accounts_queries.list_owner_names(workspace.id)))
    if offer.plan.sale == Plan.Sale.PAID:
        url = links.workspace_url(workspace, "billing-plans", on_own_domain=on_own_domain)
        query = urlencode({"plan": offer.plan.key, "interval": interval.value})
        return WayUp(offer, f"Upgrade to {offer.plan.name}", f"{url}?{query}", "")
    url = links.main_url("enquiry", on_own_domain=on_own_domain)
    return WayUp(offer, f"Ask us about {offer.plan.name}", f"{url}?plan={offer.plan.key}", "")


def _joined(names: Sequence[str]) -> str:
    """`Ada, Bob or Cleo`"""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1] if names else "") if part)
