"""A wrong price is corrected by entries: originals stay, sums and counters follow, and twice is once."""

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db.models import Sum
from django.utils import timezone

from tenants import audit
from tenants.models import AuditEntry
from tests.factories import give_limits, hold_of
from tests.usage.runs import counter, finish
from usage import prices
from usage.holds.types import Amount, QuotaExceeded
from usage.models import LedgerEntry, Price, QuotaNotice
from usage.reconciliation import invariants
from usage.rerating import services
from usage.rerating.models import Correction

MODEL = "corrected-model"


@pytest.fixture(autouse=True)
def fresh_prices():
    prices.forget()
    yield
    prices.forget()


@pytest.fixture
def workspace(db):
    set_price(1_000_000)
    return uuid4()


def set_price(micro: int, meter: str = "output_tokens", **fields) -> None:
    Price.objects.create(
        provider="openai", model=MODEL, meter=meter, micro_per_million=micro, source="test",
        effective_at=timezone.now() - timedelta(days=30), **fields,
    )  # fmt: skip
    prices.forget()


def call(workspace, tokens: int, **fields):
    meters = {"output_tokens": Amount(0, 1_000_000), "cost_micro": Amount(0, 1_000_000)}
    hold = hold_of(workspace_id=workspace, meters=meters, cap=100, min_cap=1, model=MODEL, **fields)
    return finish(hold, model=MODEL, output_tokens=tokens)


def correct(correction_id=None, **fields) -> Correction:
    now = timezone.now()
    values = {
        "correction_id": correction_id or uuid4(), "provider": "openai", "model": MODEL, "reason": "a typo",
        "from_at": now - timedelta(days=1), "to_at": now, "actor": audit.SYSTEM,
    } | fields  # fmt: skip
    correction = services.begin(**values)
    *_, last = services.run(correction.id)
    return last


def entries(workspace) -> list[tuple[str, int, int]]:
    rows = LedgerEntry.objects.filter(workspace_id=workspace).order_by("id")
    return list(rows.values_list("kind", "output_tokens", "cost_micro"))


def test_correction_reverses_and_rates_anew_and_counters_follow(workspace):
    give_limits(workspace, ("cost_micro", "month", 1000), ("output_tokens", "day", 1000))
    call(workspace, 50)
    call(workspace, 30)
    originals = list(LedgerEntry.objects.filter(workspace_id=workspace).order_by("id").values())
    set_price(2_000_000)
    done = correct()
    assert (done.state, done.looked_at, done.corrected, done.delta_micro) == ("done", 2, 2, 80)
    assert sorted(entries(workspace)) == sorted([
        ("settlement", 50, 50), ("settlement", 30, 30), ("reversal", -50, -50), ("re-rating", 50, 100),
        ("reversal", -30, -30), ("re-rating", 30, 60),
    ])  # fmt: skip
    assert (
        list(LedgerEntry.objects.filter(id__in=[row["id"] for row in originals]).order_by("id").values())
        == originals
    )
    assert counter(workspace, "cost_micro").used == 160
    assert counter(workspace, "output_tokens").used == 80
    sums = LedgerEntry.objects.filter(workspace_id=workspace).aggregate(
        c=Sum("cost_micro"), o=Sum("output_tokens")
    )
    assert sums == {"c": 160, "o": 80}
    corrected = set(LedgerEntry.objects.filter(correction_id=done.id).values_list("corrects_id", flat=True))
    assert corrected == {row["id"] for row in originals}
    assert invariants.check(workspace_ids=[workspace]) == []


def test_doing_it_again_does_nothing_and_another_correction_corrects_the_correction(workspace):
    give_limits(workspace, ("cost_micro", "month", 1000))
    call(workspace, 50)
    set_price(2_000_000)
    first = correct()
    before = entries(workspace)
    *_, again = services.run(first.id)
    assert (again.corrected, entries(workspace)) == (1, before)
    assert correct().corrected == 0, "nothing differs any more"
    set_price(500_000)
    assert correct().delta_micro == 25 - 100
    assert counter(workspace, "cost_micro").used == 25
    assert entries(workspace)[-2:] == [("reversal", -50, -100), ("re-rating", 50, 25)]
    assert invariants.check(workspace_ids=[workspace]) == []


def test_interrupted_correction_goes_on_where_it_was(workspace):
    give_limits(workspace, ("cost_micro", "month", 10_000))
    for tokens in range(1, 8):
        call(workspace, tokens)
    set_price(3_000_000)
    now = timezone.now()
    correction = services.begin(
        correction_id=uuid4(), provider="openai", model=MODEL, from_at=now - timedelta(hours=1), to_at=now,
        reason="r", actor=audit.SYSTEM,
    )  # fmt: skip
    services.step(correction.id, batch=3)
    assert counter(workspace, "cost_micro").used == 28 + 2 * (1 + 2 + 3)
    assert invariants.check(workspace_ids=[workspace]) == [], "true after every batch"
    *_, done = services.run(correction.id)
    assert (done.corrected, counter(workspace, "cost_micro").used) == (7, 84)
    actions = (
        AuditEntry.objects.filter(target_id=str(correction.id))
        .order_by("id")
        .values_list("action", flat=True)
    )
    assert list(actions) == ["correction.begun", "correction.finished"]


def test_range_and_model_are_kept_to(workspace):
    give_limits(workspace, ("cost_micro", "month", 1000))
    call(workspace, 50)
    set_price(2_000_000)
    now = timezone.now()
    assert correct(from_at=now - timedelta(days=9), to_at=now - timedelta(days=8)).looked_at == 0
    assert correct(model="another").looked_at == 0
    assert entries(workspace) == [("settlement", 50, 50)]


def test_correction_upwards_warns_and_blocks_and_downwards_lets_in(workspace):
    give_limits(workspace, ("cost_micro", "month", 120))
    call(workspace, 60)
    assert not QuotaNotice.objects.filter(workspace_id=workspace).exists()
    set_price(3_000_000)
    correct()
    assert counter(workspace, "cost_micro").used == 180, "the past is what it is"
    assert set(QuotaNotice.objects.filter(workspace_id=workspace).values_list("line", "used")) == {
        ("warn", 180), ("block", 180),
    }  # fmt: skip
    with pytest.raises(QuotaExceeded):
        call(workspace, 1)
    set_price(100_000)
    correct()
    assert counter(workspace, "cost_micro").used == 6
    call(workspace, 1)


def test_platforms_loss_is_rated_anew_beside_what_was_charged(workspace):
    give_limits(workspace, ("cost_micro", "month", 1000))
    call(workspace, 130)
    set_price(2_000_000)
    assert correct().delta_micro == 130
    sums = LedgerEntry.objects.filter(workspace_id=workspace).values("account").annotate(c=Sum("cost_micro"))
    assert {row["account"]: row["c"] for row in sums} == {"workspace": 200, "platform": 60}


@pytest.mark.parametrize("wrong", [{"reason": " "}, {"to_at": timezone.now() + timedelta(days=1)}])
def test_correction_needs_a_reason_and_a_past(workspace, wrong):
    with pytest.raises(services.CorrectionRefused):
        correct(**wrong)
    assert not Correction.objects.filter(model=MODEL).exists()


def test_command_tells_its_progress_and_its_id(workspace):
    give_limits(workspace, ("cost_micro", "month", 1000))
    call(workspace, 50)
    set_price(2_000_000)
    out, now = StringIO(), timezone.now()
    call_command(
        "rerate", "--model", MODEL, "--from", (now - timedelta(days=1)).isoformat(), "--to", now.isoformat(),
        "--reason", "a typo", stdout=out,
    )  # fmt: skip
    assert "1 corrected, difference 50 µ" in out.getvalue()
    assert str(Correction.objects.get(model=MODEL).id) in out.getvalue()
