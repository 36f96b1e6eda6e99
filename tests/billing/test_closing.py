"""What becomes of a plan when its workspace is deleted: not renewed meanwhile, ended with the erasure."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.stripe.client import PaymentServiceUnavailable, get_client
from billing.subscriptions import closing, queries
from billing.subscriptions.models import BillingEvent
from config import ports
from tenants.audit import SYSTEM
from tenants.lifecycle import services
from tenants.lifecycle.inventory import Fate
from tenants.models import AuditEntry, Erasure, Workspace
from tests import factories
from tests.billing import buying

NOW = timezone.now()
LATER = NOW + timedelta(days=14)


@pytest.fixture
def team(committed, stripe_sim):
    user = factories.make_user()
    workspace = factories.make_workspace(user, on_free_plan=True)
    person = factories.Person(user, workspace, factories.member_of(workspace, user))
    buying.publish()
    buying.subscribe(person.member)
    return person


def schedule(team) -> None:
    name = Workspace.objects.get(id=team.workspace.id).name
    services.schedule_deletion(workspace_id=team.workspace.id, typed_name=name, actor=SYSTEM, now=NOW)


def subscription(team):
    account = queries.get_account(team.workspace.id)
    return get_client().v1.subscriptions.retrieve(account.subscription_id)


def test_scheduling_keeps_the_plan_from_being_renewed_and_undoing_leaves_that_to_the_owners(team):
    assert subscription(team).cancel_at_period_end is False
    schedule(team)
    assert subscription(team).cancel_at_period_end is True
    assert queries.get_account(team.workspace.id).cancels_at is not None
    services.undo_deletion(workspace_id=team.workspace.id, actor=SYSTEM, now=NOW)
    assert subscription(team).status == "active"
    events = BillingEvent.objects.filter(workspace_id=team.workspace.id, kind="plan.cancelled")
    assert [event.data for event in events] == [{"reason": "workspace_deletion"}]


def test_saying_it_again_changes_nothing(team):
    schedule(team)
    entries = AuditEntry.objects.filter(workspace_id=team.workspace.id).count()
    services.end_plans()
    assert AuditEntry.objects.filter(workspace_id=team.workspace.id).count() == entries


def test_payment_service_that_is_away_hinders_no_scheduling_and_is_told_later(team, monkeypatch):
    def away(*_, **__):
        raise PaymentServiceUnavailable()

    with monkeypatch.context() as patch:
        patch.setattr(closing.moves, "end_at_period_end", away)
        schedule(team)
    assert Workspace.objects.get(id=team.workspace.id).state == "deleting"
    assert subscription(team).cancel_at_period_end is False
    services.end_plans()
    assert subscription(team).cancel_at_period_end is True


def test_erasing_ends_the_plan_and_takes_the_customer_out(team):
    account = queries.get_account(team.workspace.id)
    schedule(team)
    assert services.erase(team.workspace.id, now=LATER)
    assert get_client().v1.customers.retrieve(account.stripe_customer_id).deleted is True
    assert get_client().v1.subscriptions.retrieve(account.subscription_id).status == "canceled"


def test_erasing_waits_for_a_payment_service_that_is_away(team, monkeypatch):
    schedule(team)

    def away(**_):
        raise PaymentServiceUnavailable()

    with monkeypatch.context() as patch:
        patch.setattr(ports.payments_forget_workspace, "_answer", away)
        assert services.erase(team.workspace.id, now=LATER) is False
    assert Erasure.objects.get(workspace_id=team.workspace.id).done == ["runs"]
    assert Workspace.objects.filter(id=team.workspace.id).exists()
    assert services.erase(team.workspace.id, now=LATER) is True


def test_page_says_what_happens_to_the_plan(team):
    lines = {line.what: line for line in closing.inventory_of(team.workspace.id)}
    assert lines["paid plan"].fate == Fate.ENDED
    assert "Pro is not renewed: it ends with what is paid for" in lines["paid plan"].note
    assert (lines["invoices"].count, lines["invoices"].fate) == (1, Fate.KEPT)
