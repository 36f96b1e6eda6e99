"""Plans as cards and as a table to compare them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from billing import money
from billing.plans import queries
from billing.plans.models import Plan, PlanPrice
from billing.plans.queries import PlanFeature
from usage import words
from usage.models import Meter, Window

INTERVALS = {PlanPrice.Interval.MONTH: "Monthly", PlanPrice.Interval.YEAR: "Yearly"}
PER = {PlanPrice.Interval.MONTH: "a month", PlanPrice.Interval.YEAR: "a year"}
SUPPORT = {
    "none": "None",
    "community": "Community",
    "email": "By e-mail",
    "priority": "Priority",
    "dedicated": "A person of your own",
}
RATES = {
    "per_key": "Requests a minute, each key",
    "per_person": "Requests a minute, each person",
    "per_workspace": "Requests a minute, whole workspace",
}
MOST_POINTS = 6


@dataclass(frozen=True)
class Words:
    """What plans include, by plan. What is planned is shown so, and nobody is sold it."""

    features: Mapping[UUID, Sequence[PlanFeature]] = field(default_factory=dict)
    planned_meters: frozenset[str] = frozenset()

    @classmethod
    def of(cls, plans: Sequence[Plan]) -> "Words":
        """No query: the catalogue's file is read once per process."""
        found = {plan.id: queries.list_features(plan) for plan in plans}
        return cls(found, queries.planned_meters())

    def offered(self, plan: Plan) -> list[PlanFeature]:
        return [feature for feature in self.features.get(plan.id, ()) if feature.is_offered]


@dataclass(frozen=True)
class PlanCard:
    key: str
    name: str
    tagline: str
    sale: str
    price: str
    per: str
    note: str
    points: list[str]
    trial_days: int
    is_highlighted: bool


@dataclass(frozen=True)
class Cell:
    """`kind`: text, yes, no or planned."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class Row:
    label: str
    cells: list[Cell]
    note: str = ""
    is_planned: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    rows: list[Row]


def chosen_interval(asked: str | None) -> PlanPrice.Interval:
    return PlanPrice.Interval.YEAR if asked == PlanPrice.Interval.YEAR else PlanPrice.Interval.MONTH


def licensed(plan: Plan, interval: str) -> PlanPrice | None:
    """Of the prices that were read with the plan."""
    kind = PlanPrice.Kind.LICENSED
    return next((row for row in plan.prices.all() if row.kind == kind and row.interval == interval), None)


def saving(plan: Plan) -> int:
    """What a year costs less than twelve months; 0 without both prices."""
    month, year = (licensed(plan, interval) for interval in PlanPrice.Interval)
    return max(0, 12 * month.amount_minor - year.amount_minor) if month and year else 0


def most_saved(plans: Sequence[Plan]) -> str:
    """For the switch: `save up to $48`."""
    most = max(plans, key=saving, default=None)
    return f"save up to {money.short(saving(most), most.currency)}" if most and saving(most) else ""


def cards(plans: Sequence[Plan], interval: PlanPrice.Interval, words_of: Words) -> list[PlanCard]:
    """By rank: each says what it has beyond the one before."""
    return [
        card(plan, interval, words_of, below=plans[at - 1] if at else None) for at, plan in enumerate(plans)
    ]


def card(plan: Plan, interval: PlanPrice.Interval, words_of: Words, *, below: Plan | None = None) -> PlanCard:
    price, per, note = _price_words(plan, interval)
    return PlanCard(
        key=plan.key,
        name=plan.name,
        tagline=plan.tagline,
        sale=plan.sale,
        price=price,
        per=per,
        note=note,
        points=points(plan, words_of, below),
        trial_days=plan.trial_days if plan.sale == Plan.Sale.PAID else 0,
        is_highlighted=plan.is_highlighted,
    )


def _price_words(plan: Plan, interval: PlanPrice.Interval) -> tuple[str, str, str]:
    """(price, per, note)."""
    if plan.sale == Plan.Sale.FREE:
        return money.short(0, plan.currency), "", "For as long as you like."
    if plan.sale == Plan.Sale.CONTACT:
        begins = f"From {money.short(plan.from_minor, plan.currency)}" if plan.from_minor else "By agreement"
        return begins, "a month" if plan.from_minor else "", "Limits and price as your team needs them."
    price = licensed(plan, interval) or licensed(plan, PlanPrice.Interval.MONTH)
    if plan.sale == Plan.Sale.UNPRICED or price is None:
        return "No price yet", "", "Ask us, and we will tell you when there is one."
    per = f"a person, {PER[_interval(price)]}" if plan.is_per_seat else PER[_interval(price)]
    return money.short(price.amount_minor, plan.currency), per, _price_note(plan, price, interval)


def _interval(price: PlanPrice) -> PlanPrice.Interval:
    return PlanPrice.Interval(price.interval)


def _price_note(plan: Plan, price: PlanPrice, wanted: PlanPrice.Interval) -> str:
    if price.interval != wanted:
        return "Only by the month."
    if price.interval == PlanPrice.Interval.MONTH:
        return ""
    notes = []
    if price.amount_minor % 12 == 0:
        notes.append(f"{money.short(price.amount_minor // 12, plan.currency)} a month")
    if saving(plan):
        notes.append(f"you save {money.short(saving(plan), plan.currency)}")
    return (", ".join(notes) + ".").capitalize() if notes else ""


def points(plan: Plan, words_of: Words, below: Plan | None) -> list[str]:
    """What speaks for a plan, in a few lines: people, limits, then features beyond those of the plan below.

    The table has everything.
    """
    limits = [limit for limit in _of_workspace(plan) if limit["meter"] not in words_of.planned_meters]
    shown = [seats_text(plan), *(limit_text(limit) for limit in limits if limit["amount"] != 0)]
    had = {feature.key for feature in words_of.offered(below)} if below else set()
    has = words_of.offered(plan)
    if below and had and had <= {feature.key for feature in has}:
        shown.append(f"Everything in {below.name}")
        has = [feature for feature in has if feature.key not in had]
    shown += [feature.label for feature in has]
    return [text for text in shown if text][:MOST_POINTS]


def seats_text(plan: Plan) -> str:
    if plan.is_per_seat:
        return "As many people as you pay for"
    if plan.seats_included is None:
        return "Any number of people"
    return "1 person" if plan.seats_included == 1 else f"{plan.seats_included:,} people"


def limit_text(limit: Mapping[str, object]) -> str:
    """`5,000 messages a month`, `$20.00 of AI spend a month`."""
    meter, window, amount = str(limit["meter"]), str(limit["window"]), limit["amount"]
    span = "" if window == Window.TOTAL else f" {words.WINDOWS[Window(window)]}"
    if amount is None:
        return f"Unlimited {meter_word(meter)}{span}"
    if meter == Meter.COST_MICRO:
        return f"{words.amount(meter, _whole(amount))} of AI spend{span}"
    return f"{amount_text(meter, _whole(amount))} {meter_word(meter, _whole(amount))}{span}"


def meter_word(meter: str, amount: int = 2) -> str:
    if meter == Meter.STORED_BYTES:
        return "of storage"
    word = words.METERS[Meter(meter)]
    return word[:-1] if amount == 1 and word.endswith("s") else word


def amount_text(meter: str, amount: int) -> str:
    if meter == Meter.STORED_BYTES:
        return bytes_text(amount)
    return words.amount(meter, amount)


def bytes_text(amount: int) -> str:
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if amount >= size:
            return f"{amount // size:,} {unit}"
    return f"{amount:,} bytes"


def _whole(amount: object) -> int:
    return int(str(amount))


def _of_workspace(plan: Plan) -> list[dict[str, object]]:
    """Limits of the whole workspace; a plan's limit of each person stands in the table."""
    return [limit for limit in plan.limits if limit.get("subject_kind", "workspace") == "workspace"]


def comparison(plans: Sequence[Plan], words_of: Words) -> list[Section]:
    limits = _limit_rows(plans, words_of.planned_meters)
    found = [
        Section("People and limits", [_seats_row(plans), *limits, *_rate_rows(plans)]),
        Section("Features", _feature_rows(plans, words_of)),
        Section("Help", [Row("Support", [Cell("text", SUPPORT.get(p.support, p.support)) for p in plans])]),
    ]
    return [section for section in found if section.rows]


def _seats_row(plans: Sequence[Plan]) -> Row:
    return Row("People", [Cell("text", _seats_cell(plan)) for plan in plans])


def _seats_cell(plan: Plan) -> str:
    if plan.is_per_seat:
        return "Each is paid for"
    return "Unlimited" if plan.seats_included is None else f"{plan.seats_included:,}"


LimitKey = tuple[str, str, str]


def limit_key(limit: Mapping[str, object]) -> LimitKey:
    return str(limit.get("subject_kind", "workspace")), str(limit["meter"]), str(limit["window"])


def _limit_rows(plans: Sequence[Plan], planned: frozenset[str]) -> list[Row]:
    tables = [{limit_key(limit): limit["amount"] for limit in plan.limits} for plan in plans]
    keys: dict[LimitKey, None] = {key: None for table in tables for key in table}
    order = list(Meter.values)
    return [
        Row(_limit_label(key), [_limit_cell(key, table) for table in tables], is_planned=key[1] in planned)
        for key in sorted(keys, key=lambda key: (order.index(key[1]), key[2], key[0]))
        if key[1] != Meter.SEATS
    ]


def _limit_label(key: LimitKey) -> str:
    kind, meter, window = key
    name = "Storage" if meter == Meter.STORED_BYTES else words.METERS[Meter(meter)].capitalize()
    name = "AI spend" if meter == Meter.COST_MICRO else name
    span = "" if window == Window.TOTAL else f" {words.WINDOWS[Window(window)]}"
    return name + span + ("" if kind == "workspace" else f", each {kind.replace('_', ' ')}")


def _limit_cell(key: LimitKey, table: Mapping[LimitKey, object]) -> Cell:
    if key not in table:
        return Cell("text", "Not limited")
    amount = table[key]
    return Cell("text", "Unlimited" if amount is None else amount_text(key[1], _whole(amount)))


def _rate_rows(plans: Sequence[Plan]) -> list[Row]:
    rows = []
    for name, label in RATES.items():
        found = [plan.rates.get(name) for plan in plans]
        if any(found):
            cells = [Cell("text", f"{rate:,}" if rate else "Not limited") for rate in found]
            rows.append(Row(label, cells))
    return rows


def _feature_rows(plans: Sequence[Plan], words_of: Words) -> list[Row]:
    tables = [{feature.key: feature for feature in words_of.features.get(plan.id, ())} for plan in plans]
    known: dict[str, PlanFeature] = {key: feature for table in tables for key, feature in table.items()}
    return [
        Row(feature.label, [_feature_cell(table.get(key)) for table in tables], note=feature.note)
        for key, feature in known.items()
    ]


def _feature_cell(feature: PlanFeature | None) -> Cell:
    if feature is None:
        return Cell("no")
    return Cell("yes" if feature.is_offered else "planned")
