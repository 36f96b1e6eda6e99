"""What changes cost: prorations to the second, credits, schedules, and changes that wait for their payment."""

import pytest

from billing.simulator.core.lines import Share
from billing.simulator.core.periods import next_after, nth
from tests.billing.simulator.world import DAY

MONTH = 31 * DAY


@pytest.fixture
def running(shop, on_1_march):
    """Pro at 30.00 since the first of March, at noon of the 16th: half of a month of 31 days is left."""
    shop.add_card()
    subscription = shop.subscribe()
    shop.sim.advance(days=15, hours=12)
    shop.sim.drop_events()
    return subscription


def change(shop, subscription, **more):
    item = subscription["items"]["data"][0]["id"]
    return shop.ask(
        "POST", f"/subscriptions/{subscription['id']}", items=[{"id": item} | more.pop("item")], **more
    )


def lines(invoice):
    return [(row["description"], row["amount"]) for row in invoice["lines"]["data"]]


def test_an_upgrade_is_invoiced_at_once(shop, running):
    changed = change(shop, running, item={"price": shop.max}, proration_behavior="always_invoice")
    newest = shop.invoices()[0]
    assert lines(newest) == [
        ("Unused time on Pro after 16 Mar 2027", -1500),
        ("Remaining time on Max after 16 Mar 2027", 4500),
    ]
    assert (newest["status"], newest["total"], newest["billing_reason"]) == (
        "paid",
        3000,
        "subscription_update",
    )
    assert changed["latest_invoice"] == newest["id"]
    details = newest["lines"]["data"][0]["parent"]["subscription_item_details"]
    assert (details["proration"], details["subscription"]) == (True, running["id"])
    item = changed["items"]["data"][0]
    assert (item["price"]["id"], item["id"]) == (shop.max, running["items"]["data"][0]["id"])
    assert item["current_period_end"] == running["items"]["data"][0]["current_period_end"]
    (event,) = shop.sim.events("customer.subscription.updated")
    assert event["data"]["previous_attributes"]["items"]["data"][0]["price"]["id"] == shop.pro


def test_prorations_may_wait_for_the_renewal(shop, running):
    change(shop, running, item={"price": shop.max}, proration_behavior="create_prorations")
    assert len(shop.invoices()) == 1
    pending = shop.ask("GET", "/invoiceitems", customer=shop.customer, pending="true")["data"]
    assert sorted(row["amount"] for row in pending) == [-1500, 4500]
    shop.sim.advance(days=15, hours=14)
    assert [amount for _, amount in lines(shop.invoices()[0])] == [-1500, 4500, 9000]
    assert shop.invoices()[0]["amount_paid"] == 12_000
    assert shop.ask("GET", "/invoiceitems", customer=shop.customer, pending="true")["data"] == []


def test_without_prorations_only_the_next_period_is_different(shop, running):
    change(shop, running, item={"price": shop.max}, proration_behavior="none")
    shop.sim.advance(days=15, hours=14)
    assert [row["total"] for row in shop.invoices()] == [9000, 3000]


def test_what_is_left_of_a_downgrade_becomes_credit(shop, running):
    change(shop, running, item={"price": shop.max}, proration_behavior="always_invoice")
    up = shop.subscription(running["id"])
    change(shop, up, item={"price": shop.pro}, proration_behavior="always_invoice")
    newest = shop.invoices()[0]
    assert (newest["total"], newest["amount_due"], newest["status"]) == (-3000, 0, "paid")
    assert shop.ask("GET", f"/customers/{shop.customer}")["balance"] == -3000
    shop.sim.advance(days=15, hours=14)
    renewal = shop.invoices()[0]
    assert (
        renewal["total"],
        renewal["starting_balance"],
        renewal["ending_balance"],
        renewal["amount_paid"],
    ) == (
        3000,
        -3000,
        0,
        0,
    )
    moves = shop.ask("GET", f"/customers/{shop.customer}/balance_transactions")["data"]
    assert [(row["amount"], row["ending_balance"], row["type"]) for row in moves] == [
        (3000, 0, "applied_to_invoice"),
        (-3000, -3000, "applied_to_invoice"),
    ]


def test_seats_are_prorated(shop, running):
    change(shop, running, item={"quantity": 4}, proration_behavior="always_invoice")
    assert lines(shop.invoices()[0]) == [
        ("Unused time on Pro after 16 Mar 2027", -1500),
        ("Remaining time on 4 × Pro after 16 Mar 2027", 6000),
    ]
    # The same again changes nothing.
    change(shop, shop.subscription(running["id"]), item={"quantity": 4}, proration_behavior="always_invoice")
    assert len(shop.invoices()) == 2


def test_another_interval_begins_a_period_of_its_own(shop, running):
    changed = change(shop, running, item={"price": shop.yearly})
    item = changed["items"]["data"][0]
    assert (item["current_period_start"], changed["billing_cycle_anchor"]) == (shop.sim.now, shop.sim.now)
    assert item["current_period_end"] == nth(shop.sim.now, "year", 1, 1)
    assert [amount for _, amount in lines(shop.invoices()[0])] == [-1500, 30_000]


@pytest.mark.parametrize("behaviour", ["always_invoice", "create_prorations", "none"])
def test_a_preview_is_what_then_happens(shop, running, behaviour):
    item = running["items"]["data"][0]["id"]
    change_ = {"items": [{"id": item, "price": shop.max, "quantity": 2}], "proration_behavior": behaviour}
    events, rows = shop.sim.events(), len(shop.sim.store._rows)
    previewed = shop.ask(
        "POST", "/invoices/create_preview", subscription=running["id"], subscription_details=change_
    )
    assert (shop.sim.events(), len(shop.sim.store._rows)) == (events, rows)
    assert shop.subscription(running["id"])["items"] == running["items"]
    shop.ask("POST", f"/subscriptions/{running['id']}", **change_)
    if behaviour != "always_invoice":
        shop.sim.advance(days=15, hours=14)
    came = shop.invoices()[0]
    assert lines(previewed) == lines(came)
    assert [previewed[name] for name in ("total", "amount_due")] == [came["total"], came["amount_paid"]]


def test_a_preview_of_a_new_subscription(shop):
    details = {"items": [{"price": shop.pro, "quantity": 3}]}
    found = shop.ask("POST", "/invoices/create_preview", customer=shop.customer, subscription_details=details)
    assert found["total"] == 9000


def test_a_preview_knows_that_nothing_comes(shop, running):
    shop.ask("POST", f"/subscriptions/{running['id']}", cancel_at_period_end="true")
    refused = shop.refused("POST", "/invoices/create_preview", subscription=running["id"])
    assert (refused["status"], refused["code"]) == (404, "invoice_upcoming_none")


@pytest.mark.parametrize("seconds", [1, 12_345, 86_399, 1_339_201, 2_678_399])
def test_shares_are_rounded_to_the_nearest_cent(seconds):
    share = Share(seconds, MONTH, 0, MONTH)
    exact = 3000 * (MONTH - seconds)
    assert abs(share.of(3000) * MONTH - exact) * 2 <= MONTH
    assert share.of(-3000) in (-share.of(3000), -share.of(3000) + 1)


def test_a_scheduled_downgrade_waits_for_the_period_s_end(shop, running):
    up = change(shop, running, item={"price": shop.max}, proration_behavior="none")
    schedule = shop.ask("POST", "/subscription_schedules", from_subscription=running["id"])
    (now,) = schedule["phases"]
    assert (now["start_date"], now["end_date"]) == (
        up["items"]["data"][0]["current_period_start"],
        up["items"]["data"][0]["current_period_end"],
    )
    phases = [
        {
            "items": [{"price": shop.max, "quantity": 1}],
            "start_date": now["start_date"],
            "end_date": now["end_date"],
        },
        {
            "items": [{"price": shop.pro, "quantity": 1}],
            "duration": {"interval": "month"},
            "proration_behavior": "none",
        },
    ]
    shop.ask("POST", f"/subscription_schedules/{schedule['id']}", phases=phases, end_behavior="release")
    assert price_of(shop, running) == shop.max
    coming = shop.ask("POST", "/invoices/create_preview", subscription=running["id"])
    assert coming["total"] == 3000
    shop.sim.advance(days=15, hours=14)
    assert price_of(shop, running) == shop.pro
    assert [row["total"] for row in shop.invoices()] == [3000, 3000]
    assert shop.subscription(running["id"])["schedule"] == schedule["id"]
    shop.sim.advance(days=31)
    after = shop.ask("GET", f"/subscription_schedules/{schedule['id']}")
    assert (after["status"], after["released_subscription"]) == ("released", running["id"])
    assert (shop.subscription(running["id"])["schedule"], price_of(shop, running)) == (None, shop.pro)


def price_of(shop, subscription) -> str:
    return shop.subscription(subscription["id"])["items"]["data"][0]["price"]["id"]


def test_a_schedule_may_be_given_up(shop, running):
    schedule = shop.ask("POST", "/subscription_schedules", from_subscription=running["id"])
    refused = shop.refused("POST", f"/subscriptions/{running['id']}", cancel_at_period_end="true")
    assert "managed by the subscription schedule" in refused["message"]
    shop.ask("POST", f"/subscription_schedules/{schedule['id']}/release")
    assert shop.ask("POST", f"/subscriptions/{running['id']}", cancel_at_period_end="true")[
        "cancel_at_period_end"
    ]


@pytest.mark.parametrize("card", ["pm_card_chargeCustomerFail", "pm_card_authenticationRequired"])
def test_a_change_waits_for_its_payment(shop, running, card):
    shop.add_card(card)
    shop.sim.drop_events()
    wanted = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    changed = change(shop, running, item={"price": shop.max}, **wanted)
    assert (changed["status"], changed["items"]["data"][0]["price"]["id"]) == ("active", shop.pro)
    assert changed["pending_update"]["subscription_items"][0]["price"]["id"] == shop.max
    invoice = shop.ask("GET", f"/invoices/{changed['latest_invoice']}")
    assert (invoice["status"], invoice["amount_due"]) == ("open", 3000)
    good = shop.add_card()
    shop.ask("POST", f"/invoices/{invoice['id']}/pay", payment_method=good)
    after = shop.subscription(running["id"])
    assert (after["pending_update"], price_of(shop, running), after["status"]) == (None, shop.max, "active")
    assert len(shop.sim.events("customer.subscription.pending_update_applied")) == 1


@pytest.mark.parametrize("how", ["voided", "expired"])
def test_a_change_that_is_not_paid_for_does_not_happen(shop, running, how):
    shop.add_card("pm_card_chargeCustomerFail")
    wanted = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    invoice = change(shop, running, item={"price": shop.max}, **wanted)["latest_invoice"]
    if how == "voided":
        shop.ask("POST", f"/invoices/{invoice}/void")
    else:
        shop.sim.advance(days=1)
    after = shop.subscription(running["id"])
    assert (after["pending_update"], price_of(shop, running), after["status"]) == (None, shop.pro, "active")
    assert shop.ask("GET", f"/invoices/{invoice}")["status"] == "void"
    assert len(shop.sim.events("customer.subscription.pending_update_expired")) == 1


def test_a_change_paid_at_once_does_not_wait(shop, running):
    wanted = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    changed = change(shop, running, item={"price": shop.max}, **wanted)
    assert (changed["pending_update"], changed["items"]["data"][0]["price"]["id"]) == (None, shop.max)
    assert shop.invoices()[0]["status"] == "paid"


def test_the_trial_may_end_now(shop):
    shop.add_card()
    subscription = shop.subscribe(trial_period_days=14)
    shop.sim.advance(days=3)
    changed = shop.ask("POST", f"/subscriptions/{subscription['id']}", trial_end="now")
    assert (changed["status"], changed["trial_end"]) == ("active", shop.sim.now)
    assert [row["total"] for row in shop.invoices()] == [3000, 0]
    assert changed["items"]["data"][0]["current_period_start"] == shop.sim.now


def test_a_change_within_a_trial_costs_nothing(shop):
    shop.add_card()
    subscription = shop.subscribe(trial_period_days=14)
    change(shop, subscription, item={"price": shop.max}, proration_behavior="always_invoice")
    assert [row["total"] for row in shop.invoices()] == [0]
    shop.sim.advance(days=14, hours=2)
    assert [row["total"] for row in shop.invoices()] == [9000, 0]


def test_months_keep_the_day_of_their_anchor():
    january_31 = 1_801_353_600  # 2027-01-31 00:00 UTC
    ends = [nth(january_31, "month", 1, n) for n in range(4)]
    days = [(end - january_31) // DAY for end in ends]
    assert days == [0, 28, 59, 89]
    assert [next_after(january_31, end, "month") for end in ends[:3]] == ends[1:]
    assert next_after(january_31, january_31 - 1, "month") == january_31


def test_the_unused_time_is_given_back_on_request(shop, running):
    shop.ask("DELETE", f"/subscriptions/{running['id']}", prorate="true", invoice_now="true")
    assert shop.subscription(running["id"])["status"] == "canceled"
    shop.sim.advance(hours=2)
    assert [row["total"] for row in shop.invoices()] == [-1500, 3000]
    assert shop.ask("GET", f"/customers/{shop.customer}")["balance"] == -1500


def test_a_percentage_counts_for_prorations_too(shop, on_1_march):
    shop.add_card()
    coupon = shop.ask("POST", "/coupons", percent_off=50, duration="forever")["id"]
    subscription = shop.subscribe(discounts=[{"coupon": coupon}])
    assert shop.invoices()[0]["total"] == 1500
    shop.sim.advance(days=15, hours=12)
    change(shop, subscription, item={"price": shop.max}, proration_behavior="always_invoice")
    assert [amount for _, amount in lines(shop.invoices()[0])] == [-750, 2250]


@pytest.mark.parametrize(
    ("duration", "totals"), [("once", [3000, 3000, 2000]), ("forever", [2000, 2000, 2000])]
)
def test_a_coupon_lasts_as_long_as_it_says(shop, duration, totals):
    shop.add_card()
    coupon = shop.ask("POST", "/coupons", amount_off=1000, currency="usd", duration=duration)["id"]
    shop.subscribe(discounts=[{"coupon": coupon}])
    shop.sim.advance(days=63)
    assert [row["total"] for row in shop.invoices()] == totals
