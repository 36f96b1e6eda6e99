"""The customer portal: plan, cards, invoices, cancelling and changing, as its configuration allows."""

import pytest

from tests.billing.simulator_pages.conftest import CARD, NOTICE, text_of

BACK = "http://127.0.0.1:8000/billing/"


@pytest.fixture
def subscription(shop):
    return shop.subscription()


@pytest.fixture
def portal(shop, subscription):
    return shop.portal(subscription["customer"], configuration=configure(shop))


def configure(shop, **changed) -> str:
    """Everything allowed."""
    features = {
        "customer_update": {"enabled": "true", "allowed_updates": ["email", "name"]},
        "invoice_history": {"enabled": "true"},
        "payment_method_update": {"enabled": "true"},
        "subscription_cancel": {
            "enabled": "true",
            "mode": "at_period_end",
            "cancellation_reason": {"enabled": "true", "options": ["too_expensive", "unused", "other"]},
        },
        "subscription_update": {
            "enabled": "true",
            "default_allowed_updates": ["price", "quantity"],
            "proration_behavior": "always_invoice",
            "products": [
                {"product": shop.products["pro"], "prices": [shop.monthly, shop.yearly]},
                {"product": shop.products["team"], "prices": [shop.team]},
            ],
        },
    }
    return str(shop.post("/billing_portal/configurations", features={**features, **changed})["id"])


def at(portal, *parts: str) -> str:
    return "/".join([portal["url"].rstrip("/"), *parts, ""])


def test_home_shows_plan_card_invoice_and_the_way_back(shop, visitor, portal):
    text = text_of(visitor.get(portal["url"]))

    for words in (
        NOTICE,
        "Pro",
        "$19.00 per month",
        "Active",
        "The next invoice, of $19.00",
        "Visa ending in 4242",
        "PDF",
    ):
        assert words in text, words
    assert f'href="{BACK}"' in text


def test_a_portal_shows_nothing_of_another_customer(shop, visitor, portal):
    stranger = shop.subscription("pm_card_mastercard")

    assert "Mastercard" not in text_of(visitor.get(portal["url"]))
    for page in ("cancel", "resume", "plan"):
        assert visitor.post(at(portal, page, stranger["id"]), step="confirm").status_code == 404, page
    card = shop.get(f"/subscriptions/{stranger['id']}")
    assert not card["cancel_at_period_end"]


def test_cancelling_keeps_the_reason_and_can_be_taken_back(shop, visitor, portal, subscription):
    question = text_of(visitor.get(at(portal, "cancel", subscription["id"])))
    assert "It is too expensive" in question
    assert "The support was not good" not in question, "not an option of this configuration"

    data = {"reason": "too_expensive", "comment": "Maybe later."}
    response = visitor.post(at(portal, "cancel", subscription["id"]), **data)

    assert response.status_code == 303
    after = shop.get(f"/subscriptions/{subscription['id']}")
    assert after["cancel_at_period_end"] is True
    assert after["cancellation_details"]["feedback"] == "too_expensive"
    assert after["cancellation_details"]["comment"] == "Maybe later."
    text = text_of(visitor.get(portal["url"]))
    assert "Ends soon" in text
    assert "The plan is cancelled." in text

    visitor.post(at(portal, "resume", subscription["id"]))
    assert shop.get(f"/subscriptions/{subscription['id']}")["cancel_at_period_end"] is False


def test_cancelling_at_once_ends_the_plan(shop, visitor, subscription):
    feature = {"enabled": "true", "mode": "immediately", "proration_behavior": "none"}
    portal = shop.portal(subscription["customer"], configuration=configure(shop, subscription_cancel=feature))
    assert "ends at once" in text_of(visitor.get(at(portal, "cancel", subscription["id"])))

    visitor.post(at(portal, "cancel", subscription["id"]))

    assert shop.get(f"/subscriptions/{subscription['id']}")["status"] == "canceled"
    assert "No plan" in text_of(visitor.get(portal["url"]))


def test_what_the_configuration_does_not_allow_is_not_there(shop, visitor, subscription):
    off = {"enabled": "false"}
    names = (
        "customer_update",
        "invoice_history",
        "payment_method_update",
        "subscription_cancel",
        "subscription_update",
    )
    portal = shop.portal(subscription["customer"], configuration=configure(shop, **dict.fromkeys(names, off)))

    text = text_of(visitor.get(portal["url"]))
    for words in ("Change plan", "Cancel plan", "Add a card", "Billing details", "Invoices"):
        assert words not in text, words
    for parts in (("card",), ("details",), ("cancel", subscription["id"]), ("plan", subscription["id"])):
        assert visitor.post(at(portal, *parts), **CARD, step="pay").status_code == 404, parts
    assert not shop.get(f"/subscriptions/{subscription['id']}")["cancel_at_period_end"]


def test_a_card_is_added_and_becomes_the_one_that_pays(shop, visitor, portal, subscription):
    data = {**CARD, "number": "5555 5555 5555 4444", "make_default": "on", "step": "pay"}
    response = visitor.post(at(portal, "card"), **data)

    assert response.status_code == 303
    customer = shop.get(f"/customers/{subscription['customer']}")
    default = shop.get(f"/payment_methods/{customer['invoice_settings']['default_payment_method']}")
    assert (default["card"]["brand"], default["card"]["last4"]) == ("mastercard", "4444")
    text = text_of(visitor.get(portal["url"]))
    assert "Mastercard ending in 4444" in text
    assert "Visa ending in 4242" in text


def test_a_declined_card_is_not_added(shop, visitor, portal, subscription):
    response = visitor.post(at(portal, "card"), **{**CARD, "number": "4000000000000002"}, step="pay")

    assert response.status_code == 422
    assert "Your card was declined." in text_of(response)
    assert 'value="4000000000000002"' in text_of(response)
    cards = shop.get("/payment_methods", customer=subscription["customer"], type="card")["data"]
    assert [each["card"]["last4"] for each in cards] == ["4242"]


def test_a_card_with_three_d_secure_is_added_once_the_bank_is_answered(shop, visitor, portal, subscription):
    data = {**CARD, "number": "4000002500003155", "make_default": "on", "step": "pay"}
    challenge = visitor.post(at(portal, "card"), **data)
    assert "/authenticate/" in challenge["Location"]
    assert "3155" not in text_of(visitor.get(portal["url"]))

    back = visitor.post(challenge["Location"], outcome="complete")

    assert back.status_code == 303
    assert "Visa ending in 3155" in text_of(visitor.get(back["Location"]))
    assert "Visa ending in 3155" in text_of(visitor.get(portal["url"]))


def test_the_default_changes_and_another_card_is_removed(shop, visitor, portal, subscription):
    visitor.post(at(portal, "card"), **{**CARD, "number": "5555555555554444"}, step="pay")
    cards = shop.get("/payment_methods", customer=subscription["customer"], type="card")["data"]
    ids = {each["card"]["last4"]: each["id"] for each in cards}

    visitor.post(at(portal, "card", ids["4444"], "default"))
    customer = shop.get(f"/customers/{subscription['customer']}")
    assert customer["invoice_settings"]["default_payment_method"] == ids["4444"]

    visitor.post(at(portal, "card", ids["4444"], "remove"))
    assert "cannot be removed now" in text_of(visitor.get(portal["url"])), "it pays the plan"
    visitor.post(at(portal, "card", ids["4242"], "remove"))
    left = shop.get("/payment_methods", customer=subscription["customer"], type="card")["data"]
    assert [each["id"] for each in left] == [ids["4444"]]


def test_an_upgrade_is_shown_first_and_then_charged_at_once(shop, visitor, portal, subscription):
    page = visitor.post(at(portal, "plan", subscription["id"]), price=shop.team, quantity="1", step="preview")

    text = text_of(page)
    assert "Due today" in text
    assert "$30.00" in text
    before = shop.get(f"/subscriptions/{subscription['id']}")
    assert before["items"]["data"][0]["price"]["id"] == shop.monthly

    visitor.post(at(portal, "plan", subscription["id"]), price=shop.team, quantity="1", step="confirm")

    after = shop.get(f"/subscriptions/{subscription['id']}")
    assert after["items"]["data"][0]["price"]["id"] == shop.team
    latest = shop.get("/invoices", customer=subscription["customer"])["data"][0]
    assert (latest["status"], latest["total"]) == ("paid", 3000)


def test_a_quantity_is_changed_alone(shop, visitor, portal, subscription):
    visitor.post(at(portal, "plan", subscription["id"]), price=shop.monthly, quantity="3", step="confirm")

    after = shop.get(f"/subscriptions/{subscription['id']}")
    assert after["items"]["data"][0]["quantity"] == 3


def test_a_price_that_is_not_offered_is_refused(shop, visitor, portal, subscription):
    hidden = shop.post(
        "/prices",
        product=shop.products["team"],
        currency="usd",
        unit_amount="1",
        recurring={"interval": "month"},
    )
    response = visitor.post(
        at(portal, "plan", subscription["id"]), price=hidden["id"], quantity="1", step="confirm"
    )

    assert response.status_code == 422
    assert shop.get(f"/subscriptions/{subscription['id']}")["items"]["data"][0]["price"]["id"] == shop.monthly


def test_a_downgrade_waits_for_the_end_of_the_period_where_so_configured(shop, visitor):
    subscription = shop.subscription(items=[{"price": shop.team, "quantity": "1"}])
    feature = {
        "enabled": "true",
        "default_allowed_updates": ["price"],
        "proration_behavior": "always_invoice",
        "products": [
            {"product": shop.products["pro"], "prices": [shop.monthly]},
            {"product": shop.products["team"], "prices": [shop.team]},
        ],
        "schedule_at_period_end": {"conditions": [{"type": "decreasing_item_amount"}]},
    }
    portal = shop.portal(subscription["customer"], configuration=configure(shop, subscription_update=feature))
    page = visitor.post(at(portal, "plan", subscription["id"]), price=shop.monthly, step="preview")
    assert "Change when the period ends" in text_of(page)
    assert "$0.00" in text_of(page)

    visitor.post(at(portal, "plan", subscription["id"]), price=shop.monthly, step="confirm")

    after = shop.get(f"/subscriptions/{subscription['id']}")
    assert after["items"]["data"][0]["price"]["id"] == shop.team
    assert after["schedule"]
    assert "Changes to Pro ($19.00 per month)" in text_of(visitor.get(portal["url"]))


def test_details_are_changed(shop, visitor, portal, subscription):
    visitor.post(at(portal, "details"), name="Acme Ltd", email="books@acme.example")

    customer = shop.get(f"/customers/{subscription['customer']}")
    assert (customer["name"], customer["email"]) == ("Acme Ltd", "books@acme.example")


def test_a_flow_leads_to_its_page_and_back_to_where_it_says(shop, visitor, subscription):
    flow = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": subscription["id"]},
        "after_completion": {"type": "redirect", "redirect": {"return_url": f"{BACK}?cancelled"}},
    }
    portal = shop.portal(subscription["customer"], configuration=configure(shop), flow_data=flow)

    first = visitor.get(portal["url"])
    assert first.status_code == 303
    assert first["Location"].endswith(f"/cancel/{subscription['id']}/")
    done = visitor.post(first["Location"])

    assert done["Location"] == f"{BACK}?cancelled"
    assert shop.get(f"/subscriptions/{subscription['id']}")["cancel_at_period_end"] is True


def test_a_plan_of_several_items_names_each_and_changes_the_first(shop, visitor):
    seat = shop.post("/products", name="Seat")["id"]
    price = shop.post(
        "/prices", product=seat, currency="usd", unit_amount="700", recurring={"interval": "month"}
    )["id"]
    items = [{"price": shop.monthly, "quantity": "1"}, {"price": price, "quantity": "2"}]
    subscription = shop.subscription(items=items)
    portal = shop.portal(subscription["customer"], configuration=configure(shop))

    text = text_of(visitor.get(portal["url"]))
    assert "Pro + Seat × 2" in text
    assert "$19.00 per month + $14.00 per month" in text
    visitor.post(at(portal, "plan", subscription["id"]), price=shop.team, quantity="1", step="confirm")

    after = shop.get(f"/subscriptions/{subscription['id']}")["items"]["data"]
    assert {each["price"]["id"]: each["quantity"] for each in after} == {shop.team: 1, price: 2}
