"""The clock's page: who may move the service's time, and what comes of it."""

from datetime import UTC, datetime

import pytest

from billing.simulator.delivery import services as deliveries
from billing.simulator.delivery import waking
from billing.simulator.hosted.timekeeping import month_after
from tests.billing.simulator_pages.conftest import NOTICE, events_of, text_of

CLOCK = "/simulated-stripe/clock/"


@pytest.fixture
def desk_person(staff, db):
    return staff.browser()


def now_of(shop) -> int:
    with shop.core.desk() as desk:
        return desk.now


def test_only_staff_may_see_and_move_it(shop, visitor, owner, db):
    before = now_of(shop)
    for client in (visitor.client, owner.browser()):
        assert client.get(CLOCK).status_code == 404
        assert client.post(CLOCK, {"move": "month"}).status_code == 404
    assert now_of(shop) - before < 3600


def test_on_a_demo_everybody_may(shop, visitor, settings):
    settings.DEMO = True
    before = now_of(shop)

    assert visitor.post(CLOCK, move="day").status_code == 303

    assert now_of(shop) - before >= 86_400


@pytest.mark.parametrize(("move", "days"), [("day", 1), ("week", 7)])
def test_it_moves_by_days(shop, desk_person, move, days):
    before = now_of(shop)
    desk_person.post(CLOCK, {"move": move})
    assert days * 86_400 <= now_of(shop) - before < days * 86_400 + 3600


def test_to_the_next_renewal_a_plan_is_renewed_and_paid(shop, desk_person):
    subscription = shop.subscription()
    ends_at = subscription["items"]["data"][0]["current_period_end"]

    desk_person.post(CLOCK, {"move": "renewal"})

    after = shop.get(f"/subscriptions/{subscription['id']}")["items"]["data"][0]
    assert after["current_period_start"] == ends_at
    invoices = shop.get("/invoices", customer=subscription["customer"])["data"]
    assert [each["status"] for each in invoices] == ["paid", "paid"]
    text = text_of(desk_person.get(CLOCK))
    assert NOTICE in text
    assert "invoice.paid" in text
    assert "ahead of the real time" in text


def test_without_a_plan_there_is_no_renewal_to_move_to(shop, desk_person):
    before = now_of(shop)
    desk_person.post(CLOCK, {"move": "renewal"})
    assert "no renewal" in text_of(desk_person.get(CLOCK))
    assert now_of(shop) - before < 3600


def test_an_unknown_move_moves_nothing(shop, desk_person):
    before = now_of(shop)
    desk_person.post(CLOCK, {"move": "back"})
    assert now_of(shop) - before < 3600


def test_what_was_not_delivered_is_sent_again_on_demand(shop, desk_person, monkeypatch):
    shop.customer()
    woken = []
    monkeypatch.setattr(waking, "wake", lambda: woken.append(True))
    with shop.core.store.transaction() as books:
        claim = deliveries._claim(books, now=1_800_000_000)
        deliveries._settle(books, claim, status=500, now=1_800_000_000)
    assert "Deliver now" in text_of(desk_person.get(CLOCK))

    desk_person.post(CLOCK, {"move": "deliver"})

    assert woken == [True]
    with shop.core.store.transaction() as books:
        assert deliveries.state_of(books, claim.event_id)["attempts"] == 0
        assert events_of(shop)


@pytest.mark.parametrize(
    ("day", "later"),
    [
        ("2027-01-31", "2027-02-28"),
        ("2026-12-15", "2027-01-15"),
        ("2028-01-30", "2028-02-29"),
        ("2026-11-30", "2026-12-30"),
    ],
)
def test_a_month_ends_with_its_last_day(day, later):
    at = datetime.fromisoformat(day).replace(hour=9, tzinfo=UTC)
    assert month_after(at) == datetime.fromisoformat(later).replace(hour=9, tzinfo=UTC)
