"""The same event eight times at the same moment, again and again: one effect."""

import pytest

from bench import billing_lives, webhook_rivals
from billing.subscriptions.models import BillingAccount
from billing.webhooks.models import WebhookEvent
from tests import factories

ROUNDS, RIVALS, FEWER = 40, 8, 20


@pytest.fixture
def home(committed):
    """A workspace of its own, because what is committed stays; the prices are given back."""
    workspace = factories.make_workspace(factories.make_user())
    account = billing_lives.Account()
    with account.publishing():
        life = billing_lives.record(account, workspace.id)
        yield life, workspace.id
    WebhookEvent.objects.filter(customer_id=life.customer_id).delete()
    BillingAccount.objects.filter(workspace_id=workspace.id).update(stripe_customer_id=None)


def test_same_event_from_eight_at_once_has_one_effect(home):
    life, workspace_id = home
    found = webhook_rivals.run(life, workspace_id, rounds=ROUNDS, rivals=RIVALS, at_once=factories.at_once)
    assert found.wrong == []
    assert found.effects == {1: ROUNDS}


def test_eight_looks_at_once_have_one_effect_also_without_the_lease(home):
    life, workspace_id = home
    found = webhook_rivals.run(
        life,
        workspace_id,
        rounds=FEWER,
        rivals=RIVALS,
        at_once=factories.at_once,
        take=webhook_rivals.look_only,
    )
    assert found.wrong == []
    assert found.effects == {1: FEWER}


def test_check_then_insert_has_several(home):
    """The control: the same assertion fails."""
    life, workspace_id = home
    found = webhook_rivals.run_control(
        life, workspace_id, rounds=FEWER, rivals=RIVALS, at_once=factories.at_once
    )
    assert found.effects != {1: FEWER}
    assert max(found.effects) > 1
