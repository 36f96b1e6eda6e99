"""The price book: what a model's tokens cost, by date."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from tenants import audit
from usage.holds.types import Actual
from usage.models import Price

PUBLISHED = Path(__file__).with_name("prices.yaml")
MILLION = 1_000_000
logger = logging.getLogger(__name__)


def list_rates(*, provider: str, model: str, at: datetime) -> dict[str, int]:
    """meter → micro-units per million tokens in force at `at`. Empty when the model has no price. One query."""
    rows = (
        Price.objects.filter(provider=provider, model=model, effective_at__lte=at)
        .order_by("meter", "-effective_at")
        .distinct("meter")
        .values_list("meter", "micro_per_million")
    )
    return dict(rows)


def cost_micro(actual: Actual, *, at: datetime) -> int:
    """Micro-units, rounded up once at the end. Cached tokens cost their own rate, never also the input rate."""
    rates = list_rates(provider=actual.provider, model=actual.model, at=at)
    if not rates:
        logger.warning("a model without a price was used", extra={"model": actual.model})
        return 0
    fresh = actual.input_tokens - actual.cached_tokens
    input_rate = rates.get(Price.Meter.INPUT, 0)
    total = (
        fresh * input_rate
        + actual.cached_tokens * rates.get(Price.Meter.CACHED, input_rate)
        + actual.output_tokens * rates.get(Price.Meter.OUTPUT, 0)
    )
    return -(-total // MILLION)


def load_published(path: Path = PUBLISHED, *, actor: audit.Actor = audit.SYSTEM) -> int:
    """Adds the rows of the YAML file that are not there yet; returns how many. Never changes a row."""
    document = yaml.safe_load(path.read_text())
    rows = [row for entry in document["prices"] for row in _rows(entry)]
    with transaction.atomic():
        before = Price.objects.count()
        Price.objects.bulk_create(rows, ignore_conflicts=True)
        added = Price.objects.count() - before
        if added:
            audit.record("prices.loaded", actor=actor, workspace_id=None, added=added)
    return added


def add_price(price: Price, *, actor: audit.Actor) -> None:
    """Saves a new, validated row."""
    with transaction.atomic():
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


def _rows(entry: dict[str, Any]) -> list[Price]:
    try:
        effective_at = datetime.fromisoformat(f"{entry['effective']}T00:00:00+00:00")
        return [
            Price(
                provider=entry["provider"],
                model=entry["model"],
                meter=meter,
                micro_per_million=entry[meter],
                effective_at=effective_at,
                source=entry["source"],
            )
            for meter in Price.Meter.values
            if meter in entry
        ]
    except (KeyError, ValueError) as error:
        raise ImproperlyConfigured(f"prices.yaml: {entry.get('model', '?')}: {error}") from error
