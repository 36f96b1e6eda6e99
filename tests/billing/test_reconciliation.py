"""Whatever events were lost, one reconciliation sets every account right, and writes down what it was."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing import tasks
from billing.reconciliation import services as reconciliation
from billing.stripe import sync
from billing.stripe.client import PaymentServiceUnavailable, get_client
from billing.subscriptions.models import BillingAccount, BillingEvent, Grant
from billing.webhooks import services as webhooks
from billing.webhooks.models import Repair, WebhookEvent
from tests import factories
from tests.billing import purchases

pytestmark = pytest.mark.django_db


@pytest.fixture
def prices(stripe_sim, db) -> dict[str, str]:
    BillingAccount.objects.update(stripe_customer_id=None)
    made = purchases.publish()
    stripe_sim.drop_events()
    return made


@pytest.fixture
def bought(stripe_sim, prices, acme) -> str:
    """acme bought `pro`, and no event of it came."""
    customer = purchases.make_customer(acme)
    purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.drop_events()
    return customer


def account_of(workspace) -> BillingAccount:
    return BillingAccount.objects.get(workspace_id=workspace.id)


def test_lost_purchase_is_repaired_and_written_down(bought, acme):
    assert account_of(acme).status == "none"
    assert reconciliation.measure_drift() == len(sync.differences(bought)) > 5
    said: list[str] = []
    outcome = reconciliation.reconcile(write=said.append)
    row = account_of(acme)
    assert (row.status, row.plan.key, row.effective_plan.key) == ("active", "pro", "pro")
    assert (outcome.accounts, outcome.repaired, outcome.failed, outcome.is_complete) == (1, 1, 0, True)
    rows = {repair.field: (repair.was, repair.now) for repair in Repair.objects.filter(workspace_id=acme.id)}
    assert rows["status"] == ("none", "active")
    assert rows["plan"] == ("", "pro 1")
    assert outcome.repairs == Repair.objects.filter(workspace_id=acme.id).count()
    assert (
        BillingEvent.objects.filter(workspace_id=acme.id, kind="billing.repaired").count() == outcome.repairs
    )
    assert said[0] == "1 accounts to compare"
    assert said[1] == f"1 of 1 compared: {outcome.repairs} repairs, 0 failed"


def test_after_one_reconciliation_nothing_differs(bought, acme):
    reconciliation.reconcile()
    assert reconciliation.measure_drift() == 0
    count = Repair.objects.count()
    again = reconciliation.reconcile()
    assert (again.accounts, again.repaired, again.repairs) == (1, 0, 0)
    assert Repair.objects.count() == count


def test_measuring_changes_nothing(bought, acme):
    before = BillingAccount.objects.values().get(workspace_id=acme.id)
    assert reconciliation.measure_drift() > 0
    assert BillingAccount.objects.values().get(workspace_id=acme.id) == before
    assert not Repair.objects.exists()


def test_day_of_lost_events_of_many_is_repaired_at_once(stripe_sim, prices):
    """Bought, changed, told to end, ended, declined: each without an event."""
    names = ("bought", "changed", "ending", "ended", "declined", "nothing")
    homes = {name: factories.make_workspace(factories.make_user()) for name in names}
    customers = {name: purchases.make_customer(home) for name, home in homes.items()}
    subscriptions = get_client().v1.subscriptions
    made = {
        name: purchases.buy(stripe_sim, customer, prices["pro"])
        for name, customer in customers.items()
        if name != "nothing"
    }
    (item,) = subscriptions.retrieve(made["changed"])["items"].data
    subscriptions.update(made["changed"], params={"items": [{"id": item.id, "price": prices["team"]}]})
    subscriptions.update(made["ending"], params={"cancel_at_period_end": True})
    subscriptions.cancel(made["ended"])
    bad = get_client().v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", params={"customer": customers["declined"]}
    )
    subscriptions.update(made["declined"], params={"default_payment_method": bad.id})
    stripe_sim.advance(days=1)
    stripe_sim.drop_events()
    assert reconciliation.measure_drift() > 30
    outcome = reconciliation.reconcile()
    assert reconciliation.measure_drift() == 0
    assert (outcome.accounts, outcome.repaired, outcome.failed) == (6, 5, 0)
    found = {name: account_of(home) for name, home in homes.items()}
    assert {name: row.status for name, row in found.items()} == {
        "bought": "active", "changed": "active", "ending": "active", "ended": "canceled", "declined": "active",
        "nothing": "none",
    }  # fmt: skip
    assert (found["changed"].plan.key, found["ended"].effective_plan.key) == ("team", "free")
    assert found["ending"].cancels_at == found["ending"].period_end
    started = Grant.objects.filter(
        kind="subscription.started", workspace_id__in=[h.id for h in homes.values()]
    )
    assert started.count() == 5
    stripe_sim.advance(days=32)
    stripe_sim.drop_events()
    reconciliation.reconcile()
    assert account_of(homes["declined"]).status == "past_due"
    assert account_of(homes["ending"]).status == "canceled"
    assert reconciliation.measure_drift() == 0


def test_events_that_come_after_the_repair_change_nothing(stripe_sim, prices, acme):
    customer = purchases.make_customer(acme)
    purchases.buy(stripe_sim, customer, prices["pro"])
    late = stripe_sim.take_events()
    reconciliation.reconcile()
    count = BillingEvent.objects.filter(workspace_id=acme.id).count()
    grants = set(Grant.objects.values_list("key", flat=True))
    stripe_sim.deliver(late)
    assert BillingEvent.objects.filter(workspace_id=acme.id).count() == count
    assert set(Grant.objects.values_list("key", flat=True)) == grants


def test_customer_that_we_do_not_know_is_found_by_its_metadata(stripe_sim, prices, acme):
    customer = purchases.make_customer(acme, is_known=False)
    purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.drop_events()
    outcome = reconciliation.reconcile()
    assert (outcome.adopted, account_of(acme).stripe_customer_id, account_of(acme).status) == (
        1,
        customer,
        "active",
    )


def test_customer_is_found_by_its_subscriptions_metadata(stripe_sim, prices, acme):
    customer = get_client().v1.customers.create(params={"email": "a@example.com"}).id
    purchases.buy(stripe_sim, customer, prices["pro"], metadata={"workspace_id": str(acme.id)})
    stripe_sim.drop_events()
    assert reconciliation.reconcile().adopted == 1
    assert account_of(acme).status == "active"


def test_events_that_failed_or_were_left_are_done(stripe_sim, bought, acme, monkeypatch):
    def fail(*_, **__):
        raise PaymentServiceUnavailable

    get_client().v1.customers.update(bought, params={"name": "Acme"})
    with monkeypatch.context() as patch:
        patch.setattr(sync, "sync_customer", fail)
        stripe_sim.deliver()
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"failed"}
    outcome = reconciliation.reconcile()
    assert outcome.events == WebhookEvent.objects.count() == 1
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"done"}


def test_event_that_somebody_works_on_is_left_to_them(stripe_sim, bought):
    get_client().v1.customers.update(bought, params={"name": "Acme"})
    (told,) = stripe_sim.take_events()
    webhooks.receive(*stripe_sim.signed(told), now=timezone.now())
    assert webhooks._claim(told["id"]) is not None
    assert reconciliation.reconcile().events == 0


def test_one_broken_account_does_not_hinder_the_others(stripe_sim, bought, globex, acme, prices, monkeypatch):
    other = purchases.make_customer(globex)
    purchases.buy(stripe_sim, other, prices["team"])
    look = sync.fetch
    monkeypatch.setattr(sync, "fetch", lambda customer: look(customer) if customer == other else 1 // 0)
    outcome = reconciliation.reconcile()
    assert (outcome.accounts, outcome.failed, outcome.repaired) == (2, 1, 1)
    assert (account_of(globex).status, account_of(acme).status) == ("active", "none")


def test_service_that_is_down_is_not_asked_for_everybody(stripe_sim, prices, acme, monkeypatch):
    homes = [factories.make_workspace(factories.make_user()) for _ in range(5)]
    for home in homes:
        purchases.make_customer(home)
    asked = []

    def fail(customer):
        asked.append(customer)
        raise PaymentServiceUnavailable

    monkeypatch.setattr(sync, "fetch", fail)
    outcome = reconciliation.reconcile()
    assert (len(asked), outcome.is_complete, outcome.failed) == (3, False, 3)


def test_command_says_what_it_did(bought, capsys):
    call_command("reconcile_billing")
    said = capsys.readouterr().out
    assert "1 of 1 compared" in said
    assert "1 accounts: 1 repaired in" in said


def test_command_may_be_for_one_workspace(bought, prices, acme, globex, capsys):
    purchases.make_customer(globex)
    call_command("reconcile_billing", workspace=acme.slug)
    assert "1 accounts: 1 repaired in" in capsys.readouterr().out


def test_command_fails_where_something_is_left(bought, monkeypatch):
    monkeypatch.setattr(sync, "fetch", lambda customer: 1 // 0)
    with pytest.raises(CommandError, match="run it again"):
        call_command("reconcile_billing")


def test_task_reconciles(bought, acme):
    tasks.reconcile_billing()
    assert account_of(acme).status == "active"
