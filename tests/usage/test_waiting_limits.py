"""Limits that change while runs wait: whoever is let in later is let in by what is true then."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from config import ports
from tenants import audit
from tests.factories import give_limits, hold_of
from tests.usage.runs import counter, decide, finish
from usage.holds.types import MILLION, Amount, Hold
from usage.limits import services as limits
from usage.models import Hold as HoldRow
from usage.models import Limit, LimitOverride

TOKENS = {"output_tokens": Amount(0, MILLION)}


@pytest.fixture
def workspace(committed, monkeypatch) -> UUID:
    monkeypatch.setattr(ports.hold_decided, "_answer", decide)
    return uuid4()


def write(workspace: UUID, cap: int) -> Hold:
    return hold_of(workspace_id=workspace, meters=TOKENS, cap=cap, min_cap=1)


def granted(hold: Hold) -> tuple[str, int]:
    return HoldRow.objects.values_list("state", "output_cap").get(id=hold.id)


def override(workspace: UUID, amount: int) -> int:
    row = limits.override(
        limit=Limit.objects.get(workspace_id=workspace), amount=amount, reason="test",
        expires_at=timezone.now() + timedelta(hours=1), actor=audit.SYSTEM,
    )  # fmt: skip
    return row.pk


@pytest.mark.parametrize(("amount", "let_in"), [(70, 30), (95, 55), (200, 60)])
def test_settlement_after_a_changed_limit_lets_in_by_the_new_one(workspace, amount, let_in):
    give_limits(workspace, ("output_tokens", "day", 100))
    holder, waiting = write(workspace, 90), write(workspace, 60)
    assert waiting.is_waiting
    give_limits(workspace, ("output_tokens", "day", amount))
    finish(holder, output_tokens=40)
    assert granted(waiting) == ("held", let_in)
    row = counter(workspace, "output_tokens")
    assert row.used + row.held <= amount


def test_settlement_after_a_raise_that_was_not_enough_lets_in_by_it(workspace):
    give_limits(workspace, ("output_tokens", "day", 100))
    holder, waiting = write(workspace, 90), write(workspace, 80)
    give_limits(workspace, ("output_tokens", "day", 150))
    assert granted(waiting) == ("waiting", 0)
    finish(holder, output_tokens=70)
    assert granted(waiting) == ("held", 80)


def test_settlement_after_a_lifted_override_lets_in_by_the_limit(workspace):
    give_limits(workspace, ("output_tokens", "day", 50))
    override_id = override(workspace, 100)
    holder, waiting = write(workspace, 90), write(workspace, 60)
    limits.lift_override(override_id=override_id, actor=audit.SYSTEM)
    finish(holder, output_tokens=40)
    assert granted(waiting) == ("held", 10)


def test_settlement_after_an_override_ran_out_lets_in_by_the_limit(workspace):
    """Nothing happens when it does: whoever is decided on later must look."""
    give_limits(workspace, ("output_tokens", "day", 50))
    override_id = override(workspace, 100)
    holder, waiting = write(workspace, 90), write(workspace, 60)
    LimitOverride.objects.filter(id=override_id).update(expires_at=timezone.now())
    finish(holder, output_tokens=40)
    assert granted(waiting) == ("held", 10)


def test_removed_limit_lets_in_at_once(workspace):
    give_limits(workspace, ("messages", "day", None), ("output_tokens", "day", 100))
    write(workspace, 90)
    waiting = write(workspace, 60)
    limit = Limit.objects.get(workspace_id=workspace, meter="output_tokens")
    limits.remove_limit(limit=limit, actor=audit.SYSTEM)
    assert granted(waiting) == ("held", 60)
