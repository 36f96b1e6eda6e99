"""Two at the same moment: one customer, one checkout page, one trial. Real threads, real commits.

The payment service is played by a till that keeps Stripe's promise about idempotency keys and nothing else.
"""

import itertools
import threading
from types import SimpleNamespace

import pytest

from billing.stripe.client import PaymentRequestRefused, PaymentServiceUnavailable
from billing.subscriptions import checkouts, customers, queries, refusals, services
from billing.subscriptions.models import BillingAccount, BillingEvent, Checkout, TrialUse
from tenants.models import AuditEntry
from tests import factories


class Till:
    """`meeting`: callers of a kind wait for each other here, so that none has answered before all have asked."""

    def __init__(self) -> None:
        self.made: dict[str, SimpleNamespace] = {}
        self.by_key: dict[str, SimpleNamespace] = {}
        self.asked: list[str] = []
        self.meeting: dict[str, threading.Barrier] = {}
        self.fails: Exception | None = None
        self.ignores_keys = False
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self.v1 = SimpleNamespace(
            customers=SimpleNamespace(create=self._maker("cus")),
            subscriptions=SimpleNamespace(create=self._maker("sub")),
            checkout=SimpleNamespace(
                sessions=SimpleNamespace(
                    create=self._maker("cs"), retrieve=self.made.get, expire=self._expire
                )
            ),
        )

    def _maker(self, kind: str):
        def create(params, options):
            if kind in self.meeting:
                self.meeting[kind].wait(timeout=30)
            with self._lock:
                self.asked.append(kind)
                if self.fails is not None:
                    raise self.fails
                key = options["idempotency_key"]
                if key not in self.by_key or self.ignores_keys:
                    self.by_key[key] = self._make(kind, params)
                return self.by_key[key]

        return create

    def _make(self, kind: str, params) -> SimpleNamespace:
        identity = f"{kind}_{id(self)}_{next(self._numbers)}"
        made = SimpleNamespace(id=identity, params=params, status="open", url=f"https://pay.test/{identity}")
        self.made[identity] = made
        return made

    def _expire(self, session_id: str) -> None:
        if self.made[session_id].status != "open":
            raise PaymentRequestRefused()
        self.made[session_id].status = "expired"

    def count(self, kind: str) -> int:
        return sum(identity.startswith(kind + "_") for identity in self.made)

    def open_pages(self) -> list[str]:
        return [row.url for key, row in self.made.items() if key.startswith("cs_") and row.status == "open"]


@pytest.fixture
def till(monkeypatch, committed):
    made = Till()
    for module in (services, checkouts, customers):
        monkeypatch.setattr(module, "get_client", lambda: made)
    monkeypatch.setattr(services.sync, "sync_customer", lambda customer_id, *, cause: [])
    return made


@pytest.fixture
def buyer(committed):
    """The owner of a workspace of their own."""
    user = factories.make_user()
    return factories.member_of(factories.make_workspace(user), user)


def buy(member, **fields) -> str:
    return services.start_checkout(member=member, **{"plan_key": "pro", "interval": "month", **fields})


def ensure_two(till, member) -> list:
    till.meeting["cus"] = threading.Barrier(2)
    return factories.at_once(2, lambda _: customers.ensure(queries.get_account(member.workspace_id), member))


# the customer


def test_two_at_once_make_one_customer(till, buyer):
    first, second = ensure_two(till, buyer)
    assert first == second == BillingAccount.objects.get(pk=buyer.workspace_id).stripe_customer_id
    assert (till.asked.count("cus"), till.count("cus")) == (2, 1)
    [made] = till.made.values()
    assert made.params == {
        "name": factories.get_ref(id=buyer.workspace_id).name,
        "email": factories.accounts_queries.list_owner_emails(buyer.workspace_id)[0],
        "metadata": {"workspace_id": str(buyer.workspace_id)},
    }


def test_without_the_key_there_would_be_two_and_the_row_still_names_one(till, buyer):
    """The control: what the key prevents does happen without it."""
    till.ignores_keys = True
    first, second = ensure_two(till, buyer)
    assert till.count("cus") == 2
    assert first == second == BillingAccount.objects.get(pk=buyer.workspace_id).stripe_customer_id


def test_a_customer_that_is_known_is_not_asked_for(till, buyer):
    buy(buyer)
    buy(buyer)
    assert till.asked.count("cus") == 1


# the checkout page


def test_a_double_click_opens_one_page(till, buyer):
    customers.ensure(queries.get_account(buyer.workspace_id), buyer)
    till.meeting["cs"] = threading.Barrier(2)
    first, second = factories.at_once(2, lambda _: buy(buyer))
    assert first == second
    assert (till.asked.count("cs"), till.count("cs")) == (2, 1)
    assert Checkout.objects.filter(workspace_id=buyer.workspace_id).count() == 1
    assert _entries(buyer, "checkout.opened") == 1


def test_without_the_key_a_double_click_leaves_one_page_open_all_the_same(till, buyer):
    customers.ensure(queries.get_account(buyer.workspace_id), buyer)
    till.meeting["cs"], till.ignores_keys = threading.Barrier(2), True
    urls = factories.at_once(2, lambda _: buy(buyer))
    assert till.count("cs") == 2
    assert len(till.open_pages()) == 1 and till.open_pages()[0] in urls


def test_the_same_wish_later_leads_to_the_same_page_while_it_is_open(till, buyer):
    first = buy(buyer)
    assert buy(buyer) == first
    assert till.asked.count("cs") == 1
    [row] = Checkout.objects.filter(workspace_id=buyer.workspace_id)
    till.made[row.session_id].status = "expired"
    assert buy(buyer) != first, "not the dead one again"
    assert len(till.open_pages()) == 1


def test_another_wish_closes_the_page_before(till, buyer):
    first, second = buy(buyer), buy(buyer, interval="year")
    assert till.open_pages() == [second] != [first]
    assert list(
        Checkout.objects.filter(workspace_id=buyer.workspace_id).order_by("created_at").values_list("outcome")
    ) == [("superseded",), ("",)]
    assert buy(buyer) not in (first, second)


def test_two_tabs_with_different_wishes_leave_one_page(till, buyer):
    customers.ensure(queries.get_account(buyer.workspace_id), buyer)
    till.meeting["cs"] = threading.Barrier(2)
    urls = factories.at_once(2, lambda number: buy(buyer, interval=("month", "year")[number]))
    assert len(set(urls)) == 2
    assert len(till.open_pages()) == 1


def test_what_the_page_is_asked_for(till, buyer, settings):
    settings.STRIPE_AUTOMATIC_TAX = True
    buy(buyer, trial=True)
    [row] = Checkout.objects.filter(workspace_id=buyer.workspace_id)
    params, plan = till.made[row.session_id].params, row.plan
    facts = {
        "workspace_id": str(buyer.workspace_id), "person_ref": str(buyer.person_ref), "plan": "pro",
        "plan_id": str(plan.id), "interval": "month", "quantity": "1",
    }  # fmt: skip
    slug = factories.get_ref(id=buyer.workspace_id).slug
    assert params.pop("line_items") == [
        {"price": plan.prices.get(interval="month").stripe_price_id, "quantity": 1}
    ]
    assert params == {
        "mode": "subscription",
        "customer": BillingAccount.objects.get(pk=buyer.workspace_id).stripe_customer_id,
        "client_reference_id": str(buyer.workspace_id),
        "metadata": facts,
        "success_url": f"{settings.BASE_URL}/w/{slug}/billing/done/?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{settings.BASE_URL}/w/{slug}/billing/plans/",
        "tax_id_collection": {"enabled": True},
        "customer_update": {"name": "auto", "address": "auto"},
        "automatic_tax": {"enabled": True},
        "allow_promotion_codes": True,
        "payment_method_collection": "always",
        "subscription_data": {
            "metadata": facts | {"has_trial": "1"},
            "trial_period_days": 14,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        },
    }


# trials


def test_two_owners_at_once_get_one_trial_for_their_workspace(till, buyer):
    partner = factories.join(factories.get_ref(id=buyer.workspace_id), factories.make_user(), "owner")
    results = factories.at_once(
        2, lambda number: services.start_trial(member=(buyer, partner)[number], plan_key="pro")
    )
    assert sorted(type(result) for result in results if result is not None) == [refusals.TrialRefused]
    assert till.count("sub") == 1
    assert TrialUse.objects.filter(workspace_id=buyer.workspace_id).count() == 1
    assert _entries(buyer, "trial.started") == 1


def test_one_person_at_once_in_two_workspaces_gets_one_trial(till, buyer):
    user = factories.accounts_queries.User.objects.get(id=buyer.user_id)
    elsewhere = factories.member_of(factories.make_workspace(user), user)
    results = factories.at_once(
        2, lambda number: services.start_trial(member=(buyer, elsewhere)[number], plan_key="pro")
    )
    [refused] = [result for result in results if result is not None]
    assert (type(refused), refused.code) == (refusals.TrialRefused, "trial_used_by_you")
    assert till.count("sub") == 1
    assert TrialUse.objects.filter(person_ref=buyer.person_ref).count() == 1


def test_without_the_claim_both_would_get_one(till, buyer, monkeypatch):
    user = factories.accounts_queries.User.objects.get(id=buyer.user_id)
    elsewhere = factories.member_of(factories.make_workspace(user), user)
    monkeypatch.setattr(services.trials, "claim", lambda member, plan, account: TrialUse())
    results = factories.at_once(
        2, lambda number: services.start_trial(member=(buyer, elsewhere)[number], plan_key="pro")
    )
    assert results == [None, None]
    assert till.count("sub") == 2


def test_a_double_click_on_the_trial_begins_one(till, buyer):
    assert factories.at_once(2, lambda _: services.start_trial(member=buyer, plan_key="pro")) == [None, None]
    assert till.count("sub") == 1


def test_a_trial_that_the_service_refused_was_not_had(till, buyer):
    till.fails = PaymentRequestRefused()
    customers_row = BillingAccount.objects.filter(pk=buyer.workspace_id)
    customers_row.update(stripe_customer_id=f"cus_{buyer.workspace_id}")
    with pytest.raises(PaymentRequestRefused):
        services.start_trial(member=buyer, plan_key="pro")
    assert not TrialUse.objects.filter(workspace_id=buyer.workspace_id).exists()


def test_a_trial_of_which_nobody_knows_whether_it_began_can_be_asked_for_again(till, buyer):
    BillingAccount.objects.filter(pk=buyer.workspace_id).update(
        stripe_customer_id=f"cus_{buyer.workspace_id}"
    )
    till.fails = PaymentServiceUnavailable()
    with pytest.raises(PaymentServiceUnavailable):
        services.start_trial(member=buyer, plan_key="pro")
    partner = factories.join(factories.get_ref(id=buyer.workspace_id), factories.make_user(), "owner")
    till.fails = None
    with pytest.raises(refusals.TrialRefused):
        services.start_trial(member=partner, plan_key="pro")
    services.start_trial(member=buyer, plan_key="pro")
    assert till.count("sub") == 1


def test_a_trial_closes_the_page_that_could_buy_beside_it(till, buyer):
    buy(buyer)
    services.start_trial(member=buyer, plan_key="pro")
    assert till.open_pages() == []


def _entries(member, what: str) -> int:
    """In both logs alike."""
    logged = BillingEvent.objects.filter(workspace_id=member.workspace_id, kind=what).count()
    assert AuditEntry.objects.filter(workspace_id=member.workspace_id, action=what).count() == logged
    return logged
