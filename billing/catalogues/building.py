"""From the sections of a file to a catalogue, with every rule that a catalogue keeps."""

from yaml.nodes import Node

from billing.catalogues.catalogue import (
    SHARED_WORKSPACE,
    Assumption,
    Catalogue,
    DealSpec,
    FeatureSpec,
    LimitOfPlan,
    Milestone,
    OutcomesSpec,
    PlanSpec,
    ReferralSpec,
)
from billing.catalogues.nodes import Section
from billing.plans.models import Plan, PlanPrice
from usage.features.keys import Feature
from usage.models import GAUGES, Meter, Window

SUPPORT = ("community", "email", "priority", "dedicated")
GOALS = ("traffic", "conversion", "engagement", "leads", "own")
RATES = ("per_key", "per_person", "per_workspace")
METERS = tuple(meter.value for meter in Meter if meter != Meter.SEATS)
MONTHS_OF_YEAR = 12
WHOLE_BP = 10_000


def catalogue(file: Section, name: str) -> Catalogue:
    """Reports into the section's report; what it returns counts only when that stayed empty."""
    if file.text("catalogue") not in ("", name):
        file.fault("catalogue", f"must be {name}, as the file is called")
    trial_days = file.integer("trial_days", 0, most=365)
    features = {key: _feature(key, section) for key, section in file.named("features")}
    plans = tuple(_plan(section, features, trial_days) for section in file.sections("plans"))
    _check_plans(file, plans)
    _check_features(file, features, plans)
    deals = tuple(_deal(section, plans) for section in file.sections("deals"))
    made = Catalogue(
        key=name,
        name=file.text("name", most=80),
        currency=file.choice("currency", ("usd", "eur", "gbp")),
        trial_days=trial_days,
        features=features,
        plans=plans,
        referral=_referral(file),
        deals=tuple(deal for deal in deals if deal.is_offered),
        planned_deals=tuple(deal for deal in deals if not deal.is_offered),
        outcomes=_outcomes(file),
        margin={meter: _assumption(meter, section) for meter, section in file.named("margin")},
    )
    file.finish()
    return made


def _feature(key: str, section: Section) -> FeatureSpec:
    meters = []
    for word, node in section.words("meters"):
        if word in METERS:
            meters.append(word)
        else:
            section.report.add(node, section.where("meters"), f"there is no meter {word!r}")
    is_offered = section.flag("offered", None)
    if is_offered and key not in Feature.values:
        section.fault("offered", f"nothing asks for {key}: it can only be planned, offered: false")
    made = FeatureSpec(
        key, section.text("label", most=80), is_offered, section.text("note", ""), tuple(meters)
    )
    section.finish()
    return made


def _plan(section: Section, features: dict[str, FeatureSpec], trial_days: int) -> PlanSpec:
    sale = section.choice("sale", Plan.Sale.values)
    prices = _prices(section, sale)
    is_per_seat = section.flag("per_seat")
    made = PlanSpec(
        key=section.text("key", most=20),
        name=section.text("name", most=80),
        tagline=section.text("tagline", ""),
        sale=sale,
        prices=prices,
        price_from_minor=section.integer("price_from", 0) or None,
        support=section.choice("support", SUPPORT),
        seats=_seats(section, is_per_seat),
        is_per_seat=is_per_seat,
        trial_days=trial_days if section.flag("trial") else 0,
        is_passthrough=section.flag("passthrough"),
        is_highlighted=section.flag("highlighted"),
        limits=_limits(section),
        rates=_rates(section),
        features=_features_of_plan(section, features),
    )
    _check_sale(section, made, trial_days)
    section.finish()
    return made


def _prices(section: Section, sale: str) -> dict[str, int]:
    """Interval → cents. A free plan says 0 and has no price to buy; one without a price says null."""
    if not section.has("price"):
        section.fault("price", "is missing; a plan without a price says null")
        return {}
    prices = section.section("price")
    if prices is None:
        if sale in (Plan.Sale.PAID, Plan.Sale.FREE):
            section.fault("price", f"is null, but the plan's sale is {sale}")
        return {}
    found = {
        interval: prices.integer(interval, least=0 if sale == Plan.Sale.FREE else 1)
        for interval in PlanPrice.Interval.values
        if prices.has(interval)
    }
    prices.finish()
    _check_prices(prices, sale, found)
    return {} if sale == Plan.Sale.FREE else found


def _check_prices(prices: Section, sale: str, found: dict[str, int]) -> None:
    month, year = found.get("month"), found.get("year")
    if sale in (Plan.Sale.CONTACT, Plan.Sale.UNPRICED):
        prices.fault("month", f"the plan's sale is {sale}: its price is null")
    elif month is None:
        prices.fault("month", "is missing")
    elif sale == Plan.Sale.FREE and any(found.values()):
        prices.fault("month", "is more than 0, but the plan's sale is free")
    elif year is not None and year > MONTHS_OF_YEAR * month:
        prices.fault("year", f"{year} is dearer than {MONTHS_OF_YEAR} months ({MONTHS_OF_YEAR * month})")


def _seats(section: Section, is_per_seat: bool) -> int | None:
    """Of a plan per seat: the fewest that can be bought, one."""
    if is_per_seat:
        if section.has("seats"):
            section.fault("seats", "is bought: a plan per seat says no number")
        return 1
    seats = section.amount("seats")
    if seats == 0:
        section.fault("seats", "is 0; nobody could be in it")
    return seats


def _limits(section: Section) -> tuple[LimitOfPlan, ...]:
    if not section.has("limits"):
        section.fault("limits", "is missing; a plan without limits says []")
    found: dict[tuple[str, str], LimitOfPlan] = {}
    for entry in section.sections("limits"):
        limit = _limit(entry)
        if (limit.meter, limit.window) in found:
            entry.fault("meter", f"{limit.meter} per {limit.window} is limited twice")
        found[limit.meter, limit.window] = limit
    return tuple(found.values())


def _limit(entry: Section) -> LimitOfPlan:
    meter = entry.choice("meter", METERS)
    window = entry.choice("window", Window.values)
    warn = entry.integer("warn_percent", 80, least=1, most=100) if entry.has("warn_percent") else None
    block = entry.integer("block_percent", 100, least=1, most=100) if entry.has("block_percent") else None
    if meter in GAUGES and window != Window.TOTAL:
        entry.fault("window", f"of {meter} must be total: it counts what is there, not what was used")
    if warn and block and warn > block:
        entry.fault("warn_percent", f"{warn} is above the block line {block}")
    made = LimitOfPlan(meter, window, entry.amount("amount"), warn, block)
    entry.finish()
    return made


def _rates(section: Section) -> dict[str, int | None]:
    rates = section.section("rates")
    if rates is None:
        return {}
    found = {name: rates.integer(name, least=1) for name in RATES if rates.has(name)}
    rates.finish()
    return dict(found)


def _features_of_plan(section: Section, features: dict[str, FeatureSpec]) -> tuple[str, ...]:
    found: dict[str, Node] = {}
    for key, node in section.words("features"):
        if key not in features:
            section.report.add(node, section.where("features"), f"{key!r} is not declared under features")
        if key in found:
            section.report.add(node, section.where("features"), f"{key!r} stands here twice")
        found[key] = node
    return tuple(found)


def _check_sale(section: Section, plan: PlanSpec, trial_days: int) -> None:
    is_paid = plan.sale == Plan.Sale.PAID
    for name, is_set in (("per_seat", plan.is_per_seat), ("passthrough", plan.is_passthrough)):
        if is_set and not is_paid:
            section.fault(name, f"needs a price, but the plan's sale is {plan.sale}")
    if section.flag("trial") and not (is_paid and trial_days):
        section.fault("trial", "needs a paid plan, and trial_days of the catalogue")
    if plan.price_from_minor and plan.sale != Plan.Sale.CONTACT:
        section.fault("price_from", f"is for plans that are asked for, but the plan's sale is {plan.sale}")
    seats_many = plan.is_per_seat or plan.seats is None or plan.seats > 1
    if seats_many != (SHARED_WORKSPACE in plan.features):
        seats = "more than one person" if seats_many else "one person"
        section.fault("features", f"the plan seats {seats}, which does not agree on {SHARED_WORKSPACE}")


def _check_plans(file: Section, plans: tuple[PlanSpec, ...]) -> None:
    entries = list(file.sections("plans"))
    seen: set[str] = set()
    for entry, plan in zip(entries, plans, strict=True):
        if plan.key in seen:
            entry.fault("key", f"there are two plans {plan.key!r}")
        seen.add(plan.key)
    free = [plan for plan in plans if plan.sale == Plan.Sale.FREE]
    if len(free) != 1:
        file.fault("plans", f"{len(free)} plans are free; newcomers begin with exactly one")


def _check_features(file: Section, features: dict[str, FeatureSpec], plans: tuple[PlanSpec, ...]) -> None:
    declared = file.section("features")
    if declared is None:
        file.fault("features", "is missing")
        return
    given = {key for plan in plans for key in plan.features}
    for key in features:
        if key not in given:
            declared.fault(key, "is in no plan")


def _deal(section: Section, plans: tuple[PlanSpec, ...]) -> DealSpec:
    is_offered = section.flag("offered", None)
    made = DealSpec(
        key=section.text("key", most=20),
        label=section.text("label", most=80),
        plan=section.text("plan"),
        amount_minor=section.integer("amount_minor", least=1 if is_offered else 0),
        limit=section.integer("limit", least=1),
        is_offered=is_offered,
    )
    if made.plan not in {plan.key for plan in plans if plan.sale == Plan.Sale.PAID}:
        section.fault("plan", f"there is no paid plan {made.plan!r}")
    section.finish()
    return made


def _referral(file: Section) -> ReferralSpec | None:
    section = file.section("referral")
    if section is None:
        return None
    made = ReferralSpec(section.integer("credit_minor", least=1))
    section.finish()
    return made


def _outcomes(file: Section) -> OutcomesSpec | None:
    section = file.section("outcomes")
    if section is None:
        return None
    goals = []
    for word, node in section.words("goals"):
        if word not in GOALS:
            section.report.add(node, section.where("goals"), f"is {word!r}; it can be {', '.join(GOALS)}")
        goals.append(word)
    milestones = tuple(_milestone(entry) for entry in section.sections("milestones"))
    percents = [milestone.percent for milestone in milestones]
    if percents != sorted(set(percents)) or percents[-1:] != [100]:
        section.fault("milestones", "must rise to 100 percent")
    if sum(milestone.share_bp for milestone in milestones) != WHOLE_BP:
        section.fault("milestones", f"the shares must add up to {WHOLE_BP} basis points")
    section.finish()
    return OutcomesSpec(tuple(goals), milestones)


def _milestone(entry: Section) -> Milestone:
    made = Milestone(
        entry.integer("percent", least=1, most=100), entry.integer("share_bp", least=0, most=WHOLE_BP)
    )
    entry.finish()
    return made


def _assumption(meter: str, section: Section) -> Assumption:
    if meter not in METERS:
        section.report.add(section.node, section.path, f"there is no meter {meter!r}")
    made = Assumption(
        meter=meter,
        source=section.text("source"),
        cost_micro=section.integer("cost_micro") if section.has("cost_micro") else None,
        model=section.text("model", ""),
        input_tokens=section.integer("input_tokens", 0),
        output_tokens=section.integer("output_tokens", 0),
    )
    if (made.cost_micro is None) == (not made.model):
        section.fault("cost_micro", "says what one costs, or else a model and its tokens do")
    section.finish()
    return made
