"""What tokens cost: whole micro-units, rounded up once, at the price of the day the work began."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistants.runs import estimate
from tests.factories import give_limits, hold_of, open_hold
from tests.usage.runs import finish
from usage import prices
from usage.holds import services
from usage.holds.types import Actual, Amount, QuotaExceeded
from usage.models import Hold, LedgerEntry, Price


@pytest.fixture(autouse=True)
def fresh_prices():
    prices.forget()
    yield
    prices.forget()


DAY = datetime(2026, 6, 1, tzinfo=UTC)


def cost(
    model: str = "gpt-4o-mini", *, at: datetime = DAY, fresh: int = 0, cached: int = 0, output: int = 0
) -> int:
    actual = Actual(
        provider="openai",
        model=model,
        input_tokens=fresh + cached,
        output_tokens=output,
        cached_tokens=cached,
    )
    return prices.rates(provider="openai", model=model, at=at).cost(actual)


@pytest.mark.parametrize(
    ("model", "fresh", "cached", "output", "expected"),
    [
        # gpt-4o-mini: 150,000 in, 75,000 cached, 600,000 out per million
        ("gpt-4o-mini", 0, 0, 0, 0),
        ("gpt-4o-mini", 1, 0, 0, 1),  # 0.15
        ("gpt-4o-mini", 0, 0, 1, 1),  # 0.6
        ("gpt-4o-mini", 20, 0, 0, 3),  # exactly 3
        ("gpt-4o-mini", 21, 0, 0, 4),  # 3.15
        ("gpt-4o-mini", 7, 0, 3, 3),  # 1.05 + 1.8 = 2.85; rounded apart it would be 4
        ("gpt-4o-mini", 600, 400, 0, 120),  # 90 + 30
        ("gpt-4o-mini", 600, 400, 200, 240),
        ("gpt-4o-mini", 0, 1000, 0, 75),
        ("gpt-4o-mini", 1_000_000, 0, 1_000_000, 750_000),
        ("gpt-4o", 1, 0, 0, 3),  # 2.5
        ("gpt-4o", 2, 0, 0, 5),
        ("gpt-4o", 1_000, 1_000, 1_000, 13_750),
        # no cached rate: cached tokens cost what fresh ones do
        ("text-embedding-3-small", 500_000, 500_000, 0, 20_000),
        ("text-embedding-3-small", 0, 0, 999, 0),
        ("gpt-4o", 9_000_000_000_000, 0, 0, 22_500_000_000_000),
    ],
)
def test_cost_table(db, model, fresh, cached, output, expected):
    assert cost(model, fresh=fresh, cached=cached, output=output) == expected


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(fresh=st.integers(0, 10**9), cached=st.integers(0, 10**9), output=st.integers(0, 10**9))
def test_cost_is_the_smallest_whole_number_not_below_the_exact_amount(db, fresh, cached, output):
    exact = fresh * 150_000 + cached * 75_000 + output * 600_000
    charged = cost(fresh=fresh, cached=cached, output=output)
    assert isinstance(charged, int)
    assert (charged - 1) * 1_000_000 < exact <= charged * 1_000_000


def test_model_without_a_price_has_no_rates(db):
    assert not prices.rates(provider="openai", model="never-heard-of", at=DAY)


def test_same_model_of_another_provider_has_its_own_price(db):
    assert not prices.rates(provider="elsewhere", model="gpt-4o-mini", at=DAY)


def test_row_of_a_variant_wins_over_the_general_one_and_reasoning_has_its_own_rate(db):
    for variant, micro in (("", 40_000), ("1024x1024/high", 160_000)):
        Price.objects.create(
            provider="p", model="m", variant=variant, meter="images", micro_per_million=micro * 10**6,
            effective_at=DAY, source="test",
        )  # fmt: skip
    Price.objects.create(
        provider="p",
        model="m",
        meter="reasoning_tokens",
        micro_per_million=9,
        effective_at=DAY,
        source="test",
    )
    asked = {"provider": "p", "model": "m", "at": DAY}
    assert prices.rates(**asked).cost(Actual("p", "m", images=2)) == 80_000
    assert prices.rates(**asked, variant="1024x1024/high").cost(Actual("p", "m", images=2)) == 320_000
    assert prices.rates(**asked, variant="512x512").cost(Actual("p", "m", images=2)) == 80_000


@given(
    fresh=st.integers(0, 10**6), cached=st.integers(0, 10**6), output=st.integers(0, 10**6),
    reasoning=st.integers(0, 10**6), cap=st.integers(0, 10**6),
    rates=st.fixed_dictionaries({meter: st.integers(0, 10**8) for meter in (
        "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")}),
)  # fmt: skip
def test_nothing_within_the_cap_costs_more_than_the_ceiling(fresh, cached, output, reasoning, cap, rates):
    book = prices.Rates(rates)
    written = min(output + reasoning, cap)
    actual = Actual(
        "p", "m", input_tokens=fresh + cached, cached_tokens=cached, output_tokens=written,
        reasoning_tokens=min(reasoning, written),
    )  # fmt: skip
    assert book.cost(actual) <= book.ceiling(input_tokens=fresh + cached).at(cap)


def new_price(meter: str, micro: int, effective_at: datetime) -> None:
    Price.objects.create(
        provider="openai", model="gpt-4o-mini", meter=meter, micro_per_million=micro, effective_at=effective_at,
        source="test",
    )  # fmt: skip
    prices.forget()


def test_new_price_counts_from_its_moment_on(db):
    new_price("output_tokens", 1_000_000, DAY)
    before, after = DAY - timedelta(microseconds=1), DAY
    assert cost(at=before, output=1000) == 600
    assert cost(at=after, output=1000) == 1000
    assert cost(at=after, fresh=1000) == 150, "the other meters keep their price"


def test_before_the_first_price_nothing_is_charged(db):
    assert cost(at=datetime(2020, 1, 1, tzinfo=UTC), fresh=1000) == 0


def test_run_is_charged_at_the_price_of_the_moment_it_was_held(db):
    hold_id = open_hold(cap=1000)
    begun = DAY - timedelta(seconds=30)
    Hold.objects.filter(id=hold_id).update(created_at=begun)
    new_price("output_tokens", 9_000_000, DAY)
    services.claim(hold_id)
    actual = Actual(provider="openai", model="gpt-4o-mini", input_tokens=0, output_tokens=1000)
    with transaction.atomic():
        assert services.settle(hold_id, attempt=1, actual=actual).cost_micro == 600
    assert LedgerEntry.objects.get(hold_id=hold_id).cost_micro == 600


def test_asking_for_rates_is_one_query_and_then_none_for_a_while(db, assert_queries):
    with assert_queries(1):
        for _ in range(3):
            rates = prices.rates(provider="openai", model="gpt-4o", at=DAY)
    assert rates.by_meter == {
        "input_tokens": 2_500_000,
        "cached_tokens": 1_250_000,
        "output_tokens": 10_000_000,
    }


def test_loading_published_prices_again_adds_and_changes_nothing(db):
    before = list(Price.objects.order_by("id").values())
    assert prices.load_published() == 0
    assert list(Price.objects.order_by("id").values()) == before


def test_loading_adds_only_new_rows(db, tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text("prices: [{provider: p, model: m, effective: 2026-01-01, input_tokens: 1, source: s}]")
    assert prices.load_published(path) == 1
    assert prices.load_published(path) == 0
    assert prices.rates(provider="p", model="m", at=DAY).by_meter == {"input_tokens": 1}


@pytest.mark.parametrize(
    "row",
    [
        "{model: m, effective: 2026-01-01, input_tokens: 1}",
        "{provider: p, model: m, effective: soon, input_tokens: 1, source: s}",
    ],
)
def test_broken_price_file_stops_loudly_and_adds_nothing(db, tmp_path, row):
    path = tmp_path / "prices.yaml"
    path.write_text(f"prices: [{row}]")
    before = Price.objects.count()
    with pytest.raises(ImproperlyConfigured, match=r"prices\.yaml: m"):
        prices.load_published(path)
    assert Price.objects.count() == before


@pytest.mark.parametrize(
    ("model", "variant", "used", "expected"),
    [
        ("dall-e-3", "1024x1024/standard", {"images": 1}, 40_000),
        ("dall-e-3", "1024x1024/hd", {"images": 3}, 240_000),
        ("gpt-image-1", "1024x1536/high", {"images": 1}, 250_000),
        ("whisper-1", "", {"audio_in_ms": 60_000}, 6_000),
        ("whisper-1", "", {"audio_in_ms": 1_500}, 150),
        ("whisper-1", "", {"audio_in_ms": 1}, 1),
        ("gpt-4o-mini-tts", "", {"audio_out_ms": 30_000}, 7_500),
    ],
)
def test_published_images_cost_by_size_and_quality_and_audio_by_its_length(
    db, model, variant, used, expected
):
    rates = prices.rates(provider="openai", model=model, at=DAY, variant=variant)
    assert rates.cost(Actual(provider="openai", model=model, messages=0, **used)) == expected
    assert estimate.piece_meters(pieces=used, rates=rates)["cost_micro"].at(0) == expected


@pytest.mark.parametrize(
    ("model", "variant", "meters"),
    [
        ("dall-e-3", "4096x4096/hd", lambda rates: estimate.piece_meters(pieces={"images": 1}, rates=rates)),
        ("gpt-4o", "", lambda rates: estimate.piece_meters(pieces={"images": 1}, rates=rates)),
        ("whisper-1", "", lambda rates: estimate.piece_meters(pieces={"audio_out_ms": 1}, rates=rates)),
        (
            "text-embedding-3-small",
            "",
            lambda rates: estimate.chat_meters(kind="reply", input_tokens=5, rates=[rates], cap=100),
        ),
        (
            "dall-e-3",
            "1024x1024/hd",
            lambda rates: estimate.chat_meters(kind="reply", input_tokens=5, rates=[rates]),
        ),
    ],
)
def test_price_for_one_thing_is_none_for_another_and_what_has_none_is_refused_where_money_is_limited(
    db, model, variant, meters
):
    rates = prices.rates(provider="openai", model=model, at=DAY, variant=variant)
    found = meters(rates)
    assert found["cost_micro"] is None
    workspace = uuid4()
    give_limits(workspace, ("cost_micro", "month", 10**9))
    with pytest.raises(QuotaExceeded) as caught:
        hold_of(workspace_id=workspace, meters=found, cap=0, min_cap=0)
    assert caught.value.code == "model_unpriced"


def test_embedding_needs_only_a_price_of_what_it_reads(db):
    rates = prices.rates(provider="openai", model="text-embedding-3-small", at=DAY)
    meters = estimate.chat_meters(kind="embedding", input_tokens=50, rates=[rates], cap=0)
    assert meters["cost_micro"].at(0) == 1


def test_price_that_appears_while_a_run_goes_on_counts_from_its_own_date(db):
    """Without a money limit an unpriced run may start. A price of a later moment is not its price; one that is dated
    before it began is: the books say what the work cost, and nothing was held that it could exceed."""
    workspace, model = uuid4(), f"new-{uuid4().hex[:8]}"
    give_limits(workspace, ("messages", "day", 10))
    unpriced = {"messages": Amount.of(1), "cost_micro": None}
    first, second = (
        hold_of(workspace_id=workspace, meters=unpriced, model=model, cap=0, min_cap=0) for _ in range(2)
    )
    common = {
        "provider": "openai",
        "model": model,
        "meter": "output_tokens",
        "micro_per_million": 1_000_000,
        "source": "t",
    }
    Price.objects.create(**common, effective_at=timezone.now() + timedelta(minutes=1))
    prices.forget()
    assert finish(first, model=model, messages=1, output_tokens=10).cost_micro == 0
    Price.objects.create(**common, effective_at=timezone.now() - timedelta(days=1))
    prices.forget()
    assert finish(second, model=model, messages=1, output_tokens=10).cost_micro == 10


def test_every_published_row_is_dated_sourced_and_plausible(db):
    rows = list(Price.objects.filter(author_ref=None, provider="openai"))
    assert {row.meter for row in rows} >= {
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "images",
        "audio_in_ms",
    }
    for row in rows:
        assert row.source and row.effective_at < timezone.now(), row
        assert bool(row.variant) == (row.meter == "images"), row
