"""The hosted invoice and its PDF."""

import re

import pytest

from tests.billing.simulator_pages.conftest import CARD, NOTICE, text_of

PDF_NOTICE = NOTICE.encode("cp1252")


@pytest.fixture
def unpaid(shop):
    """The first invoice of a subscription whose card failed."""
    subscription = shop.subscription("pm_card_chargeCustomerFail", payment_behavior="allow_incomplete")
    return shop.get(f"/invoices/{subscription['latest_invoice']}")


@pytest.fixture
def paid(shop):
    return shop.get(f"/invoices/{shop.subscription()['latest_invoice']}")


def status_of(shop, invoice) -> str:
    return str(shop.get(f"/invoices/{invoice['id']}")["status"])


def test_a_paid_invoice_is_shown_and_asks_for_nothing(shop, visitor, paid):
    text = text_of(visitor.get(paid["hosted_invoice_url"]))

    for words in (NOTICE, paid["number"], "$19.00", "Paid", "ada@example.test", "Download PDF"):
        assert words in text, words
    assert "Card number" not in text


def test_an_open_invoice_is_paid_with_a_new_card(shop, visitor, unpaid):
    assert unpaid["status"] == "open"
    assert "Pay $19.00" in text_of(visitor.get(unpaid["hosted_invoice_url"]))

    response = visitor.post(unpaid["hosted_invoice_url"], **CARD, step="pay")

    assert response.status_code == 303
    assert "The invoice is paid." in text_of(visitor.get(response["Location"]))
    assert status_of(shop, unpaid) == "paid"
    (subscription,) = shop.get("/subscriptions", customer=unpaid["customer"])["data"]
    assert subscription["status"] == "active"


def test_a_declined_card_leaves_it_open_and_what_was_typed(shop, visitor, unpaid):
    response = visitor.post(
        unpaid["hosted_invoice_url"], **{**CARD, "number": "4000000000009995"}, step="pay"
    )

    assert response.status_code == 402
    assert "Your card has insufficient funds." in text_of(response)
    assert 'value="4000000000009995"' in text_of(response)
    assert status_of(shop, unpaid) == "open"


def test_the_saved_card_is_tried_again_when_asked(shop, visitor, unpaid):
    assert "Pay $19.00 with Visa ending in 0341" in text_of(visitor.get(unpaid["hosted_invoice_url"]))

    response = visitor.post(unpaid["hosted_invoice_url"], step="saved")

    assert response.status_code == 402
    assert "Your card was declined." in text_of(response)
    assert status_of(shop, unpaid) == "open"


@pytest.mark.parametrize(("outcome", "status"), [("complete", "paid"), ("fail", "open")])
def test_three_d_secure_decides_whether_it_is_paid(shop, visitor, unpaid, outcome, status):
    challenge = visitor.post(
        unpaid["hosted_invoice_url"], **{**CARD, "number": "4000002760003184"}, step="pay"
    )
    assert "/authenticate/" in challenge["Location"]

    back = visitor.post(challenge["Location"], outcome=outcome)

    assert back["Location"] == unpaid["hosted_invoice_url"]
    assert status_of(shop, unpaid) == status


def test_a_paid_invoice_is_not_paid_twice(shop, visitor, paid):
    charges = shop.get("/charges", customer=paid["customer"])["data"]

    visitor.post(paid["hosted_invoice_url"], **CARD, step="pay")

    assert shop.get("/charges", customer=paid["customer"])["data"] == charges


def test_the_pdf_says_what_it_is_on_every_page(shop, visitor, paid):
    response = visitor.get(paid["invoice_pdf"])

    assert response["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-1.4")
    pages = response.content.count(b"/Type /Page ")
    assert pages == 1
    assert response.content.count(b"(" + PDF_NOTICE + b")") == pages
    assert paid["number"].encode() in response.content
    assert b"($19.00)" in response.content
    assert re.search(r'filename="invoice-[\w-]+-simulated\.pdf"', response["Content-Disposition"])


def test_a_long_invoice_goes_on_over_pages_each_with_the_notice(shop, visitor):
    customer = shop.customer(payment_method="pm_card_visa")
    invoice = shop.post("/invoices", customer=customer, collection_method="send_invoice", days_until_due="14")
    for number in range(30):
        shop.post(
            "/invoiceitems",
            customer=customer,
            invoice=invoice["id"],
            amount="100",
            currency="usd",
            description=f"Item {number}",
        )
    invoice = shop.post(f"/invoices/{invoice['id']}/finalize")

    content = visitor.get(invoice["invoice_pdf"]).content

    pages = content.count(b"/Type /Page ")
    assert pages > 1
    assert content.count(b"(" + PDF_NOTICE + b")") == pages
    assert all(f"(Item {number})".encode() in content for number in range(30))


def test_the_receipt_of_a_charge_is_a_pdf_with_the_notice(shop, visitor, paid):
    (charge,) = shop.get("/charges", customer=paid["customer"])["data"]

    response = visitor.get(charge["receipt_url"])

    assert response["Content-Type"] == "application/pdf"
    assert PDF_NOTICE in response.content
    assert b"Visa ending in 4242" in response.content
