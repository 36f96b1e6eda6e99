from datetime import timedelta

import pytest
from django.core.management import call_command

from assistants.recall import embedding, frequencies
from tests.assistants.recall.axes import NOW, Axes
from usage import prices
from usage.models import Price


@pytest.fixture(autouse=True)
def nothing_known():
    """What a process keeps between questions is of no other test."""
    embedding._fresh.clear()
    frequencies._known.clear()


@pytest.fixture
def axes(monkeypatch, settings, in_acme) -> Axes:
    used = Axes()
    settings.EMBEDDING_MODEL = used.model
    monkeypatch.setattr(embedding, "_of_name", lambda name: used)
    call_command("enable_vectors", verbosity=0)
    return used


@pytest.fixture
def priced(in_acme, settings):
    """The made-up models cost two micro-units per token."""
    for model in ("axes", "axes-2"):
        Price.objects.create(
            provider=settings.PROVIDER_NAME, model=model, meter="input_tokens", micro_per_million=2_000_000,
            effective_at=NOW - timedelta(days=1),
        )  # fmt: skip
    prices.forget()
