"""The pages of the simulated payment service in Chromium; what they show is made with the SDK over HTTP."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import stripe
from playwright.sync_api import expect

from config.processes import manage
from tests.e2e.conftest import PHONE, WIDE
from tests.e2e.visits import Visit
from tests.patience import PATIENCE_S

NOTICE = "Simulated payments — no money moves"


@dataclass
class Shop:
    sdk: stripe.StripeClient
    origin: str
    monthly: str
    team: str

    def checkout(self, **params) -> stripe.checkout.Session:
        wanted = {
            "mode": "subscription",
            "line_items": [
                {
                    "price": self.monthly,
                    "quantity": 2,
                    "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 9},
                }
            ],
            "success_url": f"{self.origin}/?paid={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self.origin}/",
            "allow_promotion_codes": True,
            "tax_id_collection": {"enabled": True},
        }
        return self.sdk.v1.checkout.sessions.create(params=wanted | params)

    def subscription(self, card: str = "pm_card_visa", **params) -> stripe.Subscription:
        customer = self.sdk.v1.customers.create(params={"email": "ada@example.test", "name": "Ada Lovelace"})
        method = self.sdk.v1.payment_methods.attach(card, params={"customer": customer.id})
        self.sdk.v1.customers.update(
            customer.id, params={"invoice_settings": {"default_payment_method": method.id}}
        )
        items = [{"price": self.monthly}]
        return self.sdk.v1.subscriptions.create(params={"customer": customer.id, "items": items} | params)

    def portal(self, subscription: stripe.Subscription) -> str:
        products = [
            {"product": self.sdk.v1.prices.retrieve(price).product, "prices": [price]}
            for price in (self.monthly, self.team)
        ]
        features = {
            "customer_update": {"enabled": True, "allowed_updates": ["email", "name"]},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_cancel": {
                "enabled": True,
                "mode": "at_period_end",
                "cancellation_reason": {"enabled": True, "options": ["too_expensive", "unused", "other"]},
            },
            "subscription_update": {
                "enabled": True,
                "default_allowed_updates": ["price", "quantity"],
                "proration_behavior": "always_invoice",
                "products": products,
            },
        }
        configuration = self.sdk.v1.billing_portal.configurations.create(params={"features": features})
        session = self.sdk.v1.billing_portal.sessions.create(
            params={
                "customer": subscription.customer,
                "return_url": f"{self.origin}/",
                "configuration": configuration.id,
            }
        )
        return session.url


@pytest.fixture(scope="module")
def shop(stack) -> Iterator[Shop]:
    """The door as somebody who builds on the API starts it."""
    door = subprocess.Popen(
        manage("simulate_stripe", "--port=0"), env=stack.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        told = dict(found for found in map(setting, (door.stdout.readline() for _ in range(4))) if found)
        sdk = stripe.StripeClient(
            told["STRIPE_SECRET_KEY"],
            base_addresses={"api": told["STRIPE_API_BASE"]},
            http_client=stripe.RequestsClient(timeout=PATIENCE_S),
        )
        prices = []
        for name, amount in (("Pro", 1900), ("Team", 4900)):
            product = sdk.v1.products.create(params={"name": name})
            price = sdk.v1.prices.create(
                params={
                    "product": product.id,
                    "currency": "usd",
                    "unit_amount": amount,
                    "recurring": {"interval": "month"},
                }
            )
            prices.append(price.id)
        yield Shop(sdk, stack.url, *prices)
    finally:
        door.terminate()
        with suppress(subprocess.TimeoutExpired):
            door.wait(timeout=10)


def setting(line: str) -> tuple[str, str] | None:
    found = re.match(r"\s+(\w+)=(\S+)$", line)
    return (found[1], found[2]) if found else None


def check(visit: Visit) -> None:
    """Wide and narrow, by day and by night, with the notice in view."""
    for size in (WIDE, PHONE):
        visit.page.set_viewport_size(size)
        visit.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect(visit.page.get_by_text(NOTICE, exact=True)).to_be_in_viewport()
        visit.check_accessible()
        visit.check_fits()
    visit.page.set_viewport_size(WIDE)


def open_page(visit: Visit, url: str) -> None:
    visit.page.goto(url)


def pay(page, outcome: str) -> None:
    """Clicks a test card in and pays."""
    page.get_by_role("button", name=re.compile(rf"^{re.escape(outcome)} \d")).click()
    page.get_by_label("Email").fill("ada@example.test")
    page.get_by_role("button", name=re.compile(r"^(Subscribe|Pay|Start)")).last.click()


def test_a_clicked_card_pays_and_leads_back_with_the_session(shop, stranger):
    session = shop.checkout()
    open_page(stranger, session.url)
    check(stranger)

    pay(stranger.page, "Succeeds")

    stranger.page.wait_for_url(re.compile(rf"\?paid={session.id}$"))
    assert shop.sdk.v1.checkout.sessions.retrieve(session.id).status == "complete"


def test_a_declined_card_is_said_and_the_next_one_pays(shop, stranger, watch):
    watch.expected_statuses.add(402)
    session = shop.checkout()
    open_page(stranger, session.url)

    pay(stranger.page, "Is declined")

    expect(stranger.page.get_by_role("alert")).to_contain_text("Your card was declined.")
    expect(stranger.page.get_by_label("Card number")).to_have_value("4000 0000 0000 0002")
    check(stranger)
    pay(stranger.page, "Succeeds")
    stranger.page.wait_for_url(re.compile(rf"\?paid={session.id}$"))


def test_an_incomplete_form_names_each_field(shop, stranger, watch):
    watch.expected_statuses.add(422)
    open_page(stranger, shop.checkout().url)
    stranger.page.get_by_role("button", name="Subscribe").click()

    expect(stranger.page.get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
    check(stranger)


def test_three_d_secure_is_asked_and_answered(shop, stranger):
    session = shop.checkout()
    open_page(stranger, session.url)
    pay(stranger.page, "Asks for 3-D Secure each time")
    expect(stranger.page.get_by_role("heading", name="Confirm with your bank")).to_be_visible()
    check(stranger)

    stranger.page.get_by_role("button", name="Fail authentication").click()
    expect(stranger.page.get_by_text("authenticate")).to_be_visible()
    pay(stranger.page, "Asks for 3-D Secure each time")
    stranger.page.get_by_role("button", name="Complete authentication").click()

    stranger.page.wait_for_url(re.compile(rf"\?paid={session.id}$"))


def test_enter_in_the_code_applies_it_and_pays_nothing(shop, stranger):
    coupon = shop.sdk.v1.coupons.create(params={"percent_off": 50, "duration": "once"})
    shop.sdk.v1.promotion_codes.create(
        params={"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"}
    )
    session = shop.checkout()
    open_page(stranger, session.url)
    page = stranger.page
    page.get_by_role("button", name=re.compile(r"^Succeeds \d")).click()
    page.get_by_label("Email").fill("ada@example.test")

    page.get_by_label("Promotion code").fill("HALF")
    page.get_by_label("Promotion code").press("Enter")

    expect(page.get_by_text("The total is now $19.00.")).to_be_visible()
    expect(page.get_by_label("Card number")).to_have_value("4242 4242 4242 4242")
    check(stranger)
    assert shop.sdk.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_the_portal_cancels_resumes_changes_and_adds_cards(shop, stranger):
    subscription = shop.subscription()
    url = shop.portal(subscription)
    page = stranger.page
    open_page(stranger, url)
    check(stranger)

    page.get_by_role("link", name="Cancel plan").click()
    expect(page.get_by_role("heading", name="Cancel the plan")).to_be_visible()
    check(stranger)
    page.get_by_label("It is too expensive").check()
    page.get_by_role("button", name="Cancel plan").click()
    expect(page.get_by_text("Ends soon")).to_be_visible()
    page.get_by_role("button", name="Do not cancel").click()
    expect(page.get_by_text("The plan goes on.")).to_be_visible()

    page.get_by_role("link", name="Change plan").click()
    page.get_by_label("Team").check()
    page.get_by_role("button", name="Show what it costs").click()
    expect(page.get_by_role("heading", name="Change now")).to_be_visible()
    check(stranger)
    page.get_by_role("button", name="Confirm the change").click()
    expect(page.get_by_text("$49.00 per month")).to_be_visible()

    page.get_by_role("link", name="Add a card").click()
    expect(page.get_by_role("heading", name="Add a card")).to_be_visible()
    check(stranger)
    page.get_by_role("button", name=re.compile("Mastercard")).click()
    page.get_by_role("button", name="Add card").last.click()
    expect(page.get_by_text("Mastercard ending in 4444", exact=True)).to_be_visible()

    page.get_by_role("link", name="Change", exact=True).click()
    expect(page.get_by_role("heading", name="Billing details")).to_be_visible()
    check(stranger)
    page.get_by_role("link", name="Billing portal").click()
    page.get_by_role("link", name="Return").click()
    page.wait_for_url(f"{shop.origin}/")


def test_an_open_invoice_is_paid_on_its_page(shop, stranger):
    subscription = shop.subscription("pm_card_chargeCustomerFail", payment_behavior="allow_incomplete")
    invoice = shop.sdk.v1.invoices.retrieve(subscription.latest_invoice)
    open_page(stranger, invoice.hosted_invoice_url)
    check(stranger)

    stranger.page.get_by_role("button", name=re.compile(r"^Succeeds \d")).click()
    stranger.page.get_by_role("button", name="Pay $19.00").last.click()

    expect(stranger.page.get_by_text("The invoice is paid.")).to_be_visible()
    check(stranger)
    with stranger.page.expect_download() as download:
        stranger.page.get_by_role("link", name="Download PDF").click()
    assert download.value.suggested_filename.endswith("-simulated.pdf")


def test_the_clock_moves_on_and_shows_what_happened(shop, stranger):
    subscription = shop.subscription()
    open_page(stranger, f"{shop.origin}/simulated-stripe/clock/")
    check(stranger)

    stranger.page.get_by_role("button", name="+1 month").click()

    expect(stranger.page.get_by_text("The clock was moved on.")).to_be_visible()
    expect(stranger.page.get_by_text("invoice.paid").first).to_be_visible()
    check(stranger)
    assert len(shop.sdk.v1.invoices.list(params={"subscription": subscription.id}).data) == 2


def test_the_worker_delivers_what_happened_to_the_product(shop, stranger):
    """Signed, to the product's own address, which takes it."""
    customer = shop.sdk.v1.customers.create(params={"email": "delivered@example.test"})
    row = stranger.page.get_by_role("row").filter(has_text=customer.id).filter(has_text="customer.created")

    for _ in range(20):
        open_page(stranger, f"{shop.origin}/simulated-stripe/clock/")
        if row.get_by_text("Delivered").count():
            break
        stranger.page.wait_for_timeout(500)

    expect(row.get_by_text("Delivered")).to_be_visible()


def test_all_of_it_works_without_scripts(browser, shop, watch):
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    session = shop.checkout()
    page = context.new_page()
    page.goto(session.url)

    pay(page, "Asks for 3-D Secure once")
    page.get_by_role("button", name="Complete authentication").click()

    page.wait_for_url(re.compile(rf"\?paid={session.id}$"))
    context.close()


def test_a_made_up_session_says_so_under_the_notice(stranger, stack, watch):
    watch.expected_statuses.add(404)
    open_page(stranger, f"{stack.url}/simulated-stripe/checkout/cs_test_made_up/")
    expect(stranger.page.get_by_role("heading", name="Nothing is here")).to_be_visible()
    check(stranger)
