"""The page after the checkout: it waits for the payment service, and an address that somebody types proves nothing."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction

from billing.stripe.client import PaymentServiceUnavailable
from billing.subscriptions import refusals, returns
from billing.subscriptions.models import BillingAccount, Checkout
from tests.billing import lives

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Service:
    """Answers for one checkout, and counts how often it was asked. `becomes`: the account after a look at it."""

    def __init__(self) -> None:
        self.session = {"status": "open", "payment_status": "unpaid", "customer": "cus_1"}
        self.becomes: dict[str, object] = {}
        self.asked = 0
        self.looked = 0
        self.is_up = True
        self.v1 = SimpleNamespace(checkout=SimpleNamespace(sessions=self))

    def retrieve(self, session_id: str) -> SimpleNamespace:
        self.asked += 1
        if not self.is_up:
            raise PaymentServiceUnavailable()
        return SimpleNamespace(**self.session)

    def look(self, customer_id: str, *, cause: str) -> None:
        self.looked += 1
        assert (customer_id, cause) == ("cus_1", "checkout.returned")
        BillingAccount.objects.filter(stripe_customer_id=customer_id).update(**self.becomes)


@pytest.fixture
def service(monkeypatch):
    made = Service()
    monkeypatch.setattr(returns, "get_client", lambda: made)
    monkeypatch.setattr(returns.sync, "sync_customer", made.look)
    return made


@pytest.fixture
def opened(acme):
    lives.customer(acme, stripe_customer_id="cus_1")
    return make_checkout(acme)


def make_checkout(workspace, session_id: str = "cs_1", **fields) -> Checkout:
    values = {
        "workspace_id": workspace.id,
        "person_ref": workspace.id,
        "plan": lives.plan("pro"),
        "fingerprint": "x",
    }
    return Checkout.objects.create(session_id=session_id, **values | fields)


def state(workspace, seconds: int = 0, session_id: str = "cs_1") -> str:
    return returns.checkout_state(workspace.id, session_id, now=NOW + timedelta(seconds=seconds)).state


RUNS = {"status": "active", "subscription_id": "sub_1"}
PAID = {"status": "complete", "payment_status": "paid"}


def test_it_waits_for_the_webhook_and_then_is_done_without_asking(acme, opened, service):
    assert [state(acme), state(acme, 2)] == ["waiting", "waiting"]
    BillingAccount.objects.filter(pk=acme.id).update(**RUNS)
    found = returns.checkout_state(acme.id, "cs_1", now=NOW + timedelta(seconds=3))
    assert (found.state, found.plan_key, found.plan_name) == ("done", "pro", "Pro")
    assert service.asked == 0
    opened.refresh_from_db()
    assert opened.outcome == "done"


def test_after_some_seconds_it_asks_itself(acme, opened, service):
    service.session |= PAID
    service.becomes = RUNS
    assert [state(acme, 0), state(acme, 3), state(acme, 4)] == ["waiting", "waiting", "done"]
    assert (service.asked, service.looked) == (1, 1)


def test_it_asks_once_in_five_seconds(acme, opened, service):
    for second in range(20):
        assert state(acme, second) == "waiting"
    assert service.asked == 4, "at 4, 9, 14 and 19 seconds"


def test_a_typed_address_of_an_open_checkout_only_waits(acme, opened, service):
    assert [state(acme, second) for second in (0, 5, 60)] == ["waiting"] * 3
    assert service.looked == 0


def test_of_a_checkout_of_others_nothing_is_said_or_asked(acme, globex, opened, service):
    for workspace, session_id in ((globex, "cs_1"), (acme, "cs_2"), (acme, "")):
        with pytest.raises(refusals.CheckoutUnknown):
            state(workspace, 9, session_id)
    assert service.asked == 0


def test_an_expired_checkout_is_told_and_remembered(acme, opened, service):
    service.session["status"] = "expired"
    assert [state(acme), state(acme, 4), state(acme, 60)] == ["waiting", "expired", "expired"]
    assert service.asked == 1


def test_a_payment_that_failed_after_all_is_told(acme, opened, service):
    service.session |= {"status": "complete", "payment_status": "unpaid"}
    assert [state(acme), state(acme, 4)] == ["waiting", "waiting"], "a bank may take days"
    service.becomes = {"status": "canceled", "subscription_id": "sub_1"}
    assert state(acme, 9) == "failed"


def test_a_first_payment_that_waits_for_the_bank_is_failed_with_the_way_on(acme, opened, service):
    BillingAccount.objects.filter(pk=acme.id).update(
        status="incomplete", subscription_id="sub_1", action_url="https://pay.test/confirm"
    )
    found = returns.checkout_state(acme.id, "cs_1", now=NOW)
    assert (found.state, found.action_url) == ("failed", "https://pay.test/confirm")
    assert state(acme, 1) == "failed"
    BillingAccount.objects.filter(pk=acme.id).update(status="active", action_url="")
    assert state(acme, 2) == "done", "confirmed after all"


def test_out_of_reach_it_says_what_is_known(acme, opened, service):
    service.is_up = False
    assert [state(acme), state(acme, 4)] == ["waiting", "waiting"]
    assert service.asked == 1


def test_a_deal_is_done_when_the_plan_is_the_workspaces_for_good(acme, service):
    lives.customer(acme, stripe_customer_id="cus_1", **RUNS)
    make_checkout(acme, deal_key="beta")
    service.session |= PAID
    assert state(acme) == "waiting", "another subscription proves nothing"
    service.becomes = {"lifetime_plan": lives.plan("pro")}
    assert state(acme, 4) == "done"


def test_a_page_that_gave_way_to_another_is_over(acme, service):
    lives.customer(acme, stripe_customer_id="cus_1")
    make_checkout(acme, outcome="superseded")
    assert state(acme) == "expired"
    BillingAccount.objects.filter(pk=acme.id).update(**RUNS)
    make_checkout(acme, "cs_2", outcome="superseded")
    assert state(acme, session_id="cs_2") == "done", "the later page was paid"


def test_a_workspace_has_one_open_page(acme, opened):
    with pytest.raises(IntegrityError, match="checkout_one_open"), transaction.atomic():
        make_checkout(acme, "cs_2")
    make_checkout(acme, "cs_3", outcome="expired")
