"""The simulated service in memory: the same core as over the database, quicker."""

import time

import pytest

from billing.simulator.core import Core
from billing.simulator.store import MemoryStore
from tests.billing.simulator.world import Shop, open_shop
from tests.billing.stripe_sim import StripeSim


@pytest.fixture
def sim() -> StripeSim:
    sim = StripeSim(Core(MemoryStore()))
    sim.reset()
    return sim


@pytest.fixture
def shop(sim) -> Shop:
    return open_shop(sim)


@pytest.fixture
def on_1_march(sim) -> int:
    """The clock at the beginning of a month of 31 days."""
    moment = int(time.time()) // 86_400 * 86_400
    while time.gmtime(moment)[1:3] != (3, 1):
        moment += 86_400
    sim.advance_to(moment)
    return moment
