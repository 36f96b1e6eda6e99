"""`/api/v1/billing/…` and `/api/v1/subscribe`: who may, what is answered, and nothing of anybody else."""

from datetime import UTC, datetime, timedelta

import pytest
from djstripe.models import Customer, Invoice

from billing.stripe.client import PaymentServiceUnavailable
from billing.subscriptions import charges, queries
from billing.subscriptions.models import BillingAccount, Checkout
from tests import factories
from tests.billing import lives

pytestmark = pytest.mark.django_db
API = "/api/v1/"
JANUARY = datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def client(owner):
    return factories.with_key(factories.make_key(owner.member))


@pytest.fixture
def unreachable(monkeypatch):
    """The payment service does not answer."""

    def refuse(*_args, **_kwargs):
        raise PaymentServiceUnavailable()

    for module in ("moves", "previews", "services", "checkouts", "customers", "charges"):
        monkeypatch.setattr(f"billing.subscriptions.{module}.get_client", refuse)


def mirror_invoices(account: BillingAccount, count: int, **data) -> list[Invoice]:
    """Rows as the mirror keeps them, a month apart."""
    customer, _ = Customer.objects.get_or_create(
        id=account.stripe_customer_id, defaults={"livemode": False, "stripe_data": {}}
    )
    return [_mirror_invoice(customer, number, data) for number in range(1, count + 1)]


def _mirror_invoice(customer: Customer, number: int, data: dict) -> Invoice:
    created = JANUARY + timedelta(days=30 * number)
    seconds = int(created.timestamp())
    values = {
        "number": f"{customer.id[-4:]}-{number:04}", "status": "paid", "currency": "usd", "total": 2000,
        "amount_paid": 2000, "amount_remaining": 0, "created": seconds, "due_date": None,
        "hosted_invoice_url": f"https://pay.test/{number}", "invoice_pdf": f"https://pay.test/{number}.pdf",
    } | data  # fmt: skip
    return Invoice.objects.create(
        id=f"in_{customer.id}_{number}",
        customer=customer,
        livemode=False,
        created=created,
        stripe_data=values,
    )


# who may


@pytest.mark.parametrize("role", ["viewer", "member", "admin", "owner"])
def test_each_role_may_what_the_table_says(role, acme, cast, unreachable):
    lives.customer(acme)
    keyed = factories.with_key(factories.make_key(getattr(cast, role).member))
    sees, manages = role in ("admin", "owner"), role == "owner"
    expected = {
        ("get", "billing/plans"): 200,
        ("get", "billing/subscription"): 200 if sees else 403,
        ("get", "billing/invoices"): 200 if sees else 403,
        ("post", "billing/checkout"): 503 if manages else 403,
        ("post", "billing/portal"): 503 if manages else 403,
        ("post", "subscribe"): 503 if manages else 403,
    }
    found = {
        (method, path): getattr(keyed, method)(
            API + path, **({"data": {"plan": "pro"} if path != "billing/portal" else {}} if method == "post" else {}),
            content_type="application/json",
        ).status_code
        for method, path in expected
    }  # fmt: skip
    assert found == expected
    assert not Checkout.objects.exists()


def test_a_key_does_no_more_than_its_scopes(owner, acme, unreachable):
    narrow = factories.with_key(factories.make_key(owner.member, ["view", "billing:view"]))
    assert narrow.get(API + "billing/subscription").status_code == 200
    refused = narrow.post(API + "subscribe", {"plan": "pro"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_nobody_without_a_key_sees_plans():
    response = factories.browser().get(API + "billing/plans")
    assert (response.status_code, response.json()["code"]) == (401, "not_signed_in")


# plans


def test_plans_are_what_is_offered_with_their_prices(client):
    results = client.get(API + "billing/plans").json()["results"]
    assert [(row["key"], row["sale"], row["saving_minor"]) for row in results] == [
        ("free", "free", 0), ("pro", "paid", 4000), ("team", "paid", 10_000), ("enterprise", "contact", 0),
    ]  # fmt: skip
    pro = results[1]
    assert pro["prices"] == [
        {"interval": "month", "amount_minor": 2000}, {"interval": "year", "amount_minor": 20_000},
    ]  # fmt: skip
    assert (pro["currency"], pro["trial_days"], pro["is_per_seat"], pro["seats_included"]) == (
        "usd",
        14,
        False,
        1,
    )
    assert results[3]["prices"] == []


# the subscription


def test_a_workspace_that_bought_nothing_is_free(client, acme):
    body = client.get(API + "billing/subscription").json()
    assert (body["status"], body["status_text"], body["is_running"]) == ("none", "Free", False)
    assert (body["plan"]["key"], body["subscribed_plan"], body["next_charge"]) == ("free", None, None)
    assert body["seats"]["taken"] == 4
    assert body["notice"] == "Simulated payments — no money moves"
    assert body["payment_method"] is body["trial"] is body["pending"] is None


def test_a_subscription_says_where_it_stands(client, acme, monkeypatch):
    asked = []
    monkeypatch.setattr(
        charges, "_ask", lambda account: asked.append(1) or {"minor": 1500, "currency": "usd"}
    )
    end = datetime(2099, 4, 10, 12, tzinfo=UTC)
    lives.subscribed(
        acme, interval="month", period_start=lives.NOW, period_end=end, balance_minor=-500,
        pending_plan=lives.plan("team"), pending_interval="year", pending_at=end, applied_token=1, sync_token=1,
        payment_method={"type": "card", "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2098},
    )  # fmt: skip
    for _ in range(2):
        body = client.get(API + "billing/subscription").json()
    assert asked == [1], "asked once for each state of the account"
    shown = {key: body[key] for key in ("status", "is_running", "interval", "price_minor", "credit_minor")}
    assert shown == {
        "status": "active", "is_running": True, "interval": "month", "price_minor": 2000, "credit_minor": 500,
    }  # fmt: skip
    assert body["next_charge"] == {
        "amount_minor": 1500, "currency": "usd", "at": "2099-04-10T12:00:00Z", "is_estimate": False,
    }  # fmt: skip
    assert (body["pending"]["plan"]["key"], body["pending"]["interval"]) == ("team", "year")
    assert body["payment_method"] == {
        "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2098, "is_expiring": False,
    }  # fmt: skip


def test_a_charge_that_cannot_be_asked_for_is_estimated_and_not_kept(client, acme, unreachable):
    lives.subscribed(acme, interval="year", period_end=lives.NOW)
    charge = client.get(API + "billing/subscription").json()["next_charge"]
    assert (charge["amount_minor"], charge["is_estimate"]) == (20_000, True)
    assert charges.cache.get(f"billing-next-charge:{acme.id}:0") is None


@pytest.mark.parametrize(
    "fields",
    [{"cancels_at": lives.NOW}, {"status": "trialing", "trial_ends_at": lives.NOW}, {"status": "canceled"}],
)
def test_what_ends_is_not_charged(client, acme, unreachable, fields):
    lives.subscribed(acme, interval="month", **fields)
    assert client.get(API + "billing/subscription").json()["next_charge"] is None


def test_a_trial_says_how_long_and_whether_it_ends(client, acme, unreachable):
    ends_at = datetime.now(UTC) + timedelta(days=6, hours=5)
    lives.subscribed(acme, interval="month", status="trialing", trial_ends_at=ends_at)
    trial = client.get(API + "billing/subscription").json()["trial"]
    assert (trial["days_left"], trial["ends_without_card"]) == (7, True)


# invoices


def test_invoices_are_listed_newest_first_a_page_at_a_time(client, acme, assert_queries):
    mirror_invoices(lives.customer(acme, stripe_customer_id="cus_acme"), 5)
    body = client.get(API + "billing/invoices?limit=2").json()
    assert sorted(body) == ["next", "previous", "results"]
    assert body["previous"] is None
    assert body["results"][0] == {
        "id": "in_cus_acme_5", "number": "acme-0005", "status": "paid", "currency": "usd", "total_minor": 2000,
        "paid_minor": 2000, "due_minor": 0, "created_at": "2026-05-31T09:00:00Z", "due_at": None,
        "hosted_url": "https://pay.test/5", "pdf_url": "https://pay.test/5.pdf",
    }  # fmt: skip
    numbers = [row["number"] for row in body["results"]]
    while body["next"]:
        body = client.get(body["next"]).json()
        numbers += [row["number"] for row in body["results"]]
    assert numbers == [f"acme-000{number}" for number in (5, 4, 3, 2, 1)]
    with assert_queries(2):
        assert len(queries.list_invoices(acme.id)) == 5


def test_drafts_are_not_shown(client, acme):
    mirror_invoices(lives.customer(acme), 1, status="draft")
    assert client.get(API + "billing/invoices").json()["results"] == []


def test_nobody_sees_the_invoices_or_the_plan_of_others(client, acme, globex, globex_owner, unreachable):
    mirror_invoices(lives.subscribed(globex, stripe_customer_id="cus_globex", interval="month"), 2)
    assert client.get(API + "billing/invoices").json()["results"] == [], "without a customer"
    mirror_invoices(lives.customer(acme, stripe_customer_id="cus_acme"), 1)
    assert [row["number"] for row in client.get(API + "billing/invoices").json()["results"]] == ["acme-0001"]
    assert client.get(API + "billing/subscription").json()["status"] == "none"
    theirs = factories.with_key(factories.make_key(globex_owner.member))
    assert [row["number"] for row in theirs.get(API + "billing/invoices").json()["results"]] == [
        "obex-0002", "obex-0001",
    ]  # fmt: skip
    assert theirs.get(API + "billing/subscription").json()["status"] == "active"


def test_a_workspace_without_a_customer_has_no_invoices_even_if_others_have(acme, globex):
    """None is not a customer that several workspaces could share."""
    mirror_invoices(lives.customer(globex), 1)
    lives.customer(acme, stripe_customer_id=None)
    assert queries.list_invoices(acme.id) == []


# refusals in the one shape


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("billing/checkout", {}, 400, "invalid"),
        ("billing/checkout", {"plan": "pro", "deal": "beta"}, 400, "invalid"),
        ("billing/checkout", {"plan": "pro", "interval": "week"}, 400, "invalid"),
        ("billing/checkout", {"plan": "enterprise"}, 422, "plan_not_sold"),
        ("billing/checkout", {"plan": "nothing"}, 404, "plan_not_found"),
        ("billing/checkout", {"deal": "nothing"}, 404, "deal_not_found"),
        ("billing/checkout", {"plan": "pro"}, 503, "payment_service_unavailable"),
        ("billing/portal", {"flow": "cancel"}, 409, "not_subscribed"),
        ("billing/portal", {"flow": "money"}, 400, "invalid"),
        ("subscribe", {"plan": "free"}, 422, "plan_not_sold"),
        ("subscribe", {"plan": "pro", "seats": 0}, 400, "invalid"),
    ],
)
def test_refusals_have_one_shape(client, acme, unreachable, path, body, status, code):
    response = client.post(API + path, body, content_type="application/json")
    assert response["Content-Type"] == "application/problem+json"
    found = response.json()
    assert (response.status_code, found["status"], found["code"]) == (status, status, code)
    assert found["detail"]


def test_a_second_checkout_leads_to_the_change_of_the_plan(client, acme, unreachable):
    lives.subscribed(acme)
    found = client.post(API + "billing/checkout", {"plan": "team"}, content_type="application/json")
    assert (found.status_code, found.json()["code"]) == (409, "already_subscribed")
    assert found.json()["action_url"].endswith("/w/acme/billing/plans/")


def test_subscribing_where_a_plan_runs_changes_it(client, acme, unreachable):
    lives.subscribed(acme, interval="month")
    same = client.post(API + "subscribe", {"plan": "pro"}, content_type="application/json")
    assert (same.status_code, same.json()["code"]) == (409, "plan_unchanged")
    other = client.post(API + "subscribe", {"plan": "team"}, content_type="application/json")
    assert (other.status_code, other.json()["code"]) == (503, "payment_service_unavailable")
