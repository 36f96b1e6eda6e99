"""What time does: renewals, failed payments and their retries, cancellations, invoices by mail, usage."""

import pytest

from billing.simulator.core import clock
from billing.simulator.core.invoices import GRACE
from tests.billing.simulator.world import DAY


@pytest.fixture
def running(shop, on_1_march):
    shop.add_card()
    return shop.subscribe()


def status(shop, subscription) -> str:
    return shop.subscription(subscription["id"])["status"]


def types(shop, *prefixes: str) -> list[str]:
    return [event["type"] for event in shop.sim.events() if event["type"].startswith(prefixes)]


def test_a_period_follows_the_other(shop, running):
    shop.sim.drop_events()
    shop.sim.advance(days=31)
    draft = shop.invoices()[0]
    assert (draft["status"], draft["billing_reason"]) == ("draft", "subscription_cycle")
    assert draft["automatically_finalizes_at"] == shop.sim.now + GRACE
    item = shop.subscription(running["id"])["items"]["data"][0]
    assert item["current_period_start"] == running["items"]["data"][0]["current_period_end"] == shop.sim.now
    shop.sim.advance(seconds=GRACE)
    assert (shop.invoices()[0]["status"], shop.invoices()[0]["amount_paid"]) == ("paid", 3000)
    assert types(shop, "customer.subscription", "invoice.") == [
        "invoice.upcoming",
        "invoice.created",
        "customer.subscription.updated",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    assert [row["created"] for row in shop.sim.events()] == sorted(
        row["created"] for row in shop.sim.events()
    )


def test_a_year_passes_in_one_step_as_in_many(shop, running):
    shop.sim.advance(days=366, hours=2)  # with a 29th of February
    starts = [row["period_end"] for row in shop.invoices()]
    assert [row["total"] for row in shop.invoices()] == [3000] * 13
    assert len(set(starts)) == 13
    assert {row["status"] for row in shop.invoices()} == {"paid"}


def let_the_card_fail(shop, running, card="pm_card_chargeCustomerFail") -> None:
    shop.add_card(card)
    shop.sim.advance(days=31, hours=1)


def test_a_failed_renewal_is_tried_again_and_recovers(shop, running):
    let_the_card_fail(shop, running)
    failed = shop.invoices()[0]
    assert (status(shop, running), failed["status"], failed["attempt_count"]) == ("past_due", "open", 1)
    assert failed["next_payment_attempt"] == shop.sim.now + 3 * DAY
    assert shop.ask("GET", f"/customers/{shop.customer}")["delinquent"] is True
    assert types(shop, "invoice.payment_failed", "charge.failed") == [
        "charge.failed",
        "invoice.payment_failed",
    ]
    shop.add_card()
    assert status(shop, running) == "past_due"
    shop.sim.advance(days=3)
    assert (status(shop, running), shop.invoices()[0]["status"]) == ("active", "paid")
    assert shop.invoices()[0]["attempt_count"] == 2
    assert shop.ask("GET", f"/customers/{shop.customer}")["delinquent"] is False


def test_a_failed_renewal_is_paid_by_hand(shop, running):
    let_the_card_fail(shop, running)
    good = shop.add_card()
    paid = shop.ask("POST", f"/invoices/{shop.invoices()[0]['id']}/pay", payment_method=good)
    assert (paid["status"], paid["next_payment_attempt"], status(shop, running)) == ("paid", None, "active")
    shop.sim.advance(days=20)
    assert len([row for row in shop.ask("GET", "/charges")["data"] if row["paid"]]) == 2


@pytest.mark.parametrize(
    ("after", "expected"), [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")]
)
def test_after_the_last_attempt_the_policy_decides(shop, running, after, expected):
    shop.sim.set_policy(retry_days=(2, 3), after_retries=after)
    let_the_card_fail(shop, running)
    shop.sim.advance(days=4, hours=23)
    assert status(shop, running) == "past_due"
    shop.sim.advance(hours=2)
    assert status(shop, running) == expected
    failed = shop.invoices(status="open")[0]
    assert (failed["attempt_count"], failed["next_payment_attempt"]) == (3, None)
    if after == "cancel":
        (event,) = shop.sim.events("customer.subscription.deleted")
        assert event["data"]["object"]["cancellation_details"]["reason"] == "payment_failed"


def test_an_unpaid_subscription_writes_drafts_until_it_is_paid(shop, running):
    shop.sim.set_policy(retry_days=(), after_retries="unpaid")
    let_the_card_fail(shop, running)
    assert status(shop, running) == "unpaid"
    shop.sim.advance(days=31)
    newest = shop.invoices()[0]
    assert (newest["status"], newest["auto_advance"]) == ("draft", False)
    good = shop.add_card()
    shop.ask("POST", f"/invoices/{shop.invoices(status='open')[0]['id']}/pay", payment_method=good)
    assert status(shop, running) == "active"


@pytest.mark.parametrize(("card", "renews"), [("4000002500003155", True), ("4000002760003184", False)])
def test_a_bank_asks_again_or_not(shop, on_1_march, card, renews):
    session = shop.session()
    assert shop.sim.complete_checkout(session["url"], card=card, authenticated=True).kind == "completed"
    subscription = shop.ask("GET", f"/checkout/sessions/{session['id']}")
    shop.sim.advance(days=31, hours=1)
    newest = shop.invoices()[0]
    assert newest["status"] == ("paid" if renews else "open")
    assert len(shop.sim.events("invoice.payment_action_required")) == (0 if renews else 1)
    if not renews:
        assert shop.subscription(subscription["subscription"])["status"] == "past_due"
        wanted = ["payments.data.payment.payment_intent", "confirmation_secret"]
        shown = shop.ask("GET", f"/invoices/{newest['id']}", expand=wanted)
        intent = shown["payments"]["data"][0]["payment"]["payment_intent"]
        assert (intent["status"], shown["confirmation_secret"]["client_secret"]) == (
            "requires_action",
            intent["client_secret"],
        )


def test_a_card_runs_out(shop, running):
    method = shop.ask("GET", "/payment_methods", customer=shop.customer)["data"][0]
    shop.ask("POST", f"/payment_methods/{method['id']}", card={"exp_month": 3, "exp_year": 2027})
    shop.sim.advance(days=31, hours=1)
    assert shop.ask("GET", "/charges", customer=shop.customer)["data"][0]["failure_code"] == "expired_card"
    assert status(shop, running) == "past_due"


def test_a_first_payment_that_never_comes(shop):
    shop.add_card("pm_card_authenticationRequired")
    subscription = shop.subscribe()
    assert subscription["status"] == "incomplete"
    shop.sim.advance(hours=24)
    assert status(shop, subscription) == "incomplete_expired"
    assert [row["status"] for row in shop.invoices()] == ["void"]


def test_a_first_payment_may_be_made_later(shop):
    subscription = shop.subscribe(
        payment_behavior="default_incomplete", expand=["latest_invoice.confirmation_secret"]
    )
    assert (subscription["status"], subscription["latest_invoice"]["status"]) == ("incomplete", "open")
    assert subscription["latest_invoice"]["confirmation_secret"]["client_secret"].startswith("pi_")
    good = shop.add_card()
    shop.ask("POST", f"/invoices/{subscription['latest_invoice']['id']}/pay", payment_method=good)
    assert status(shop, subscription) == "active"


def test_without_a_card_nothing_is_begun(shop):
    refused = shop.refused("POST", "/subscriptions", customer=shop.customer, items=[{"price": shop.pro}])
    assert (refused["status"], refused["code"]) == (400, "resource_missing")
    shop.add_card("pm_card_chargeCustomerFail")
    wanted = {
        "customer": shop.customer,
        "items": [{"price": shop.pro}],
        "payment_behavior": "error_if_incomplete",
    }
    assert shop.refused("POST", "/subscriptions", **wanted)["code"] == "card_declined"
    assert (shop.ask("GET", "/subscriptions", status="all")["data"], shop.invoices()) == ([], [])


def test_cancelling_waits_for_the_period_s_end(shop, running):
    details = {"feedback": "too_expensive", "comment": "So dear."}
    changed = shop.ask(
        "POST", f"/subscriptions/{running['id']}", cancel_at_period_end="true", cancellation_details=details
    )
    end = running["items"]["data"][0]["current_period_end"]
    assert (changed["cancel_at"], changed["canceled_at"], changed["status"]) == (end, shop.sim.now, "active")
    assert changed["cancellation_details"]["feedback"] == "too_expensive"
    shop.sim.advance_to(end - 1)
    assert status(shop, running) == "active"
    shop.sim.advance(seconds=1)
    after = shop.subscription(running["id"])
    assert (after["status"], after["ended_at"]) == ("canceled", end)
    assert after["cancellation_details"]["reason"] == "cancellation_requested"
    shop.sim.advance(days=60)
    assert len(shop.invoices()) == 1


def test_a_cancellation_may_be_taken_back(shop, running):
    shop.ask("POST", f"/subscriptions/{running['id']}", cancel_at_period_end="true")
    changed = shop.ask("POST", f"/subscriptions/{running['id']}", cancel_at_period_end="false")
    assert (changed["cancel_at"], changed["canceled_at"], changed["cancel_at_period_end"]) == (
        None,
        None,
        False,
    )
    shop.sim.advance(days=32)
    assert (status(shop, running), len(shop.invoices())) == ("active", 2)


def test_cancelling_now_ends_it(shop, running):
    ended = shop.ask("DELETE", f"/subscriptions/{running['id']}")
    assert (ended["status"], ended["ended_at"]) == ("canceled", shop.sim.now)
    assert shop.refused("DELETE", f"/subscriptions/{running['id']}")["status"] == 404
    assert shop.refused("POST", f"/subscriptions/{running['id']}", items=[])["code"].startswith(
        "invalid_canceled"
    )


def test_invoices_by_mail_wait_for_their_day(shop, on_1_march):
    subscription = shop.subscribe(collection_method="send_invoice", days_until_due=14)
    assert subscription["status"] == "active"
    shop.sim.advance(hours=1)
    (invoice,) = shop.invoices()
    assert (invoice["status"], invoice["due_date"]) == ("open", shop.sim.now + 14 * DAY)
    assert types(shop, "invoice.sent", "charge") == ["invoice.sent"]
    shop.sim.advance(days=14)
    assert (status(shop, subscription), len(shop.sim.events("invoice.overdue"))) == ("past_due", 1)
    shop.ask("POST", f"/invoices/{invoice['id']}/pay", paid_out_of_band="true")
    assert status(shop, subscription) == "active"


def test_a_single_invoice_carries_what_waits(shop):
    for amount in (2500, 4000):
        shop.ask(
            "POST",
            "/invoiceitems",
            customer=shop.customer,
            amount=amount,
            currency="usd",
            description="Milestone",
        )
    invoice = shop.ask("POST", "/invoices", customer=shop.customer, collection_method="send_invoice", days_until_due=30,
                       pending_invoice_items_behavior="include", metadata={"contract": "c1"})  # fmt: skip
    assert (invoice["status"], invoice["total"], invoice["billing_reason"]) == ("draft", 6500, "manual")
    sent = shop.ask("POST", f"/invoices/{invoice['id']}/send")
    assert (sent["status"], sent["due_date"], sent["number"]) == (
        "open",
        shop.sim.now + 30 * DAY,
        sent["number"],
    )
    assert sent["number"].endswith("-0001")
    assert sent["hosted_invoice_url"] and sent["invoice_pdf"]
    card = shop.add_card()
    assert shop.ask("POST", f"/invoices/{invoice['id']}/pay", payment_method=card)["status"] == "paid"


def test_credit_is_used_before_the_card(shop):
    shop.add_card()
    shop.ask("POST", f"/customers/{shop.customer}/balance_transactions", amount=-1000, currency="usd")
    shop.subscribe()
    (invoice,) = shop.invoices()
    assert (invoice["total"], invoice["amount_due"], invoice["amount_paid"]) == (3000, 2000, 2000)
    assert shop.ask("GET", f"/customers/{shop.customer}")["balance"] == 0
    assert shop.ask("GET", "/charges")["data"][0]["amount"] == 2000


def test_less_than_can_be_charged_is_owed(shop):
    shop.add_card()
    shop.ask("POST", f"/customers/{shop.customer}/balance_transactions", amount=-2970, currency="usd")
    shop.subscribe()
    assert (shop.invoices()[0]["amount_due"], shop.invoices()[0]["status"]) == (0, "paid")
    assert shop.ask("GET", f"/customers/{shop.customer}")["balance"] == 30
    shop.sim.advance(days=32)
    assert shop.invoices()[0]["amount_paid"] == 3030


def test_a_voided_invoice_gives_the_credit_back(shop, running):
    shop.ask("POST", f"/customers/{shop.customer}/balance_transactions", amount=-1000, currency="usd")
    let_the_card_fail(shop, running)
    invoice = shop.invoices(status="open")[0]
    assert (invoice["amount_due"], shop.ask("GET", f"/customers/{shop.customer}")["balance"]) == (2000, 0)
    shop.ask("POST", f"/invoices/{invoice['id']}/void")
    assert shop.ask("GET", f"/customers/{shop.customer}")["balance"] == -1000
    assert status(shop, running) == "active"


def test_part_of_a_charge_is_refunded(shop, running):
    charge = shop.ask("GET", "/charges", customer=shop.customer)["data"][0]
    shop.ask("POST", "/refunds", charge=charge["id"], amount=1000)
    after = shop.ask("GET", f"/charges/{charge['id']}", expand=["refunds"])
    assert (after["amount_refunded"], after["refunded"]) == (1000, False)
    assert [row["amount"] for row in after["refunds"]["data"]] == [1000]
    shop.ask("POST", "/refunds", payment_intent=charge["payment_intent"])
    assert shop.ask("GET", f"/charges/{charge['id']}")["refunded"] is True
    assert shop.refused("POST", "/refunds", charge=charge["id"])["code"] == "charge_already_refunded"


def test_a_running_clock_is_neither_moved_nor_lost_by_looking(shop, monkeypatch):
    real = 1_900_000_000
    monkeypatch.setattr("billing.simulator.core.clock.time.time", lambda: real)
    with shop.sim.store.transaction() as books:
        clock.set_to(books, real, stands=False)
    shop.sim.advance(days=2)
    for passed in (10, 11, 500):
        instant = real + passed + 0.999
        monkeypatch.setattr("billing.simulator.core.clock.time.time", lambda instant=instant: instant)
        shop.sim.core.tick()
        assert shop.sim.now == real + passed + 2 * DAY
    with pytest.raises(ValueError, match="does not go back"):
        shop.sim.advance_to(real)


# usage


def record(shop, value, identifier="", **more):
    payload = {"stripe_customer_id": shop.customer, "value": value}
    wanted = {"event_name": "ai_usage", "payload": payload} | more
    return shop.ask(
        "POST", "/billing/meter_events", **(wanted | ({"identifier": identifier} if identifier else {}))
    )


def test_usage_is_billed_after_its_period(shop, on_1_march):
    shop.add_card()
    subscription = shop.ask(
        "POST", "/subscriptions", customer=shop.customer, items=[{"price": shop.pro}, {"price": shop.metered}]
    )
    record(shop, 1000)
    shop.sim.advance(days=20)
    record(shop, 501)
    # Told late, and counted when it happened.
    shop.sim.advance(days=11, seconds=-1)
    record(shop, 10)
    shop.sim.advance(seconds=1)
    record(shop, 7000)
    shop.sim.advance(hours=1)
    rows = {row["description"].split(" (")[0]: row for row in shop.invoices()[0]["lines"]["data"]}
    assert {name: row["amount"] for name, row in rows.items()} == {"1511 × AI usage": 756, "1 × Pro": 3000}
    period = rows["1511 × AI usage"]["period"]
    assert period["end"] == rows["1 × Pro"]["period"]["start"]
    shop.sim.advance(days=30)
    assert shop.invoices()[0]["total"] == 3500 + 3000
    assert "quantity" not in subscription["items"]["data"][1]


def test_an_event_counts_once(shop):
    record(shop, 5, "e-1")
    payload = {"stripe_customer_id": shop.customer, "value": 5}
    refused = shop.refused(
        "POST", "/billing/meter_events", event_name="ai_usage", identifier="e-1", payload=payload
    )
    assert refused["message"] == "An event already exists with identifier e-1."
    assert (refused["status"], refused["type"], refused.get("code")) == (400, "invalid_request_error", None)
    assert total(shop) == 5


def total(shop) -> int:
    start = shop.sim.now // DAY * DAY - 40 * DAY
    wanted = {"customer": shop.customer, "start_time": start, "end_time": start + 45 * DAY}
    (row,) = shop.ask("GET", f"/billing/meters/{shop.meter}/event_summaries", **wanted)["data"]
    return row["aggregated_value"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"timestamp": -36 * DAY}, "timestamp_too_far_in_past"),
        ({"timestamp": 301}, "timestamp_in_future"),
        ({"value": "many"}, "meter_event_invalid_value"),
        ({"customer": ""}, "meter_event_no_customer_defined"),
        ({"customer": "cus_nobody"}, "resource_missing"),
        ({"name": "nothing"}, "no_meter"),
    ],
)
def test_a_wrong_event_is_refused(shop, change, code):
    payload = {"stripe_customer_id": change.get("customer", shop.customer), "value": change.get("value", 1)}
    refused = shop.refused(
        "POST",
        "/billing/meter_events",
        event_name=change.get("name", "ai_usage"),
        payload=payload,
        timestamp=shop.sim.now + change.get("timestamp", 0),
    )
    assert refused["code"] == code
    assert total(shop) == 0


def test_events_within_the_window_are_taken(shop):
    record(shop, 1, timestamp=shop.sim.now - 35 * DAY)
    record(shop, 2, timestamp=shop.sim.now + 300)
    assert total(shop) == 3


def test_features_come_with_the_product(shop):
    feature = shop.ask("POST", "/entitlements/features", lookup_key="api", name="API")["id"]
    product = shop.ask("GET", f"/prices/{shop.pro}")["product"]
    shop.ask("POST", f"/products/{product}/features", entitlement_feature=feature)
    shop.add_card()
    subscription = shop.subscribe()
    (event,) = shop.sim.events("entitlements.active_entitlement_summary.updated")
    assert [row["lookup_key"] for row in event["data"]["object"]["entitlements"]["data"]] == ["api"]
    shop.ask("DELETE", f"/subscriptions/{subscription['id']}")
    assert shop.ask("GET", "/entitlements/active_entitlements", customer=shop.customer)["data"] == []


def test_a_lookup_key_moves_from_price_to_price(shop):
    product = shop.ask("GET", f"/prices/{shop.pro}")["product"]
    wanted = {"product": product, "currency": "usd", "unit_amount": 3500, "recurring": {"interval": "month"}}
    assert shop.refused("POST", "/prices", lookup_key="pro_month", **wanted)["param"] == "lookup_key"
    moved = shop.ask("POST", "/prices", lookup_key="pro_month", transfer_lookup_key="true", **wanted)
    assert [row["id"] for row in shop.ask("GET", "/prices", lookup_keys=["pro_month"])["data"]] == [
        moved["id"]
    ]
    assert shop.ask("GET", f"/prices/{shop.pro}")["lookup_key"] is None
