"""Containers that migrate at the same time: each version of a plan is made once."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import IntegrityError

from billing.catalogues import catalogue as catalogues
from billing.plans import versions
from billing.plans.models import Plan, PlanPrice
from tests import factories

RIVALS = 6


@pytest.fixture
def catalogue(committed) -> Iterator[catalogues.Catalogue]:
    """One of its own, because what is committed stays."""
    made = replace(catalogues.load("ai-mentor"), key=f"own-{uuid4().hex[:8]}")
    yield made
    PlanPrice.objects.filter(plan__catalogue=made.key).delete()
    Plan.objects.filter(catalogue=made.key).delete()


def write_at_once(catalogue: catalogues.Catalogue) -> list[int | BaseException]:
    return factories.at_once(RIVALS, lambda _: len(versions.write(catalogue).changes))


def test_one_makes_the_versions_and_the_others_find_them(catalogue):
    assert sorted(write_at_once(catalogue), key=str) == [0, 0, 0, 0, 0, 3]
    assert Plan.objects.filter(catalogue=catalogue.key).count() == 3


def test_without_the_lock_rivals_would_collide(catalogue, monkeypatch):
    """All have looked inside their transactions before the first one writes."""
    barrier, looks, compare = threading.Barrier(RIVALS), threading.local(), versions.compare

    def look(catalogue):
        found = compare(catalogue)
        looks.count = getattr(looks, "count", 0) + 1
        if looks.count == 2:
            barrier.wait(timeout=30)
        return found

    monkeypatch.setattr(versions, "LOCK", "SELECT 1")
    monkeypatch.setattr(versions, "compare", look)
    results = write_at_once(catalogue)
    assert [type(result) for result in results if not isinstance(result, int)] == [IntegrityError] * (
        RIVALS - 1
    )
