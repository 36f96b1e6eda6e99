"""What a plan's limits may cost us at worst in a month, against what it earns. Shown with its arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from billing.catalogues.catalogue import Assumption, Catalogue, LimitOfPlan, PlanSpec
from billing.plans.models import Plan
from usage import money, prices
from usage.holds.types import Actual
from usage.models import Meter, Window

PROVIDER = "openai"
MICRO_PER_MINOR = 10_000
MONTHS_OF = {"month": 1, "year": 12}
WINDOWS_OF_MONTH = {Window.DAY: 31, Window.WEEK: 5, Window.MONTH: 1, Window.PERIOD: 1, Window.TOTAL: 1}
"""How many windows of each kind a long month has at most."""


@dataclass(frozen=True)
class Finding:
    """`verdict`: `covered`, `loses`, `unbounded` (no limit ends it), `passed_on` (cost is charged as it is), or
    `unknown` (the price book lacks a price)."""

    catalogue: str
    plan: str
    verdict: str
    earns_micro: int
    costs_micro: int
    lines: tuple[str, ...]

    @property
    def is_warning(self) -> bool:
        return self.verdict in ("loses", "unbounded", "unknown")

    def __str__(self) -> str:
        words = "WARNING: " if self.is_warning else ""
        return f"{words}margin of {self.catalogue}/{self.plan}: {self.verdict}: {'; '.join(self.lines)}"


@dataclass(frozen=True)
class _Part:
    """One meter. `costs_micro` None: no limit ends it."""

    text: str
    costs_micro: int | None
    unit_micro: int


def check(catalogue: Catalogue, *, at: datetime) -> list[Finding]:
    """One finding for each plan that is sold for a price."""
    return [_finding(catalogue, plan, at) for plan in catalogue.plans if plan.sale == Plan.Sale.PAID]


def _finding(catalogue: Catalogue, plan: PlanSpec, at: datetime) -> Finding:
    earns, text = _earns(plan)
    if plan.is_passthrough:
        lines = (text, "AI cost is charged as it is")
        return Finding(catalogue.key, plan.key, "passed_on", earns, 0, lines)
    units = {meter: _unit(assumption, at) for meter, assumption in catalogue.margin.items()}
    missing = [meter for meter, unit in units.items() if unit is None]
    if missing:
        lines = (text, f"the price book has no price to reckon {', '.join(missing)} with")
        return Finding(catalogue.key, plan.key, "unknown", earns, 0, lines)
    parts = [_part(plan, meter, unit or 0) for meter, unit in units.items()]
    return _weighed(catalogue, plan, earns, text, parts)


def _weighed(catalogue: Catalogue, plan: PlanSpec, earns: int, text: str, parts: list[_Part]) -> Finding:
    bounded = sum(part.costs_micro or 0 for part in parts)
    endless = [part for part in parts if part.costs_micro is None]
    lines = [text, *(part.text for part in parts)]
    cap = min(_caps(plan), default=None)
    if cap is not None and (endless or cap < bounded):
        lines.append(f"its limit of cost ends it at {money.as_text(cap)}")
        bounded, endless = cap, []
    if endless:
        left = max(earns - bounded, 0)
        lines += [
            f"what is left, {money.as_text(left)}, pays for {left // part.unit_micro:,} "
            f"at {money.as_text(part.unit_micro)} each"
            for part in endless
        ]
        return Finding(catalogue.key, plan.key, "unbounded", earns, bounded, tuple(lines))
    verdict = "loses" if bounded > earns else "covered"
    sign = ">" if verdict == "loses" else "≤"
    lines.append(f"{money.as_text(bounded)} {sign} {money.as_text(earns)}")
    return Finding(catalogue.key, plan.key, verdict, earns, bounded, tuple(lines))


def _earns(plan: PlanSpec) -> tuple[int, str]:
    """A month's price, in whole cents of the interval that earns least."""
    monthly = {interval: amount // MONTHS_OF[interval] for interval, amount in plan.prices.items()}
    interval = min(monthly, key=lambda name: monthly[name])
    earns = monthly[interval] * MICRO_PER_MINOR
    each = " and seat" if plan.is_per_seat else ""
    return earns, f"earns {money.as_text(earns)} a month{each}, sold by the {interval}"


def _unit(assumption: Assumption, at: datetime) -> int | None:
    if assumption.cost_micro is not None:
        return assumption.cost_micro
    rates = prices.rates(provider=PROVIDER, model=assumption.model, at=at)
    if not rates:
        return None
    used = Actual(
        provider=PROVIDER,
        model=assumption.model,
        input_tokens=assumption.input_tokens,
        output_tokens=assumption.output_tokens,
    )
    return rates.cost(used)


def _part(plan: PlanSpec, meter: str, unit: int) -> _Part:
    """The tightest limit of a meter decides. Without one it is as endless as an unlimited one."""
    name = Meter(meter).label.lower()
    most = [count for limit in plan.limits for count in _monthly(limit, meter)]
    if not unit:
        return _Part(f"{name} cost nothing of their own", 0, 0)
    if not most:
        return _Part(f"{name} without a limit × {money.as_text(unit)}", None, unit)
    total = min(most) * unit
    return _Part(f"{min(most):,} {name} × {money.as_text(unit)} = {money.as_text(total)}", total, unit)


def _monthly(limit: LimitOfPlan, meter: str) -> Iterator[int]:
    if limit.meter == meter and limit.amount is not None:
        yield limit.amount * WINDOWS_OF_MONTH[Window(limit.window)]


def _caps(plan: PlanSpec) -> list[int]:
    return [count for limit in plan.limits for count in _monthly(limit, Meter.COST_MICRO)]
