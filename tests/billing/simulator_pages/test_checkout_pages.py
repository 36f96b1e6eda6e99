"""The hosted checkout: what it shows, what it takes, and what it says when a card is not taken."""

import logging

import pytest

from tests.billing.simulator_pages.conftest import CARD, NOTICE, Visitor, text_of

PAY = {"step": "pay", "email": "ada@example.test", **CARD}


def with_number(number: str) -> dict[str, str]:
    return {**PAY, "number": number}


def shown(response) -> str:
    """The total that the page's form sends back."""
    return text_of(response).split('name="shown" value="', 1)[1].split('"', 1)[0]


def pay(visitor, session, **changed):
    page = visitor.get(session["url"])
    return visitor.post(session["url"], **{**PAY, "shown": shown(page), **changed})


def subscriptions(shop) -> list[str]:
    return [each["status"] for each in shop.get("/subscriptions", status="all")["data"]]


def test_page_shows_the_plan_its_price_and_the_cards_to_try(shop, visitor):
    page = visitor.get(shop.checkout()["url"])

    text = text_of(page)
    assert page.status_code == 200
    for words in (NOTICE, "Pro", "$19.00", "per month", "4242 4242 4242 4242", "4000 0000 0000 0002"):
        assert words in text, words
    assert "Promotion code" not in text
    assert "no-store" in page["Cache-Control"]
    assert page["X-Robots-Tag"] == "noindex"


def test_a_good_card_ends_at_the_success_page_with_the_sessions_id(shop, visitor):
    session = shop.checkout()

    response = pay(visitor, session)

    assert response.status_code == 303
    assert response["Location"] == f"http://127.0.0.1:8000/done/?session={session['id']}"
    after = shop.get(f"/checkout/sessions/{session['id']}")
    assert (after["status"], after["payment_status"]) == ("complete", "paid")
    assert after["customer_details"]["email"] == "ada@example.test"
    assert subscriptions(shop) == ["active"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("4000 0000 0000 0002", "Your card was declined."),
        ("4000 0000 0000 9995", "Your card has insufficient funds."),
        ("4000 0000 0000 0069", "Your card has expired."),
        ("4000 0000 0000 0127", "Your card&#x27;s security code is incorrect."),
    ],
)
def test_a_refused_card_is_said_and_what_was_typed_stays(shop, visitor, number, said):
    session = shop.checkout()

    response = pay(visitor, session, number=number, name="Grace Hopper")

    text = text_of(response)
    assert response.status_code == 402
    assert said in text
    assert NOTICE in text
    for typed in (number, "Grace Hopper", "ada@example.test", "12 / 44"):
        assert f'value="{typed}"' in text, typed
    assert shop.get(f"/checkout/sessions/{session['id']}")["status"] == "open"
    assert "active" not in subscriptions(shop)

    assert pay(visitor, session).status_code == 303
    assert "active" in subscriptions(shop)


def test_a_date_that_is_over_is_refused_before_the_bank_is_asked(shop, visitor):
    response = pay(visitor, shop.checkout(), expiry="01/20")

    assert response.status_code == 422
    assert "expiration date is in the past" in text_of(response)
    assert subscriptions(shop) == []


@pytest.mark.parametrize("number", ["4242424242424242", "4000000000000002", "4000002760003184"])
def test_the_number_of_a_card_is_neither_kept_nor_logged(shop, visitor, caplog, number):
    with caplog.at_level(logging.DEBUG):
        pay(visitor, shop.checkout(), number=number, cvc="7391")

    if number != "4000000000000002":  # of a card that is refused at once nothing is kept
        assert "Ada Lovelace" in shop.kept(), "the control: what may be kept is found"
    assert number not in shop.kept()
    assert "7391" not in shop.kept()
    assert number not in caplog.text


def test_three_d_secure_passed_ends_at_the_success_page(shop, visitor):
    session = shop.checkout()
    challenge = pay(visitor, session, number="4000002760003184")
    assert challenge.status_code == 303
    assert "/simulated-stripe/authenticate/" in challenge["Location"]

    page = visitor.get(challenge["Location"])
    assert "Confirm with your bank" in text_of(page)
    assert NOTICE in text_of(page)
    assert "$19.00" in text_of(page)
    assert "active" not in subscriptions(shop)

    done = visitor.post(challenge["Location"], outcome="complete")
    assert done["Location"] == f"http://127.0.0.1:8000/done/?session={session['id']}"
    assert subscriptions(shop) == ["active"]


def test_three_d_secure_failed_leads_back_and_another_card_pays(shop, visitor):
    session = shop.checkout()
    challenge = pay(visitor, session, number="4000002760003184")

    back = visitor.post(challenge["Location"], outcome="fail")

    assert back["Location"] == session["url"]
    assert "authenticate" in text_of(visitor.get(back["Location"]))
    assert "active" not in subscriptions(shop)
    assert pay(visitor, session).status_code == 303
    assert subscriptions(shop).count("active") == 1


def test_a_challenge_is_answered_once(shop, visitor):
    session = shop.checkout()
    challenge = pay(visitor, session, number="4000002760003184")
    visitor.post(challenge["Location"], outcome="complete")

    visitor.post(challenge["Location"], outcome="complete")
    visitor.post(challenge["Location"], outcome="fail")

    assert subscriptions(shop) == ["active"]


def test_a_click_on_a_test_card_fills_the_form_in_and_pays_nothing(shop, visitor):
    session = shop.checkout()

    response = visitor.post(
        session["url"], email="someone@example.test", use_card="4000000000000002", number="", name=""
    )

    text = text_of(response)
    assert response.status_code == 200
    assert 'value="4000 0000 0000 0002"' in text
    assert 'value="someone@example.test"' in text
    assert "is incomplete" not in text
    assert subscriptions(shop) == []


def test_a_promotion_code_is_applied_shown_and_paid(shop, visitor):
    coupon = shop.post("/coupons", percent_off="20", duration="once")["id"]
    shop.post("/promotion_codes", promotion={"type": "coupon", "coupon": coupon}, code="WELCOME20")
    session = shop.checkout(allow_promotion_codes="true")

    wrong = visitor.post(session["url"], step="update", promotion_code="NOPE", email="ada@example.test")
    assert "NOPE" in text_of(wrong)
    assert "field-error" in text_of(wrong)

    applied = visitor.post(session["url"], step="update", promotion_code="WELCOME20")
    text = text_of(applied)
    assert "20% off once" in text
    assert "-$3.80" in text
    assert "$15.20" in text

    response = visitor.post(session["url"], **PAY, shown=shown(applied))
    assert response.status_code == 303
    assert shop.get(f"/checkout/sessions/{session['id']}")["amount_total"] == 1520


def test_a_code_can_be_taken_away_again(shop, visitor):
    coupon = shop.post("/coupons", percent_off="20", duration="once")["id"]
    shop.post("/promotion_codes", promotion={"type": "coupon", "coupon": coupon}, code="WELCOME20")
    session = shop.checkout(allow_promotion_codes="true")
    visitor.post(session["url"], step="update", promotion_code="WELCOME20")

    text = text_of(visitor.post(session["url"], step="remove-code"))

    assert "-$3.80" not in text
    assert shop.get(f"/checkout/sessions/{session['id']}")["amount_total"] == 1900


def test_a_quantity_is_adjusted_within_its_limits(shop, visitor):
    adjustable = {"enabled": "true", "minimum": "1", "maximum": "5"}
    items = [{"price": shop.monthly, "quantity": "2", "adjustable_quantity": adjustable}]
    session = shop.checkout(line_items=items)
    assert "$38.00" in text_of(visitor.get(session["url"]))

    page = visitor.post(session["url"], step="update", quantity="3")
    assert "$57.00" in text_of(page)
    assert "field-error" in text_of(visitor.post(session["url"], step="update", quantity="6"))

    assert visitor.post(session["url"], **PAY, quantity="3", shown=shown(page)).status_code == 303
    (subscription,) = shop.get("/subscriptions")["data"]
    assert subscription["items"]["data"][0]["quantity"] == 3


def test_nobody_pays_another_total_than_the_one_that_was_shown(shop, visitor):
    adjustable = {"enabled": "true", "minimum": "1", "maximum": "5"}
    items = [{"price": shop.monthly, "quantity": "1", "adjustable_quantity": adjustable}]
    session = shop.checkout(line_items=items)
    page = visitor.get(session["url"])

    response = visitor.post(session["url"], **PAY, quantity="4", shown=shown(page))

    assert response.status_code == 200
    assert "The total is now $76.00" in text_of(response)
    assert subscriptions(shop) == []
    assert visitor.post(session["url"], **PAY, quantity="4", shown=shown(response)).status_code == 303


def test_a_trial_without_a_card_asks_for_none(shop, visitor):
    session = shop.checkout(
        payment_method_collection="if_required",
        subscription_data={
            "trial_period_days": "14",
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        },
    )
    page = visitor.get(session["url"])
    text = text_of(page)
    assert "14 days free" in text
    assert "Card number" not in text

    response = visitor.post(session["url"], step="pay", email="ada@example.test", shown=shown(page))

    assert response.status_code == 303
    assert subscriptions(shop) == ["trialing"]


def test_a_tax_id_is_asked_for_where_wanted_and_kept(shop, visitor):
    session = shop.checkout(tax_id_collection={"enabled": "true"})
    assert "Tax id" in text_of(visitor.get(session["url"]))

    assert pay(visitor, session, tax_id="DE123456789").status_code == 303

    after = shop.get(f"/checkout/sessions/{session['id']}")
    assert [each["value"] for each in after["customer_details"]["tax_ids"]] == ["DE123456789"]


def test_what_is_complete_is_not_paid_again(shop, visitor):
    session = shop.checkout()
    pay(visitor, session)

    again = visitor.get(session["url"])
    assert "complete" in text_of(again)
    assert "Card number" not in text_of(again)
    assert visitor.post(session["url"], **PAY, shown="1900").status_code == 200
    assert subscriptions(shop) == ["active"]


def test_an_expired_checkout_takes_no_card(shop, visitor):
    session = shop.checkout()
    shop.post(f"/checkout/sessions/{session['id']}/expire")

    assert "has expired" in text_of(visitor.get(session["url"]))
    visitor.post(session["url"], **PAY, shown="1900")
    assert subscriptions(shop) == []


def test_a_form_from_elsewhere_is_refused(shop, db):
    session = shop.checkout()
    response = Visitor(enforce_csrf_checks=True).post(session["url"], **PAY, shown="1900")

    assert response.status_code == 403
    assert subscriptions(shop) == []


def test_the_form_may_end_at_the_success_pages_origin_and_nowhere_else(shop, visitor, settings):
    page = visitor.get(shop.checkout(success_url="https://shop.example/done")["url"])
    policy = dict(part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";"))

    allowed = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert policy["form-action"].split() == [*allowed["form-action"], "https://shop.example"]
    assert policy["script-src"] == policy["style-src"] == "'self'"


def test_a_known_customers_address_is_not_changed_by_the_form(shop, visitor):
    session = shop.checkout(customer=shop.customer(email="known@example.test"))
    assert 'value="known@example.test"' in text_of(visitor.get(session["url"]))

    assert pay(visitor, session, email="other@example.test").status_code == 303

    after = shop.get(f"/checkout/sessions/{session['id']}")
    assert after["customer_details"]["email"] == "known@example.test"


def test_a_single_payment_promises_no_renewal(shop, visitor):
    price = shop.post("/prices", product=shop.products["pro"], currency="usd", unit_amount="9900")["id"]
    session = shop.checkout(mode="payment", line_items=[{"price": price, "quantity": "1"}])

    page = visitor.get(session["url"])
    text = text_of(page)
    assert "Pay for Pro" in text
    assert "Pay $99.00" in text
    assert "per month" not in text
    assert "renews" not in text

    assert visitor.post(session["url"], **PAY, shown=shown(page)).status_code == 303
    assert shop.get(f"/checkout/sessions/{session['id']}")["payment_status"] == "paid"
