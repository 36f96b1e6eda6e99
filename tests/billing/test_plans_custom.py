"""Plans of a workspace's own: given, billed by invoices with a term, and ended."""

from uuid import uuid4

import pytest

from billing.catalogues.catalogue import LimitOfPlan
from billing.plans import custom, queries
from billing.plans import tasks as plans_tasks
from billing.plans.custom import CustomPlanRefused, CustomTerms
from billing.plans.models import Plan
from billing.stripe.client import PaymentServiceUnavailable, get_client
from billing.subscriptions.models import BillingAccount, BillingEvent
from tenants import audit
from usage.features import queries as features
from usage.models import Limit

pytestmark = pytest.mark.django_db

TERMS = CustomTerms(
    name="Globex's own", amount_minor=125_000, seats=80, net_days=30, features=("shared_workspace", "api_access"),
    limits=(LimitOfPlan("messages", "month", 50_000),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def workers(monkeypatch) -> None:
    """Tests give plans themselves."""
    monkeypatch.setattr(plans_tasks.give_custom_plan, "delay", lambda **ids: None)


def make(workspace, **changes) -> Plan:
    terms = CustomTerms(**(vars(TERMS) | changes))
    return custom.make_custom_plan(workspace_id=workspace.id, terms=terms, actor=audit.SYSTEM)


def account_of(workspace) -> BillingAccount:
    return BillingAccount.objects.select_related("custom_plan", "effective_plan", "plan").get(
        workspace_id=workspace.id
    )


def log_of(workspace) -> list[str]:
    rows = BillingEvent.objects.filter(workspace_id=workspace.id, kind__startswith="plan.custom")
    return list(rows.order_by("created_at").values_list("kind", flat=True))


def test_one_without_a_price_is_in_effect_once_it_is_given(globex):
    plan = make(globex, amount_minor=None)
    assert account_of(globex).custom_plan is None, "nothing has changed yet"
    assert custom.give(plan.id) is True
    account = account_of(globex)
    assert (account.custom_plan, account.effective_plan) == (plan, plan)
    assert Limit.objects.get(workspace_id=globex.id, meter="messages", source="plan").amount == 50_000
    features.forget(globex.id)
    assert features.has(globex.id, "api_access")
    assert log_of(globex) == ["plan.custom_made", "plan.custom_given"]
    assert custom.give(plan.id) is True
    assert log_of(globex) == ["plan.custom_made", "plan.custom_given"]


def test_a_replaced_one_is_not_given_any_more(globex):
    first, second = make(globex, amount_minor=None), make(globex, amount_minor=None, name="Better")
    assert custom.give(first.id) is False
    assert account_of(globex).custom_plan is None
    assert custom.give(second.id) is True
    assert account_of(globex).effective_plan == second


def test_a_plan_of_a_catalogue_cannot_be_given(globex):
    assert custom.give(queries.get_plan("team").id) is False


def test_one_without_a_price_ends_at_once(globex):
    plan = make(globex, amount_minor=None)
    custom.give(plan.id)
    custom.end_custom_plan(plan_id=plan.id, reason="Pilot is over", actor=audit.SYSTEM)
    account = account_of(globex)
    assert account.custom_plan is None
    assert account.effective_plan == queries.free_plan()
    assert log_of(globex)[-1] == "plan.custom_ended"
    with pytest.raises(CustomPlanRefused):
        custom.end_custom_plan(plan_id=plan.id, reason="Again", actor=audit.SYSTEM)
    assert custom.give(plan.id) is False, "an ended plan does not come back"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"amount_minor": 0},
        {"seats": 0},
        {"seats": 1},
        {"features": ("api_access",)},
        {"features": ("shared_workspace", "magic")},
        {"interval": "week"},
        {"net_days": 91},
        {"net_days": -1},
        {"amount_minor": None, "is_passthrough": True},
    ],
)
def test_what_cannot_be_kept_is_refused(globex, changes):
    with pytest.raises(CustomPlanRefused):
        make(globex, **changes)
    assert not Plan.objects.filter(workspace_id=globex.id).exists()


def test_an_unknown_enquiry_makes_no_plan(globex):
    from config.errors import NotFound

    with pytest.raises(NotFound):
        custom.make_custom_plan(workspace_id=globex.id, terms=TERMS, actor=audit.SYSTEM, enquiry_id=uuid4())
    assert not Plan.objects.filter(workspace_id=globex.id).exists()


# with the payment service


def subscriptions_of(workspace) -> list:
    customer = account_of(workspace).stripe_customer_id
    return get_client().v1.subscriptions.list(params={"customer": customer, "status": "all"}).data


def test_a_priced_one_is_billed_by_invoices_with_a_term(globex, stripe_sim):
    plan = make(globex)
    custom.give(plan.id)
    (subscription,) = subscriptions_of(globex)
    assert (subscription.collection_method, subscription.days_until_due) == ("send_invoice", 30)
    (item,) = subscription["items"].data
    price = queries.price_of(plan, "month")
    price.refresh_from_db()
    assert (item.price.id, item.price.unit_amount) == (price.stripe_price_id, 125_000)
    account = account_of(globex)
    assert (account.custom_plan, account.effective_plan, account.plan) == (plan, plan, plan)
    assert account.status == "active"
    custom.give(plan.id)
    assert len(subscriptions_of(globex)) == 1


def test_what_failed_on_the_way_is_finished_by_the_next_try(globex, stripe_sim, monkeypatch):
    plan = make(globex)
    with monkeypatch.context() as broken:

        def away(*args, **kwargs):
            raise PaymentServiceUnavailable()

        broken.setattr(custom.entitlements, "refresh", away)
        with pytest.raises(PaymentServiceUnavailable):
            custom.give(plan.id)
    assert account_of(globex).custom_plan is None
    assert len(subscriptions_of(globex)) == 1
    custom.give(plan.id)
    assert len(subscriptions_of(globex)) == 1
    assert account_of(globex).effective_plan == plan


def test_a_running_subscription_becomes_one_of_the_plan(globex, stripe_sim):
    make_and_give(globex)
    better = make(globex, amount_minor=200_000, name="Better", net_days=14)
    custom.give(better.id)
    (subscription,) = subscriptions_of(globex)
    (item,) = subscription["items"].data
    assert (item.price.unit_amount, subscription.days_until_due) == (200_000, 14)
    account = account_of(globex)
    assert (account.plan, account.custom_plan, account.effective_plan) == (better, better, better)


def make_and_give(workspace) -> Plan:
    plan = make(workspace)
    custom.give(plan.id)
    return plan


def test_a_paid_one_ends_with_its_period(globex, stripe_sim):
    plan = make_and_give(globex)
    custom.end_custom_plan(plan_id=plan.id, reason="They leave", actor=audit.SYSTEM)
    account = account_of(globex)
    assert account.effective_plan == plan, "it is paid for"
    assert account.cancels_at == account.period_end
    get_client().v1.subscriptions.cancel(account.subscription_id)
    from billing.stripe import sync

    sync.sync_customer(account.stripe_customer_id or "", cause="test")
    account = account_of(globex)
    assert account.custom_plan is None
    assert account.effective_plan == queries.free_plan()
