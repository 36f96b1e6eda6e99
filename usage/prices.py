"""The price book: what a unit of a model costs, by date. Cost is integer micro-units, rounded up once."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from tenants import audit
from usage.holds.types import Actual, Amount
from usage.models import Meter, Price
from usage.receipts.settled import PriceRow

PUBLISHED = Path(__file__).with_name("prices.yaml")
MILLION = 1_000_000
FRESH_S = 5
FRESH_NS = FRESH_S * 1_000_000_000


@dataclass(frozen=True)
class Rates:
    """Micro-units per million units, of one model at one instant; `price_ids` are the rows that said so."""

    by_meter: dict[str, int]
    price_ids: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.by_meter)

    def covers(self, meters: Iterable[str]) -> bool:
        """A model that has a price for one thing has not for another: what has none must not pass as free."""
        return bool(self) and all(meter in self.by_meter for meter in meters)

    def get(self, meter: str, default: int = 0) -> int:
        return self.by_meter.get(meter, default)

    def cost(self, actual: Actual) -> int:
        """Cached tokens cost their own rate instead of the input rate, reasoning tokens instead of the output rate."""
        into, out = self.get(Meter.INPUT_TOKENS), self.get(Meter.OUTPUT_TOKENS)
        total = (
            (actual.input_tokens - actual.cached_tokens) * into
            + actual.cached_tokens * self.get(Meter.CACHED_TOKENS, into)
            + (actual.output_tokens - actual.reasoning_tokens) * out
            + actual.reasoning_tokens * self.get(Meter.REASONING_TOKENS, out)
            + actual.images * self.get(Meter.IMAGES)
            + actual.audio_in_ms * self.get(Meter.AUDIO_IN_MS)
            + actual.audio_out_ms * self.get(Meter.AUDIO_OUT_MS)
        )
        return -(-total // MILLION)

    def ceiling(
        self, *, input_tokens: int = 0, images: int = 0, audio_in_ms: int = 0, audio_out_ms: int = 0
    ) -> Amount:
        """The most a run may cost, as a function of its output cap: every token at its dearer rate."""
        into = max(self.get(Meter.INPUT_TOKENS), self.get(Meter.CACHED_TOKENS))
        out = max(self.get(Meter.OUTPUT_TOKENS), self.get(Meter.REASONING_TOKENS))
        raw = input_tokens * into + images * self.get(Meter.IMAGES)
        raw += audio_in_ms * self.get(Meter.AUDIO_IN_MS) + audio_out_ms * self.get(Meter.AUDIO_OUT_MS)
        return Amount(raw, out)


_cache: dict[tuple[str, str, str], tuple[int, list[tuple[str, datetime, int, int]]]] = {}


def rates(*, provider: str, model: str, at: datetime, variant: str = "") -> Rates:
    """The rates in force at `at`; falsy when the model has no price. A row of the variant wins over a general one.

    Rows are kept in the process for FRESH_S seconds; `forget` drops them at once.
    """
    found: dict[str, tuple[int, int]] = {}
    for meter, effective_at, micro, price_id in _rows_of(provider, model, variant):
        if effective_at <= at:
            found.setdefault(meter, (micro, price_id))
    return Rates(
        {meter: micro for meter, (micro, _) in found.items()}, tuple(pid for _, pid in found.values())
    )


def list_rows(*, provider: str, model: str, at: datetime, variant: str = "") -> list[PriceRow]:
    """The rows that `rates` reads, with their ids."""
    found = rates(provider=provider, model=model, at=at, variant=variant)
    return [
        PriceRow(price_id, meter, micro)
        for price_id, (meter, micro) in zip(found.price_ids, found.by_meter.items(), strict=True)
    ]


def warm(wanted: Iterable[tuple[str, str]]) -> None:
    """Reads the general rows of many (provider, model) in one query, so that `rates` of each needs none."""
    now = time.monotonic_ns()
    read: dict[tuple[str, str], list[tuple[str, datetime, int, int]]] = {pair: [] for pair in wanted}
    kept = [_cache.get((*pair, "")) for pair in read]
    if all(found is not None and now - found[0] < FRESH_NS for found in kept):
        return
    providers, models = {pair[0] for pair in read}, {pair[1] for pair in read}
    rows = Price.objects.filter(provider__in=providers, model__in=models, variant="")
    columns = ("provider", "model", "meter", "effective_at", "micro_per_million", "id")
    for provider, model, *row in rows.order_by("-effective_at", "-id").values_list(*columns):
        if (provider, model) in read:
            read[provider, model].append((row[0], row[1], row[2], row[3]))
    _cache.update({(*pair, ""): (now, found) for pair, found in read.items()})


def forget() -> None:
    _cache.clear()


def _rows_of(provider: str, model: str, variant: str) -> list[tuple[str, datetime, int, int]]:
    """Newest first; of two rows with one date the later written wins, so that a correction corrects."""
    key = (provider, model, variant)
    cached = _cache.get(key)
    if cached is not None and time.monotonic_ns() - cached[0] < FRESH_NS:
        return cached[1]
    query = Price.objects.filter(provider=provider, model=model, variant__in={"", variant})
    ordered = query.order_by("-variant", "-effective_at", "-id")
    rows = list(ordered.values_list("meter", "effective_at", "micro_per_million", "id"))
    _cache[key] = (time.monotonic_ns(), rows)
    return rows


def load_published(path: Path = PUBLISHED, *, actor: audit.Actor = audit.SYSTEM) -> int:
    """Adds the rows of the YAML file that are not there yet; returns how many. Never changes a row.

    Raises ImproperlyConfigured naming the entry that is wrong.
    """
    document = yaml.safe_load(path.read_text())
    known = set(Price.objects.values_list("provider", "model", "variant", "meter", "effective_at", "source"))
    rows = [row for entry in document["prices"] for row in _rows(entry)]
    new = [
        row
        for row in rows
        if (row.provider, row.model, row.variant, row.meter, row.effective_at, row.source) not in known
    ]
    with transaction.atomic():
        Price.objects.bulk_create(new)
        if new:
            audit.record("prices.loaded", actor=actor, workspace_id=None, added=len(new))
    forget()
    return len(new)


def add_price(price: Price, *, actor: audit.Actor) -> None:
    """Saves a new, validated row."""
    with transaction.atomic():
        price.author_ref = actor.ref
        price.save(force_insert=True)
        audit.record(
            "price.added",
            actor=actor,
            workspace_id=None,
            target=("price", price.pk),
            provider=price.provider,
            model=price.model,
            meter=price.meter,
            micro_per_million=price.micro_per_million,
            effective_at=price.effective_at.isoformat(),
        )
    forget()


def _rows(entry: dict[str, Any]) -> list[Price]:
    try:
        effective_at = datetime.fromisoformat(f"{entry['effective']}T00:00:00+00:00")
        return [
            Price(
                provider=entry["provider"],
                model=entry["model"],
                variant=entry.get("variant", ""),
                meter=meter,
                micro_per_million=entry[meter],
                effective_at=effective_at,
                source=entry["source"],
            )
            for meter in Price.METERS
            if meter in entry
        ]
    except (KeyError, ValueError) as error:
        raise ImproperlyConfigured(f"prices.yaml: {entry.get('model', '?')}: {error}") from error
