"""Every object has the fields of the SDK's typed class of its kind: none unknown to it, all that it requires."""

import pytest

from tests.billing.simulator.sdk_shapes import problems

# What is never shown by itself: how the service keeps its books.
INWARD = {"clock", "idempotency", "policy"}
KINDS = {
    "account",
    "billing.meter",
    "billing.meter_event",
    "billing.meter_event_summary",
    "billing.meter_event_adjustment",
    "billing_portal.configuration",
    "billing_portal.session",
    "charge",
    "checkout.session",
    "coupon",
    "customer",
    "customer_balance_transaction",
    "discount",
    "entitlements.active_entitlement",
    "entitlements.active_entitlement_summary",
    "entitlements.feature",
    "event",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "item",
    "line_item",
    "payment_intent",
    "payment_method",
    "plan",
    "price",
    "product",
    "product_feature",
    "promotion_code",
    "refund",
    "setup_intent",
    "subscription",
    "subscription_item",
    "subscription_schedule",
    "tax_id",
    "webhook_endpoint",
}


def objects_in(value) -> list[dict]:
    """All objects inside an answer, at any depth."""
    if isinstance(value, list):
        return [found for item in value for found in objects_in(item)]
    if not isinstance(value, dict):
        return []
    inner = [found for item in value.values() for found in objects_in(item)]
    is_object = isinstance(value.get("object"), str) and value["object"] != "list"
    return [value, *inner] if is_object else inner


@pytest.fixture
def seen(sim, shop, monkeypatch) -> list[dict]:
    """Everything that any answer held, in a life that touches all there is."""
    answers: list[dict] = []
    ask = type(sim.core).request

    def listen(core, *given, **more):
        answer = ask(core, *given, **more)
        answers.append(answer.body)
        return answer

    monkeypatch.setattr(type(sim.core), "request", listen)
    live(sim, shop)
    rows = [row.data for row in everything(sim) if row.kind not in INWARD]
    return [found for body in [*answers, *rows] for found in objects_in(body)]


def everything(sim):
    store = sim.store
    with store.transaction() as books:
        return [row for kind in list(store._heads) for row in books.find(kind)]


def live(sim, shop):
    ask = shop.ask
    ask("GET", "/account")
    price = ask("GET", f"/prices/{shop.pro}", expand=["product", "currency_options", "tiers"])
    product = price["product"]["id"]
    feature = ask("POST", "/entitlements/features", lookup_key="api", name="API")["id"]
    ask("POST", f"/products/{product}/features", entitlement_feature=feature)
    coupon = ask("POST", "/coupons", percent_off="33.3", duration="repeating", duration_in_months=3)["id"]
    ask("GET", f"/coupons/{coupon}", expand=["applies_to"])
    ask("POST", "/promotion_codes", promotion={"type": "coupon", "coupon": coupon}, code="SPRING")
    expand = ["line_items", "customer"]
    bought = shop.session(allow_promotion_codes="true", tax_id_collection={"enabled": "true"}, expand=expand,
                          customer_update={"name": "auto"})  # fmt: skip
    ask("POST", "/customers/" + shop.customer, address={"country": "DE"})
    ask("POST", f"/customers/{shop.customer}/balance_transactions", amount=-500, currency="usd")
    done = sim.complete_checkout(bought["url"], promotion_code="spring", tax_id="DE123456789", name="Acme")
    assert done.kind == "completed", done
    ask(
        "GET",
        f"/checkout/sessions/{bought['id']}",
        expand=["subscription.latest_invoice.payments", "line_items"],
    )
    live_with_changes(sim, shop)


def live_with_changes(sim, shop):
    ask = shop.ask
    ask("GET", f"/customers/{shop.customer}", expand=["subscriptions", "tax_ids", "sources", "tax"])
    subscription = ask("GET", "/subscriptions", customer=shop.customer)["data"][0]
    for row in shop.invoices():
        ask(
            "GET",
            f"/invoices/{row['id']}",
            expand=["confirmation_secret", "payments", "discounts", "lines.data.discounts"],
        )
    ask("POST", "/subscription_items", subscription=subscription["id"], price=shop.metered)
    record(shop, "ev-1", 1000)
    ask(
        "POST",
        "/billing/meter_event_adjustments",
        event_name="ai_usage",
        type="cancel",
        cancel={"identifier": "ev-1"},
    )
    minute = sim.now // 60 * 60
    ask(
        "GET",
        f"/billing/meters/{shop.meter}/event_summaries",
        customer=shop.customer,
        start_time=minute - 60,
        end_time=minute + 60,
    )
    item = subscription["items"]["data"][0]["id"]
    change = {"items": [{"id": item, "price": shop.max}], "proration_behavior": "always_invoice"}
    ask(
        "POST",
        "/invoices/create_preview",
        customer=shop.customer,
        subscription=subscription["id"],
        subscription_details=change,
    )
    ask("POST", f"/subscriptions/{subscription['id']}", **change)
    schedule = ask("POST", "/subscription_schedules", from_subscription=subscription["id"])
    present = {name: schedule["phases"][0][name] for name in ("start_date", "end_date")}
    ask("POST", f"/subscription_schedules/{schedule['id']}", phases=[
        present | {"items": [{"price": shop.max}, {"price": shop.metered}]},
        {"items": [{"price": shop.pro}, {"price": shop.metered}], "duration": {"interval": "month"}},
    ])  # fmt: skip
    sim.advance(days=40)
    live_on(sim, shop, subscription["id"])


def live_on(sim, shop, running: str):
    ask = shop.ask
    charge = ask("GET", "/charges", customer=shop.customer)["data"][0]
    ask("POST", "/refunds", charge=charge["id"], amount=100)
    ask("GET", f"/charges/{charge['id']}", expand=["balance_transaction", "payment_intent"])
    ask("GET", "/entitlements/active_entitlements", customer=shop.customer)
    ask("POST", "/billing_portal/sessions", customer=shop.customer,
        flow_data={"type": "subscription_cancel", "subscription_cancel": {"subscription": running}})  # fmt: skip
    setup = shop.session(mode="setup", line_items=[])
    assert (
        sim.complete_checkout(setup["url"], card="4000002500003155", authenticated=True).kind == "completed"
    )
    fails = ask("POST", "/payment_methods/pm_card_chargeCustomerFail/attach", customer=shop.customer)["id"]
    ask("POST", f"/subscriptions/{running}", default_payment_method=fails)
    sim.advance(days=60)
    asks = shop.add_card("pm_card_authenticationRequired")
    again = shop.subscribe(shop.max, default_payment_method=asks, payment_behavior="allow_incomplete")
    ask(
        "GET",
        f"/subscriptions/{again['id']}",
        expand=["latest_invoice.confirmation_secret", "customer", "default_payment_method"],
    )
    sent = shop.subscribe(collection_method="send_invoice", days_until_due=14)
    ask("POST", "/invoiceitems", customer=shop.customer, amount=2500, currency="usd", description="Milestone")
    single = ask("POST", "/invoices", customer=shop.customer, collection_method="send_invoice", days_until_due=30,
                 pending_invoice_items_behavior="include")  # fmt: skip
    ask("POST", f"/invoices/{single['id']}/send")
    ask("POST", f"/invoices/{single['id']}/void")
    ask(
        "POST",
        f"/subscriptions/{sent['id']}",
        cancel_at_period_end="true",
        cancellation_details={"feedback": "unused"},
    )
    ask("POST", "/webhook_endpoints", url="https://example.com/hook", enabled_events=["*"])
    sim.advance(days=60)
    ask("GET", "/events", limit=100)


def record(shop, identifier: str, value: int, **more):
    payload = {"stripe_customer_id": shop.customer, "value": str(value)}
    return shop.ask(
        "POST", "/billing/meter_events", event_name="ai_usage", identifier=identifier, payload=payload, **more
    )


def test_every_object_has_the_fields_of_its_class(seen):
    found = sorted({problem for obj in seen if not is_kept_apart(obj) for problem in problems(obj)})
    assert found == []


def is_kept_apart(obj) -> bool:
    """Kept in the books under an id that the API does not show, as a pointer only, or an invoice that is none yet."""
    return (
        obj["object"] == "billing.meter_event"
        or (obj["object"] == "subscription_item" and "price" not in obj)
        or (obj["object"] == "invoice" and obj["billing_reason"] == "upcoming" and "id" not in obj)
    )


def test_a_life_shows_every_kind(seen):
    assert {obj["object"] for obj in seen} == KINDS


def test_a_field_too_many_and_one_too_few_are_found(shop):
    customer = shop.ask("GET", f"/customers/{shop.customer}")
    assert problems(customer) == []
    assert problems(customer | {"colour": "red"}) == ["customer.colour: unknown"]
    assert problems({name: value for name, value in customer.items() if name != "created"}) == [
        "customer.created: absent"
    ]
    assert problems(customer | {"created": "yesterday"}) == ["customer.created: 'yesterday' is no int"]


def test_a_meter_event_has_the_fields_of_its_class(shop):
    assert problems(record(shop, "ev-9", 3)) == []
