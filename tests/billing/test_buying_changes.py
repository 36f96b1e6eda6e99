"""Changing a plan at the payment service: what is charged to the cent, and what stays when it cannot be charged."""

import pytest

from billing.stripe.client import PaymentRefused, get_client
from billing.subscriptions import refusals, services
from billing.subscriptions.models import BillingEvent
from tenants.models import AuditEntry
from tests import factories
from tests.billing import buying

pytestmark = pytest.mark.django_db
BEGAN, HALF, END = (
    buying.at("2027-03-01T00:00:00"),
    buying.at("2027-03-16T12:00:00"),
    buying.at("2027-04-01T00:00:00"),
)
"""March has 31 days: half of it has passed at noon of the 16th."""


@pytest.fixture
def member(stripe_sim):
    """The owner of a workspace of their own; the clock stands at the beginning of March."""
    stripe_sim.stand_at(BEGAN)
    buying.publish()
    user = factories.make_user()
    return factories.member_of(factories.make_workspace(user), user)


def preview(member, plan_key: str, interval: str = "month", **fields):
    return services.preview_change(member=member, plan_key=plan_key, interval=interval, **fields)


def change(member, plan_key: str, interval: str = "month", **fields):
    return services.change_plan(member=member, plan_key=plan_key, interval=interval, **fields)


def account_of(member):
    return buying.queries.get_account(member.workspace_id)


# up


def test_an_upgrade_costs_the_difference_for_what_is_left(stripe_sim, member):
    buying.subscribe(member, "pro")
    stripe_sim.stand_at(HALF)
    before = stripe_sim.snapshot()
    seen = preview(member, "team")
    assert stripe_sim.snapshot() == before, "a look changes nothing"
    assert sorted((line.amount_minor, line.is_proration) for line in seen.lines) == [
        (-1000, True),
        (2500, True),
    ]
    assert (seen.when, seen.due_now_minor, seen.credit_minor) == ("now", 1500, 0)
    assert (seen.next_minor, seen.next_at) == (5000, END)
    assert change(member, "team") == services.Changed("now")
    account = account_of(member)
    assert buying.shows(account) == ("team", "month", 1)
    assert (account.status, account.period_end) == ("active", END)
    assert buying.invoices(member) == [(1500, "paid"), (2000, "paid")]
    assert BillingEvent.objects.filter(workspace_id=member.workspace_id, kind="plan.changed").count() == 1
    [entry] = AuditEntry.objects.filter(workspace_id=member.workspace_id, action="plan.changed")
    assert (entry.actor_ref, entry.data["was"], entry.data["plan"]) == (member.person_ref, "pro", "team")


def test_a_quote_holds_although_time_passes(stripe_sim, member):
    buying.subscribe(member, "pro")
    stripe_sim.stand_at(HALF)
    seen = preview(member, "team")
    stripe_sim.advance(hours=12)
    assert preview(member, "team").due_now_minor == 1451, (
        "15 of 31 days are left: -968 and +2419, to the nearest cent"
    )
    change(member, "team", quote=seen.quote)
    assert buying.invoices(member)[0] == (1500, "paid")


def test_a_quote_for_another_plan_is_refused_and_nothing_changes(stripe_sim, member):
    buying.subscribe(member, "pro")
    seen = preview(member, "pro", "year")
    with pytest.raises(refusals.QuoteOutdated):
        change(member, "team", quote=seen.quote)
    assert buying.shows(buying.look(member)) == ("pro", "month", 1)


def test_a_declined_card_keeps_the_old_plan_and_owes_nothing(stripe_sim, member):
    buying.subscribe(member, "pro")
    buying.keep_card(member, buying.DECLINING)
    stripe_sim.stand_at(HALF)
    with pytest.raises(PaymentRefused) as caught:
        change(member, "team")
    assert caught.value.data["decline_code"] == "generic_decline"
    account = buying.look(member)
    assert (buying.shows(account), account.status, account.period_end) == (("pro", "month", 1), "active", END)
    assert buying.subscription(member).pending_update is None
    assert buying.invoices(member) == [(1500, "void"), (2000, "paid")]
    assert (account.balance_minor, account.action_url) == (0, "")
    [event] = BillingEvent.objects.filter(workspace_id=member.workspace_id, kind="plan.change_declined")
    assert event.data["decline_code"] == "generic_decline"
    buying.keep_card(member)
    assert change(member, "team").outcome == "now", "with another card"
    assert buying.invoices(member)[0] == (1500, "paid")


def test_had_the_change_not_waited_for_its_payment_it_would_be_given(stripe_sim, member, monkeypatch):
    """The control: Stripe's default gives the plan before it is paid."""
    buying.subscribe(member, "pro")
    buying.keep_card(member, buying.DECLINING)
    stripe_sim.stand_at(HALF)
    update = get_client().v1.subscriptions.update
    account = account_of(member)
    items = buying.subscription(member)["items"].data
    team = buying.plans_queries.price_of(buying.plans_queries.get_plan("team"), "month").stripe_price_id
    update(
        account.subscription_id,
        {"items": [{"id": items[0].id, "price": team}], "proration_behavior": "always_invoice"},
    )
    assert buying.shows(buying.look(member)) == ("team", "month", 1)


def test_a_payment_to_be_confirmed_keeps_the_old_plan_until_it_is(stripe_sim, member):
    buying.subscribe(member, "pro")
    buying.keep_card(member, buying.ASKING)
    stripe_sim.stand_at(HALF)
    changed = change(member, "team")
    assert changed.outcome == "unconfirmed"
    account = account_of(member)
    assert buying.shows(account) == ("pro", "month", 1)
    assert account.action_url == changed.action_url != ""
    stripe_sim.confirm_payment(changed.action_url)
    account = buying.look(member)
    assert (buying.shows(account), account.action_url) == (("team", "month", 1), "")
    assert buying.invoices(member) == [(1500, "paid"), (2000, "paid")]


def test_a_payment_that_is_never_confirmed_changes_nothing(stripe_sim, member):
    buying.subscribe(member, "pro")
    buying.keep_card(member, buying.ASKING)
    stripe_sim.stand_at(HALF)
    change(member, "team")
    stripe_sim.advance(hours=24)
    account = buying.look(member)
    assert (buying.shows(account), account.action_url) == (("pro", "month", 1), "")
    assert buying.subscription(member).pending_update is None
    assert buying.invoices(member) == [(1500, "void"), (2000, "paid")]


# down


def test_a_downgrade_comes_when_the_paid_time_is_over(stripe_sim, member):
    buying.subscribe(member, "team")
    stripe_sim.stand_at(HALF)
    seen = preview(member, "pro")
    assert (seen.when, seen.lines, seen.due_now_minor, seen.changes_at) == ("period_end", [], 0, END)
    assert (seen.next_minor, seen.next_at) == (2000, END)
    assert change(member, "pro") == services.Changed("period_end")
    account = account_of(member)
    assert buying.shows(account) == ("team", "month", 1)
    assert (account.pending_plan.key, account.pending_interval, account.pending_at) == ("pro", "month", END)
    stripe_sim.advance(days=16, hours=2)
    account = buying.look(member)
    assert (buying.shows(account), account.pending_plan, account.status) == (
        ("pro", "month", 1),
        None,
        "active",
    )
    assert buying.invoices(member) == [(2000, "paid"), (5000, "paid")]


def test_what_will_not_fit_is_told_and_nothing_is_lost(stripe_sim, member):
    buying.subscribe(member, "team")
    workspace = factories.get_ref(id=member.workspace_id)
    for _ in range(2):
        factories.join(workspace, factories.make_user(), "member")
    [seats] = [row for row in preview(member, "pro").misfits if row.kind == "seats"]
    assert (seats.have, seats.allowed) == (3, 1)
    change(member, "pro")
    assert buying.plans_queries.seats_of(account_of(member).effective_plan, 1) == 5, "until then all fit"


def test_a_scheduled_downgrade_can_be_withdrawn(stripe_sim, member):
    buying.subscribe(member, "team")
    change(member, "pro")
    services.cancel_scheduled(member=member)
    account = account_of(member)
    assert (account.pending_plan, account.schedule_id) == (None, "")
    stripe_sim.advance(days=32, hours=2)
    assert buying.shows(buying.look(member)) == ("team", "month", 1)
    with pytest.raises(refusals.NothingScheduled):
        services.cancel_scheduled(member=member)


def test_another_choice_takes_the_place_of_what_was_scheduled(stripe_sim, member):
    buying.subscribe(member, "team", "year")
    change(member, "pro", "year")
    change(member, "pro", "month")
    assert account_of(member).pending_interval == "month"
    studio = buying.sold_by_seat(rank=900, month=9000, year=90_000)
    assert change(member, studio.key, "year").outcome == "now"
    account = account_of(member)
    assert (buying.shows(account), account.pending_plan) == (("studio", "year", 1), None)


# the interval


def test_a_year_begins_at_once_with_credit_for_the_month(stripe_sim, member):
    buying.subscribe(member, "pro")
    stripe_sim.stand_at(HALF)
    seen = preview(member, "pro", "year")
    assert (seen.due_now_minor, seen.next_minor) == (19_000, 20_000)
    assert seen.next_at == buying.at("2028-03-16T12:00:00")
    assert change(member, "pro", "year").outcome == "now"
    account = account_of(member)
    assert buying.shows(account) == ("pro", "year", 1)
    assert account.period_end == buying.at("2028-03-16T12:00:00")
    assert buying.invoices(member)[0] == (19_000, "paid")


def test_a_month_follows_the_year_that_was_paid(stripe_sim, member):
    buying.subscribe(member, "pro", "year")
    assert change(member, "pro", "month").outcome == "period_end"
    account = account_of(member)
    assert buying.shows(account) == ("pro", "year", 1)
    assert (account.pending_interval, account.pending_at) == ("month", buying.at("2028-03-01T00:00:00"))
    stripe_sim.advance(days=367, hours=2)
    assert buying.shows(buying.look(member)) == ("pro", "month", 1)
    assert buying.invoices(member) == [(2000, "paid"), (20_000, "paid")]


# the end


def test_a_plan_ends_when_its_time_is_over_and_says_why(stripe_sim, member):
    buying.subscribe(member, "pro")
    services.cancel(member=member, reason="too_expensive", comment="Maybe next year")
    account = account_of(member)
    assert (account.status, account.cancels_at) == ("active", END)
    details = buying.subscription(member).cancellation_details
    assert (details.feedback, details.comment) == ("too_expensive", "Maybe next year")
    [entry] = AuditEntry.objects.filter(workspace_id=member.workspace_id, action="plan.cancelled")
    assert entry.data == {"reason": "too_expensive", "has_comment": True}
    stripe_sim.advance(days=32, hours=2)
    account = buying.look(member)
    assert (account.status, account.effective_plan.key) == ("canceled", "free")
    assert buying.invoices(member) == [(2000, "paid")]


def test_a_plan_that_is_resumed_goes_on(stripe_sim, member):
    buying.subscribe(member, "pro")
    services.cancel(member=member, reason="other")
    services.resume(member=member)
    assert account_of(member).cancels_at is None
    stripe_sim.advance(days=32, hours=2)
    account = buying.look(member)
    assert (account.status, account.period_end) == ("active", buying.at("2027-05-01T00:00:00"))
    assert buying.invoices(member) == [(2000, "paid"), (2000, "paid")]


def test_cancelling_withdraws_what_was_scheduled(stripe_sim, member):
    buying.subscribe(member, "team")
    change(member, "pro")
    services.cancel(member=member)
    account = account_of(member)
    assert (account.cancels_at, account.pending_plan, account.schedule_id) == (END, None, "")


# seats


def test_more_seats_are_paid_at_once_and_fewer_credited(stripe_sim, member):
    studio = buying.sold_by_seat()
    buying.subscribe(member, studio, quantity=2)
    stripe_sim.stand_at(HALF)
    seen = preview(member, "studio", seats=4)
    assert (seen.due_now_minor, seen.next_minor, seen.quantity) == (1000, 4000, 4)
    assert services.set_seats(member=member, seats=4).outcome == "now"
    assert buying.shows(account_of(member)) == ("studio", "month", 4)
    assert buying.invoices(member) == [(1000, "paid"), (2000, "paid")]
    less = preview(member, "studio", seats=3)
    assert (less.due_now_minor, less.next_minor) == (0, 2500)
    services.set_seats(member=member, seats=3)
    assert buying.shows(account_of(member)) == ("studio", "month", 3)
    stripe_sim.advance(days=16, hours=2)
    buying.look(member)
    assert buying.invoices(member) == [(2500, "paid"), (1000, "paid"), (2000, "paid")]


def test_seats_stay_those_that_were_bought_when_nothing_is_said(stripe_sim, member):
    studio = buying.sold_by_seat()
    buying.subscribe(member, studio, quantity=5)
    change(member, "studio", "year")
    assert buying.shows(account_of(member)) == ("studio", "year", 5)
