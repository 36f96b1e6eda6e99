"""Buying at the payment service's page, and trials with and without a card."""

import pytest

from billing.subscriptions import describe, refusals, returns, services
from billing.subscriptions.models import Checkout, TrialUse
from tests import factories
from tests.billing import buying

pytestmark = pytest.mark.django_db
BEGAN = buying.at("2027-03-01T00:00:00")
API = "/api/v1/"


@pytest.fixture
def member(stripe_sim):
    stripe_sim.stand_at(BEGAN)
    buying.publish()
    user = factories.make_user()
    return factories.member_of(factories.make_workspace(user), user)


def buy(member, **fields) -> str:
    return services.start_checkout(member=member, **{"plan_key": "pro", "interval": "month", **fields})


def account_of(member):
    return buying.queries.get_account(member.workspace_id)


def session_of(member) -> str:
    return Checkout.objects.filter(workspace_id=member.workspace_id).latest("created_at").session_id


def test_a_plan_is_bought_and_runs(stripe_sim, member):
    url = buy(member)
    assert buy(member) == url
    stripe_sim.complete_checkout(url)
    account = buying.look(member)
    assert (buying.shows(account), account.status) == (("pro", "month", 1), "active")
    assert (account.effective_plan.key, account.payment_method["last4"]) == ("pro", "4242")
    assert buying.invoices(member) == [(2000, "paid")]
    [shown] = buying.queries.list_invoices(member.workspace_id)
    assert (shown.total_minor, shown.status) == (2000, "paid")
    assert shown.pdf_url and shown.hosted_url
    with pytest.raises(refusals.AlreadySubscribed):
        buy(member)
    assert returns.checkout_state(member.workspace_id, session_of(member)).state == "done"


def test_without_a_webhook_the_page_finds_out_by_itself(stripe_sim, member):
    url = buy(member)
    session_id = session_of(member)
    stripe_sim.complete_checkout(url)
    now = describe.timezone.now()
    states = [
        returns.checkout_state(
            member.workspace_id, session_id, now=now + describe.timezone.timedelta(seconds=second)
        )
        for second in (0, 5)
    ]
    assert [found.state for found in states] == ["waiting", "done"]
    assert account_of(member).status == "active"


def test_a_page_that_gave_way_cannot_be_paid(stripe_sim, member):
    first, second = buy(member), buy(member, interval="year")
    assert stripe_sim.complete_checkout(first).kind != "completed"
    stripe_sim.complete_checkout(second)
    assert buying.shows(buying.look(member)) == ("pro", "year", 1)


def test_seats_are_bought_with_a_plan_that_is_sold_by_them(stripe_sim, member):
    buying.sold_by_seat()
    stripe_sim.complete_checkout(buy(member, plan_key="studio", seats=3))
    assert buying.shows(buying.look(member)) == ("studio", "month", 3)
    assert buying.invoices(member) == [(3000, "paid")]


def test_a_promotion_code_that_nobody_knows_is_refused(stripe_sim, member):
    with pytest.raises(refusals.PromotionCodeUnknown):
        buy(member, promotion_code="NOTHING")
    assert not Checkout.objects.filter(workspace_id=member.workspace_id).exists()


def test_a_promotion_code_takes_its_part_off(stripe_sim, member):
    client = buying.get_client()
    coupon = client.v1.coupons.create({"percent_off": 25, "duration": "forever"})
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "SPRING"})
    stripe_sim.complete_checkout(buy(member, promotion_code="SPRING"))
    buying.look(member)
    assert buying.invoices(member) == [(1500, "paid")]
    assert describe.describe(member.workspace_id).next_charge.amount_minor == 1500


def test_the_portal_opens_also_for_who_never_bought(stripe_sim, member):
    assert services.open_portal(member=member).startswith("http")
    assert account_of(member).stripe_customer_id
    buying.keep_card(member)
    buying.subscribe(member)
    for flow in ("", "card", "cancel"):
        assert services.open_portal(member=member, flow=flow).startswith("http")


# trials


def test_a_trial_with_a_card_is_taken_when_it_begins(stripe_sim, member):
    url = buy(member, trial=True)
    assert not TrialUse.objects.filter(workspace_id=member.workspace_id).exists(), "not yet"
    stripe_sim.complete_checkout(url)
    account = buying.look(member)
    assert (account.status, account.trial_ends_at) == ("trialing", buying.at("2027-03-15T00:00:00"))
    [use] = TrialUse.objects.filter(workspace_id=member.workspace_id)
    assert (use.person_ref, use.plan_key) == (member.person_ref, "pro")
    assert sum(total for total, _ in buying.invoices(member)) == 0
    stripe_sim.advance(days=14, hours=2)
    assert buying.look(member).status == "active"
    assert sum(total for total, _ in buying.invoices(member)) == 2000


def test_a_trial_without_a_card_ends_by_itself(stripe_sim, member):
    services.start_trial(member=member, plan_key="pro")
    account = account_of(member)
    assert (account.status, account.effective_plan.key) == ("trialing", "pro")
    shown = describe.describe(member.workspace_id)
    assert (shown.next_charge, shown.trial.ends_without_card) == (None, True)
    stripe_sim.advance(days=14, hours=2)
    account = buying.look(member)
    assert (account.status, account.effective_plan.key) == ("canceled", "free")
    with pytest.raises(refusals.TrialRefused) as caught:
        services.start_trial(member=member, plan_key="team")
    assert caught.value.code == "trial_used_here"
    with pytest.raises(refusals.TrialRefused):
        buy(member, trial=True)
    assert buy(member), "it can be bought"


def test_a_card_added_in_a_trial_keeps_the_plan(stripe_sim, member):
    services.start_trial(member=member, plan_key="pro")
    buying.keep_card(member)
    buying.look(member)
    shown = describe.describe(member.workspace_id)
    assert (shown.next_charge.amount_minor, shown.trial.ends_without_card) == (2000, False)
    stripe_sim.advance(days=14, hours=2)
    assert buying.look(member).status == "active"


def test_in_a_trial_another_plan_costs_nothing_yet(stripe_sim, member):
    services.start_trial(member=member, plan_key="pro")
    seen = services.preview_change(member=member, plan_key="team", interval="month")
    assert (seen.when, seen.due_now_minor, seen.next_minor) == ("now", 0, 5000)
    assert services.change_plan(member=member, plan_key="team", interval="month").outcome == "now"
    account = account_of(member)
    assert (buying.shows(account), account.status) == (("team", "month", 1), "trialing")
    assert sum(total for total, _ in buying.invoices(member)) == 0


def test_of_two_trials_paid_for_at_once_the_second_ends_before_it_costs(stripe_sim, member, monkeypatch):
    """Two checkout pages of one person in two workspaces, both opened while no trial had begun."""
    from billing.subscriptions import tasks

    woken = []
    monkeypatch.setattr(tasks.end_second_trial, "delay", lambda **kwargs: woken.append(kwargs))
    monkeypatch.setattr("django.db.transaction.on_commit", lambda call, **_: call())
    user = buying.BillingAccount and factories.accounts_queries.User.objects.get(id=member.user_id)
    elsewhere = factories.member_of(factories.make_workspace(user), user)
    pages = [buy(member, trial=True), buy(elsewhere, trial=True)]
    for url in pages:
        stripe_sim.complete_checkout(url)
    assert [buying.look(who).status for who in (member, elsewhere)] == ["trialing", "trialing"]
    assert woken == [{"subscription_id": account_of(elsewhere).subscription_id}]
    for kwargs in woken * 2:
        services.end_second_trial(**kwargs)
    assert [buying.look(who).status for who in (member, elsewhere)] == ["trialing", "canceled"]
    assert sum(total for total, _ in buying.invoices(elsewhere)) == 0


# over REST


def test_subscribing_over_rest_buys_and_then_changes(stripe_sim, member):
    client = factories.with_key(factories.make_key(member))
    opened = client.post(API + "subscribe", {"plan": "pro"}, content_type="application/json")
    assert (opened.status_code, list(opened.json())) == (201, ["checkout_url"])
    stripe_sim.complete_checkout(opened.json()["checkout_url"])
    buying.look(member)
    changed = client.post(API + "subscribe", {"plan": "team"}, content_type="application/json")
    body = changed.json()
    assert (changed.status_code, body["outcome"], body["action_url"]) == (200, "now", "")
    assert body["subscription"]["subscribed_plan"]["key"] == "team"
    assert body["subscription"]["next_charge"]["amount_minor"] == 5000
    numbers = client.get(API + "billing/invoices").json()["results"]
    assert len(numbers) == 2


def test_checkout_and_portal_over_rest(stripe_sim, member):
    client = factories.with_key(factories.make_key(member))
    opened = client.post(
        API + "billing/checkout", {"plan": "pro", "trial": True}, content_type="application/json"
    )
    assert opened.status_code == 201
    assert opened.json()["checkout_url"] == buy(member, trial=True)
    portal = client.post(API + "billing/portal", {}, content_type="application/json")
    assert (portal.status_code, list(portal.json())) == (201, ["portal_url"])


def test_a_deal_is_bought_once_and_for_good(stripe_sim, member):
    url = services.start_checkout(member=member, deal="beta")
    session_id = session_of(member)
    stripe_sim.complete_checkout(url)
    account = buying.look(member)
    assert (account.lifetime_plan.key, account.status, account.effective_plan.key) == ("pro", "none", "pro")
    assert returns.checkout_state(member.workspace_id, session_id).state == "done"
    assert buying.invoices(member) == [(9900, "paid")]
