"""The simulated payment service, empty for each test."""

from collections.abc import Iterator

import pytest

from tests.billing.stripe_sim import StripeSim


@pytest.fixture
def stripe_sim(django_db_setup) -> Iterator[StripeSim]:
    """The service that the product itself speaks to. What it holds is committed, whatever the test does."""
    from billing.simulator.transport import get_core

    sim = StripeSim(get_core())
    sim.reset()
    yield sim
    sim.store.clear()
