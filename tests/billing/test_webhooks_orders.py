"""A checkout's life in seven events, delivered in any order: one right state, each effect once.

`./dev bench webhooks` runs all 5,040 orders and 10,000 interleavings.
"""

import pytest

from bench import billing_lives, webhook_orders
from bench.webhook_orders import Life

pytestmark = pytest.mark.django_db
SEED = 20260826
ORDERS, INTERLEAVINGS, OF_A_CONTROL = 16, 24, 30


@pytest.fixture
def life(acme, db) -> Life:
    account = billing_lives.Account()
    account.publish()
    return billing_lives.record(account, acme.id)


def test_life_has_seven_events_over_four_steps(life):
    assert [(row.type, row.world) for row in life.happenings] == [
        ("checkout.session.completed", 1), ("customer.subscription.created", 1), ("invoice.paid", 1),
        ("customer.subscription.updated", 2), ("invoice.paid", 2), ("invoice.paid", 3),
        ("customer.subscription.updated", 4),
    ]  # fmt: skip
    assert len(life.grants) == 5
    assert sum(1 for _ in webhook_orders.orders(life)) == 5040


def test_every_order_ends_in_the_one_right_state_with_each_effect_once(life, acme):
    orders = list(webhook_orders.sample(life, ORDERS, SEED))
    assert len({tuple(row.id for row in order) for order in orders}) > 14
    for order in orders:
        outcome = webhook_orders.run_order(life, acme.id, order)
        assert outcome.wrong == [], [row.type for row in order]


def test_events_own_contents_applied_as_they_arrive_end_wrong(life, acme):
    """The control: the same assertion fails."""
    orders = list(webhook_orders.sample(life, OF_A_CONTROL, SEED))
    take = webhook_orders.take_payload
    wrong = [webhook_orders.run_order(life, acme.id, order, take=take).wrong for order in orders]
    assert all(wrong)
    states = [
        [text for text in row if not text.startswith("grant") and "effects ran" not in text] for row in wrong
    ]
    assert sum(map(bool, states)) > OF_A_CONTROL // 2


def test_interleavings_with_duplicates_and_drops_end_right_or_are_repaired_at_once(life, acme):
    repaired = duplicates = drops = 0
    for plan in webhook_orders.interleavings(life, INTERLEAVINGS, SEED):
        outcome = webhook_orders.run_interleaving(life, acme.id, plan)
        assert outcome.wrong == [], plan
        repaired += outcome.was_repaired
        seen = {row.id for row in plan.deliveries}
        duplicates += len(plan.deliveries) > len(seen)
        drops += len(seen) < len(life.happenings)
    assert duplicates > 12
    assert drops > 12
    assert 2 < repaired < 12


def test_looks_applied_as_they_arrive_end_wrong(life, acme):
    """The control: without the numbers."""
    plans = webhook_orders.interleavings(life, 2 * OF_A_CONTROL, SEED)
    wrong = [webhook_orders.run_interleaving(life, acme.id, plan, is_numbered=False).wrong for plan in plans]
    assert sum(map(bool, wrong)) >= 5
