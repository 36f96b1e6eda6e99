"""A workspace's life with its plan: a limit, an upgrade, a payment, an end taken back; then a payment that fails and is
made good. The money is the simulated payment service's, and so is the clock that is moved."""

import re
from typing import Any
from uuid import uuid4

from playwright.sync_api import Locator, Page, expect

from tests.e2e.visits import Visit
from tests.live.callers import steer
from tests.patience import PATIENCE_MS

EMAIL = f"buyer-{uuid4().hex[:8]}@example.test"
PASSWORD = "a-long-enough-Passphrase-7"
FREE_MESSAGES = 50
"""For what a worker brings: webhooks, answers."""
GOOD_CARD, FAILS_AT_RENEWALS = "4242 4242 4242 4242", "4000 0000 0000 0341"
CLOCK = "/simulated-stripe/clock/"


def sign_up(visit: Visit) -> None:
    """Somebody new, in the workspace that came with the confirmed address."""
    page = visit.page
    visit.go("/pricing/")
    visit.check_accessible()
    page.get_by_role("link", name=re.compile("Sign up.*Pro")).click()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/accounts/confirm-email/")
    visit.go("/dev/mail/")
    page.get_by_role("link", name=re.compile(re.escape(EMAIL))).first.click()
    page.get_by_role("link", name=re.compile("confirm-email")).click()
    page.get_by_role("button", name="Yes, confirm").click()
    page.wait_for_url(re.compile(r"/w/[0-9a-z-]+/$"))
    visit.workspace = page.url.rstrip("/").rsplit("/", 1)[1]


def api(visit: Visit, path: str, body: dict[str, Any] | None = None) -> Any:
    """As the person who is signed in, in their workspace."""
    headers = {"X-Workspace": visit.workspace, "Referer": visit.origin}
    url = f"{visit.origin}/api/v1/{path}"
    if body is None:
        return visit.page.request.get(url, headers=headers)
    cookies = {each["name"]: each["value"] for each in visit.page.context.cookies()}
    return visit.page.request.post(url, headers=headers | {"X-CSRFToken": cookies["csrf"]}, data=body)


def use_up(visit: Visit) -> None:
    """Every message that the free plan has: asked, answered and settled."""
    for number in range(FREE_MESSAGES):
        answer = api(visit, "conversations", {"text": steer(f"Question {number}", tokens=5, rate=0)})
        assert answer.status == 201, answer.text()
    visit.go(f"/w/{visit.workspace}/usage/")
    card = visit.page.locator("#meters .card", has_text="Messages a month")
    # The page asks for its meters again by itself.
    expect(card).to_contain_text(f"{FREE_MESSAGES} of {FREE_MESSAGES}", timeout=PATIENCE_MS)
    expect(card).not_to_contain_text("held", timeout=PATIENCE_MS)


def pay(page: Page, card: str) -> None:
    """Fills in the payment service's own form."""
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expires").fill("12 / 34")
    page.get_by_label("Security code").fill("123")
    page.get_by_label("Name on card").fill("Ada Buyer")


def billing(visit: Visit) -> Locator:
    """The card of the plan on the billing page."""
    visit.go(f"/w/{visit.workspace}/billing/")
    return visit.page.locator("section", has=visit.page.get_by_role("heading", name="Plan", exact=True))


def see_in_time(visit: Visit, path: str, text: str, *, times: int = 1, exact: bool = False) -> None:
    """Opens a page again until a webhook has brought what it shows."""
    visit.go(path)
    for _ in range(PATIENCE_MS // 500):
        if visit.page.get_by_text(text, exact=exact).count() >= times:
            return
        visit.page.wait_for_timeout(500)
        visit.page.reload()
    expect(visit.page.get_by_text(text, exact=False).first).to_be_visible()


def add_card(visit: Visit, card: str) -> None:
    """In the portal, for what is charged from now on."""
    page = visit.page
    if page.get_by_role("link", name="Add a card").count():
        page.get_by_role("link", name="Add a card").click()
    pay(page, card)
    default = page.get_by_label(re.compile("default|coming", re.IGNORECASE))
    if default.count():
        default.check()
    page.get_by_role("button", name="Add card").last.click()


def test_from_a_limit_to_a_plan_through_its_end_and_a_failed_payment_to_all_well(stranger, watch):
    watch.expected_statuses.add(402)
    sign_up(stranger)
    use_up(stranger)
    reach_the_limit_and_upgrade(stranger)
    buy(stranger)
    have_new_limits(stranger)
    find_the_invoice(stranger)
    visit_the_portal(stranger)
    cancel_and_resume(stranger)
    fail_a_renewal(stranger)
    pay_after_all(stranger)


def reach_the_limit_and_upgrade(visit: Visit) -> None:
    page = visit.page
    visit.open_chat()
    visit.ask("One more?")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Messages this month, for this workspace")
    expect(dialog).to_contain_text("Unlimited messages a month, instead of 50")
    visit.check_accessible()
    dialog.get_by_role("link", name="Upgrade to Pro").click()
    expect(page.get_by_role("radio", name=re.compile("^Pro"))).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("$20.00")
    visit.check_accessible()


def buy(visit: Visit) -> None:
    """Paid, and the word of the payment service waited for."""
    page = visit.page
    page.get_by_role("button", name="Pay now").click()
    expect(page.get_by_text("Simulated payments").first).to_be_visible()
    pay(page, GOOD_CARD)
    page.locator("#pay").get_by_role("button").last.click()
    expect(page.get_by_role("heading", name="Welcome to Pro")).to_be_visible(timeout=PATIENCE_MS)
    visit.check_accessible()


def have_new_limits(visit: Visit) -> None:
    visit.start("And now?", tokens=10, rate=0)
    visit.wait_final()
    plan = billing(visit)
    expect(plan).to_contain_text("Pro")
    expect(plan).to_contain_text("Active")
    expect(plan).to_contain_text("$20.00 on")
    expect(visit.page.locator("#meters")).to_contain_text("No limit")
    expect(visit.page.get_by_text("Messages used up")).to_have_count(0)
    visit.check_accessible()


def find_the_invoice(visit: Visit) -> None:
    see_in_time(visit, f"/w/{visit.workspace}/billing/invoices/", "Paid")
    row = visit.page.get_by_role("row").filter(has_text="$20.00").first
    address = row.get_by_role("link", name=re.compile("PDF")).get_attribute("href")
    assert address
    paper = visit.page.request.get(address)
    assert (paper.status, paper.headers["content-type"].split(";")[0]) == (200, "application/pdf")


def visit_the_portal(visit: Visit) -> None:
    billing(visit)
    visit.page.get_by_role("button", name="Payment portal").click()
    expect(visit.page.get_by_role("heading", name="Billing portal")).to_be_visible()
    visit.page.locator(".simulated-return").click()
    visit.page.wait_for_url("**/billing/")


def cancel_and_resume(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("link", name="Cancel plan").click()
    visit.check_accessible()
    page.get_by_label("We do not use it").check()
    page.get_by_role("button", name="Cancel plan").click()
    expect(billing(visit)).to_contain_text("Cancelled")
    banners = page.locator(".banners")
    expect(banners).to_contain_text("Pro ends on")
    banners.get_by_role("button", name="Resume").click()
    expect(billing(visit)).to_contain_text("Active")
    expect(banners).to_have_count(0)


def fail_a_renewal(visit: Visit) -> None:
    """A month later the card is refused."""
    page = visit.page
    page.get_by_role("button", name="Update card").click()
    add_card(visit, FAILS_AT_RENEWALS)
    see_in_time(visit, f"/w/{visit.workspace}/billing/", "ending in 0341")
    # Others renew too; the invoice of a renewal is charged an hour after it was made.
    for move in ("+1 month", "+1 day"):
        visit.go(CLOCK)
        page.get_by_role("button", name=move, exact=True).click()
        expect(page.get_by_text("The clock was moved on.")).to_be_visible()
    see_in_time(visit, f"/w/{visit.workspace}/", "A payment failed")
    expect(page.locator(".banners")).to_contain_text("then the workspace is read-only")
    visit.check_accessible()


def pay_after_all(visit: Visit) -> None:
    """A new card, the invoice paid with it, and all is as before."""
    page = visit.page
    page.locator(".banners").get_by_role("button", name="Update card").click()
    add_card(visit, GOOD_CARD)
    see_in_time(visit, f"/w/{visit.workspace}/billing/", "ending in 4242")
    page.get_by_role("link", name="Pay now").click()
    page.get_by_role("button", name=re.compile(r"Pay .* with")).click()
    see_in_time(visit, f"/w/{visit.workspace}/billing/", "Renews on")
    expect(page.locator(".banners")).to_have_count(0)
    see_in_time(visit, f"/w/{visit.workspace}/billing/invoices/", "Paid", times=2, exact=True)
    expect(page.get_by_text("Paid", exact=True)).to_have_count(2)
