"""Providers and models as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from accounts.requests import MemberRequest
from assistants.llm import catalogue
from assistants.llm.catalogue import ModelChoice
from assistants.models import Provider, ProviderModel
from assistants.providers import listing, queries
from usage import money, prices
from usage.models import Meter
from usage.prices import Rates

NO_PRICE = "no price"


@dataclass(frozen=True)
class Price:
    """Of a million tokens, as people read it."""

    into: str
    out: str


def row(provider: Provider) -> dict[str, Any]:
    is_ok = provider.test_code == listing.OK
    return {
        "provider": provider,
        "kind": provider.get_kind_display(),
        "offered": getattr(provider, "offered", 0),
        "listed": getattr(provider, "listed", 0),
        "is_ok": is_ok,
        "is_bad": bool(provider.test_code) and not is_ok,
        "sentence": listing.SENTENCES.get(provider.test_code, ""),
        "question": f"Remove {provider.name}?",
    }


def page(provider: Provider) -> dict[str, Any]:
    """Two queries."""
    found = list(queries.list_models(provider))
    rates = rates_of(provider, found)
    return {
        "provider": provider,
        "state": row(provider),
        "models": [
            {"row": each, "price": price_of(rates[each.name]), "is_gone": not each.is_listed}
            for each in found
        ],
        "shown": ",".join(str(each.pk) for each in found),
    }


def rates_of(provider: Provider, found: Sequence[ProviderModel]) -> dict[str, Rates]:
    """By model, what the price book says now. One query at most."""
    listed_as, now = catalogue.listed_as(provider), timezone.now()
    prices.warm((listed_as, each.name) for each in found)
    return {each.name: prices.rates(provider=listed_as, model=each.name, at=now) for each in found}


def price_of(rates: Rates) -> Price:
    return Price(_text(rates, Meter.INPUT_TOKENS), _text(rates, Meter.OUTPUT_TOKENS))


def _text(rates: Rates, meter: str) -> str:
    return money.as_text(rates.get(meter)) if meter in rates.by_meter else NO_PRICE


def platform(request: MemberRequest) -> list[dict[str, Any]]:
    """The models of whoever runs this service, with why one cannot be chosen."""
    found = catalogue.list_choices(request.member)
    return [_choice(each) for each in found if not each.is_own]


def _choice(each: ModelChoice) -> dict[str, Any]:
    return {
        "name": each.name,
        "price": price_of(each.rates),
        "refusal": each.refusal,
        "sees": each.has_vision,
    }
