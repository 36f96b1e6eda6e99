"""Our half of a catalogue: each plan as a row, a new version wherever its content changed. Rows are never edited."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from billing.catalogues.catalogue import Catalogue, LimitOfPlan, PlanSpec
from billing.plans.models import Plan, PlanPrice
from tenants import audit
from usage.models import Meter

PASSED_ON_MINOR = 100
"""Cost in micro-units, passed on as it is: a million of them are 100 cents."""
CONTENT = (
    "name", "tagline", "rank", "sale", "currency", "limits", "rates", "features", "support", "is_per_seat",
    "seats_included", "trial_days", "is_passthrough", "is_highlighted", "net_days", "from_minor",
)  # fmt: skip
"""What makes a version, beside its prices."""
LOCK = "SELECT pg_advisory_xact_lock(hashtext('billing.plans'))"


@dataclass(frozen=True)
class Change:
    """One thing that was done, or would be. `kind` reads `noun.verb`."""

    kind: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        noun, verb = self.kind.split(".")
        return f"{noun} {self.what}: {verb}{f' ({self.detail})' if self.detail else ''}"


@dataclass
class Draft:
    """A version of a plan, saved or about to be, with its prices."""

    plan: Plan
    prices: list[PlanPrice]


@dataclass
class Local:
    """What our half found: the current versions, and what it changed to get there."""

    current: list[Draft] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def lookup_key(plan: Plan, interval: str, meter: str = "") -> str:
    """How the payment service finds a price."""
    middle = f"{interval}_{meter}" if meter else interval
    return f"steward_{plan.catalogue}_{plan.key}_{middle}_v{plan.version}"


def compare(catalogue: Catalogue) -> Local:
    """What `write` would do. Writes nothing."""
    found = Local()
    there = {draft.plan.key: draft for draft in _current(catalogue.key)}
    for rank, spec in enumerate(catalogue.plans):
        old = there.pop(spec.key, None)
        draft = _draft(catalogue, spec, rank)
        if old is not None and old.plan.fingerprint == draft.plan.fingerprint:
            found.current.append(old)
            continue
        draft = _numbered(draft, _next_version(catalogue.key, spec.key))
        found.current.append(draft)
        found.changes.append(_described(draft, old))
    found.changes += [
        Change("plan.withdrawn", f"{catalogue.key}/{key}", "subscribers keep it") for key in sorted(there)
    ]
    return found


def write(catalogue: Catalogue, *, actor: audit.Actor = audit.SYSTEM) -> Local:
    """Brings our rows up to the catalogue, one process at a time. Costs two queries when nothing changed."""
    found = compare(catalogue)
    if not found.changes:
        return found
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCK)
        found = compare(catalogue)
        keep = [draft.plan.pk for draft in found.current]
        _of(catalogue.key).exclude(pk__in=keep).update(is_current=False)
        for draft in found.current:
            if draft.plan._state.adding:
                save(draft)
        if found.changes:
            audit.record(
                "plans.synced",
                actor=actor,
                workspace_id=None,
                target=("catalogue", catalogue.key),
                changes=[str(change) for change in found.changes],
            )
    return found


def save(draft: Draft) -> None:
    """In the caller's transaction."""
    draft.plan.save(force_insert=True)
    for price in draft.prices:
        price.plan = draft.plan
        price.save(force_insert=True)


def seal(draft: Draft) -> Draft:
    """Gives a draft the fingerprint of its content. Its version and name of prices do not count."""
    plan = draft.plan
    content = {name: getattr(plan, name) for name in CONTENT}
    content["prices"] = sorted(
        [price.interval, price.kind, price.meter, price.amount_minor] for price in draft.prices
    )
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    plan.fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return draft


def prices_of(plan: Plan, amounts: Iterable[tuple[str, int]]) -> list[PlanPrice]:
    """Unsaved: one licensed price per interval and, where AI cost is passed on, a metered one beside it."""
    made = []
    for interval, amount in amounts:
        made.append(
            PlanPrice(
                plan=plan, interval=interval, amount_minor=amount, lookup_key=lookup_key(plan, interval)
            )
        )
        if plan.is_passthrough:
            made.append(
                PlanPrice(
                    plan=plan,
                    interval=interval,
                    kind=PlanPrice.Kind.METERED,
                    meter=Meter.COST_MICRO,
                    amount_minor=PASSED_ON_MINOR,
                    lookup_key=lookup_key(plan, interval, Meter.COST_MICRO),
                )
            )
    return made


def _draft(catalogue: Catalogue, spec: PlanSpec, rank: int) -> Draft:
    plan = Plan(
        catalogue=catalogue.key,
        key=spec.key,
        name=spec.name,
        tagline=spec.tagline,
        rank=rank,
        sale=spec.sale,
        currency=catalogue.currency,
        limits=[limit_as_json(limit) for limit in spec.limits],
        rates=spec.rates,
        features=[key for key in spec.features if catalogue.features[key].is_offered],
        support=spec.support,
        is_per_seat=spec.is_per_seat,
        seats_included=spec.seats,
        trial_days=spec.trial_days,
        is_passthrough=spec.is_passthrough,
        is_highlighted=spec.is_highlighted,
        from_minor=spec.price_from_minor,
    )
    return seal(Draft(plan, prices_of(plan, spec.prices.items())))


def limit_as_json(limit: LimitOfPlan) -> dict[str, Any]:
    made: dict[str, Any] = {"meter": limit.meter, "window": limit.window, "amount": limit.amount}
    lines = {"warn_percent": limit.warn_percent, "block_percent": limit.block_percent}
    return made | {name: percent for name, percent in lines.items() if percent is not None}


def _numbered(draft: Draft, version: int) -> Draft:
    draft.plan.version = version
    for price in draft.prices:
        price.lookup_key = lookup_key(draft.plan, price.interval, price.meter)
    return draft


def _described(draft: Draft, old: Draft | None) -> Change:
    plan = draft.plan
    what = f"{plan.catalogue}/{plan.key} version {plan.version}"
    if old is None:
        return Change("plan.created", what, _amounts(draft.prices) or plan.sale)
    return Change("plan.versioned", what, f"changed: {', '.join(_differences(old, draft))}")


def _amounts(prices: list[PlanPrice]) -> str:
    return ", ".join(
        f"{price.amount_minor} {price.plan.currency} per {price.interval}"
        for price in prices
        if price.kind == PlanPrice.Kind.LICENSED
    )


def _differences(old: Draft, new: Draft) -> list[str]:
    found = [name for name in CONTENT if getattr(old.plan, name) != getattr(new.plan, name)]
    amounts = [
        {(price.interval, price.kind, price.meter): price.amount_minor for price in draft.prices}
        for draft in (old, new)
    ]
    return found + (["prices"] if amounts[0] != amounts[1] else [])


def _current(catalogue: str) -> list[Draft]:
    rows = _of(catalogue).filter(is_current=True).prefetch_related("prices").order_by("rank", "key")
    return [Draft(plan, list(plan.prices.all())) for plan in rows]


def _next_version(catalogue: str, key: str) -> int:
    newest = _of(catalogue).filter(key=key).order_by("-version").values_list("version", flat=True).first()
    return (newest or 0) + 1


def _of(catalogue: str) -> Any:
    return Plan.objects.filter(catalogue=catalogue, workspace_id=None)
