"""Acme is served under a name of its own."""

import pytest

from tests import domains
from tests.accounts.handoff.hops import HOST


@pytest.fixture(autouse=True)
def served(db, acme):
    return domains.serve(acme, HOST)
