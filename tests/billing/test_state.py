"""A customer's state is read from Stripe's current shapes."""

from datetime import UTC, datetime

import pytest

from billing.stripe.state import assemble, choose, subscription_state
from tests.billing import shapes
from tests.billing.shapes import BEGAN, MONTH


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_customer_without_anything():
    state = assemble(shapes.customer(balance=-500), [], [])
    assert (state.id, state.balance_minor, state.subscription, state.payment_method) == (
        "cus_1",
        -500,
        None,
        {},
    )
    assert (state.invoices, state.sessions, state.unpaid_invoices) == ((), (), [])


def test_period_is_the_items():
    state = assemble(shapes.customer(), [shapes.subscription("sub_1", shapes.item("price_pro"))], [])
    (item,) = state.subscription.items
    assert (item.period_start, item.period_end) == (at(BEGAN), at(BEGAN + MONTH))
    assert (item.price_id, item.interval, item.quantity, item.is_metered) == ("price_pro", "month", 1, False)


def test_subscriptions_own_method_goes_before_the_customers():
    customer = shapes.customer(invoice_settings={"default_payment_method": shapes.card("pm_1", "4242")})
    own = shapes.subscription("sub_1", shapes.item("p"), default_payment_method=shapes.card("pm_2", "0341"))
    assert assemble(customer, [own], []).payment_method == {
        "id": "pm_2", "type": "card", "brand": "visa", "last4": "0341", "exp_month": 12, "exp_year": 2034,
    }  # fmt: skip
    assert assemble(customer, [], []).payment_method["last4"] == "4242"


def test_method_that_is_no_card_is_told_by_its_type():
    link = {"id": "pm_3", "object": "payment_method", "type": "link", "link": {"email": "a@example.com"}}
    customer = shapes.customer(invoice_settings={"default_payment_method": link})
    assert assemble(customer, [], []).payment_method == {
        "id": "pm_3",
        "type": "link",
        "brand": "",
        "last4": "",
    }


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        (["active", "canceled"], 0),
        (["canceled", "active"], 1),
        (["active", "incomplete"], 0),
        (["past_due", "active"], 1),
        (["active", "past_due"], 0),
        (["active", "trialing"], 1),
        (["unpaid", "incomplete"], 0),
        (["canceled", "canceled"], 1),
        (["incomplete_expired"], None),
        (["canceled", "incomplete_expired"], 0),
        ([], None),
    ],
    ids=str,
)
def test_subscription_that_counts(statuses, chosen):
    """Each is newer than the one before."""
    rows = [
        subscription_state(shapes.subscription(f"sub_{at}", status=status, created=BEGAN + at))
        for at, status in enumerate(statuses)
    ]
    found = choose(rows)
    assert (found.id if found else None) == (None if chosen is None else f"sub_{chosen}")


def test_choice_does_not_depend_on_the_order_of_the_answer():
    rows = [subscription_state(shapes.subscription(f"sub_{at}", created=BEGAN)) for at in range(3)]
    assert {choose(order).id for order in (rows, rows[::-1], [rows[1], rows[2], rows[0]])} == {"sub_2"}


def test_end_of_a_subscription():
    at_end = shapes.subscription("sub_1", shapes.item("p"), cancel_at_period_end=True)
    assert subscription_state(at_end).cancels_at == at(BEGAN + MONTH)
    at_a_time = shapes.subscription("sub_1", shapes.item("p"), cancel_at=BEGAN + 99)
    assert subscription_state(at_a_time).cancels_at == at(BEGAN + 99)
    ended = shapes.subscription(
        "sub_1", shapes.item("p"), status="canceled", cancel_at=BEGAN, ended_at=BEGAN + 1
    )
    assert (subscription_state(ended).cancels_at, subscription_state(ended).ended_at) == (None, at(BEGAN + 1))


def test_trial_ends_only_while_it_lasts():
    trialing = shapes.subscription("sub_1", status="trialing", trial_end=BEGAN + 9)
    assert subscription_state(trialing).trial_ends_at == at(BEGAN + 9)
    assert subscription_state(trialing | {"status": "active"}).trial_ends_at is None


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (shapes.schedule(("a", BEGAN), ("b", BEGAN + MONTH)), (("b",), BEGAN + MONTH)),
        (shapes.schedule(("a", BEGAN), ("b", BEGAN + MONTH), present=BEGAN + MONTH), None),
        (shapes.schedule(("a", BEGAN + 5), status="not_started", present=None), (("a",), BEGAN + 5)),
        (shapes.schedule(("a", BEGAN), ("b", BEGAN + MONTH), status="released"), None),
        (shapes.schedule(("a", BEGAN), ("b", BEGAN + MONTH), status="canceled"), None),
        ("sub_sched_1", None),
        (None, None),
    ],
    ids=["next", "last", "future", "released", "canceled", "id", "none"],
)
def test_next_phase_of_a_schedule(schedule, expected):
    phase = subscription_state(shapes.subscription("sub_1", schedule=schedule)).next_phase
    assert (phase and (phase.price_ids, phase.begins_at)) == (expected and (expected[0], at(expected[1])))


def test_invoice_belongs_to_its_parents_subscription():
    state = assemble(shapes.customer(), [], [shapes.invoice(), shapes.invoice("in_2", parent=None)])
    assert [row.subscription_id for row in state.invoices] == ["sub_1", ""]
    assert (state.invoices[0].paid_at, state.invoices[0].finalized_at) == (at(BEGAN + 20), at(BEGAN + 10))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True), ({"attempt_count": 0}, False), ({"status": "draft"}, False), ({"status": "void"}, False),
        ({"status": "paid"}, False), ({"collection_method": "send_invoice"}, False),
    ],
    ids=str,
)  # fmt: skip
def test_failed_is_what_was_tried_and_is_open(changes, expected):
    (row,) = assemble(shapes.customer(), [], [shapes.unpaid() | changes]).invoices
    assert row.has_failed is expected


def test_invoice_that_waits_for_the_customer_is_marked():
    invoices = [shapes.unpaid("in_1"), shapes.unpaid("in_2")]
    state = assemble(shapes.customer(), [], invoices, waiting=frozenset({"in_2"}))
    assert [row.needs_action for row in state.invoices] == [False, True]


@pytest.mark.parametrize(
    ("status", "is_paid"), [("paid", True), ("no_payment_required", True), ("unpaid", False)]
)
def test_session_is_paid_or_had_nothing_to_pay(status, is_paid):
    (row,) = assemble(shapes.customer(), [], [], [shapes.session(payment_status=status)]).sessions
    assert row.is_paid is is_paid


def test_expanded_references_are_ids():
    row = shapes.session(subscription={"id": "sub_9", "object": "subscription"})
    assert assemble(shapes.customer(), [], [], [row]).sessions[0].subscription_id == "sub_9"
