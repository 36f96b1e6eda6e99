"""What is offered, and which version a price belongs to."""

from uuid import uuid4

import pytest

from billing.plans import queries, services
from billing.plans.models import Plan, PlanPrice
from billing.plans.queries import PlanNotFound, PlanNotSold

pytestmark = pytest.mark.django_db


@pytest.fixture
def every_catalogue():
    for name in ("ai-la", "teach-charlie", "alwrity", "ai-mentor"):
        services.sync_plans(catalogue=name, local=True, write=lambda text: None)


def test_offers_come_by_rank_with_their_prices_in_two_queries(assert_queries, every_catalogue):
    for name, keys in (
        ("alin", ["free", "pro", "team", "enterprise"]),
        ("alwrity", ["free", "basic", "pro"]),
    ):
        with assert_queries(2):
            plans = queries.list_offered(name)
            saved = [queries.saving_minor(plan) for plan in plans]
        assert [plan.key for plan in plans] == keys
        assert saved == ([0, 4000, 10000, 0] if name == "alin" else [0, 0, 0])


def test_a_plan_is_found_by_its_key_in_its_catalogue(every_catalogue):
    assert queries.get_plan("pro").catalogue == "alin"
    assert queries.get_plan("pro", catalogue="ai-la").catalogue == "ai-la"
    for key, name in (("platinum", None), ("team", "ai-la")):
        with pytest.raises(PlanNotFound) as caught:
            queries.get_plan(key, catalogue=name)
        assert (caught.value.status, caught.value.code) == (404, "plan_not_found")


def test_newcomers_begin_with_the_free_plan_of_the_catalogue_in_use(settings, every_catalogue):
    assert queries.free_plan().name == "Free"
    settings.PLAN_CATALOGUE = "alwrity"
    assert queries.free_plan().name == "Free Alpha"
    Plan.objects.filter(catalogue="alwrity").update(is_current=False)
    assert queries.free_plan() is None


def test_a_price_is_for_an_interval_that_is_sold(every_catalogue):
    pro = queries.get_plan("pro", catalogue="ai-la")
    assert queries.price_of(pro, "year").amount_minor == 10000
    for key, name, interval in (
        ("free", "alin", "month"), ("enterprise", "alin", "month"), ("enterprise", "ai-la", "year"),
        ("basic", "alwrity", "month"),
    ):  # fmt: skip
        with pytest.raises(PlanNotSold) as caught:
            queries.price_of(queries.get_plan(key, catalogue=name), interval)
        assert caught.value.status == 422


def test_cost_that_is_passed_on_is_a_metered_price_beside_the_plan_s(every_catalogue):
    team = queries.get_plan("team", catalogue="teach-charlie")
    assert queries.price_of(team, "month").amount_minor == 7900
    (metered,) = queries.metered_prices(team, "month")
    assert (metered.meter, metered.amount_minor) == ("cost_micro", 100)
    assert metered.lookup_key == "steward_teach-charlie_team_month_cost_micro_v1"
    assert queries.metered_prices(queries.get_plan("free", catalogue="teach-charlie"), "month") == []
    assert queries.metered_prices(queries.get_plan("pro"), "month") == []


def test_a_price_of_the_payment_service_belongs_to_a_version_old_ones_too(assert_queries):
    price = queries.price_of(queries.get_plan("pro"), "month")
    PlanPrice.objects.filter(pk=price.pk).update(stripe_price_id="price_known")
    Plan.objects.filter(pk=price.plan_id).update(is_current=False)
    with assert_queries(1):
        found = queries.plan_of_stripe_price("price_known")
    assert found is not None
    assert (found[0].pk, found[1].pk) == (price.plan_id, price.pk)
    assert queries.plan_of_stripe_price("price_unknown") is None
    with assert_queries(0):
        assert queries.plan_of_stripe_price("") is None, "prices that were never published have no id"


def test_seats_are_those_of_the_plan_or_as_many_as_were_bought(every_catalogue):
    seats = {
        (name, plan.key): queries.seats_of(plan, 7)
        for name in ("alin", "ai-la", "teach-charlie")
        for plan in queries.list_offered(name)
    }
    assert seats == {
        ("alin", "free"): 1, ("alin", "pro"): 1, ("alin", "team"): 5, ("alin", "enterprise"): None,
        ("ai-la", "free"): 1, ("ai-la", "pro"): 5, ("ai-la", "enterprise"): 7,
        ("teach-charlie", "free"): 1, ("teach-charlie", "pro"): 1, ("teach-charlie", "team"): None,
    }  # fmt: skip


def test_features_are_given_or_planned_and_never_both(assert_queries):
    pro = queries.get_plan("pro")
    with assert_queries(0):
        found = queries.list_features(pro)
    assert [
        (feature.label, feature.is_offered)
        for feature in found
        if feature.key in ("api_access", "voice_conversations")
    ] == [
        ("API keys and both APIs", True),
        ("Voice conversations", False),
    ]
    assert {feature.key for feature in found if feature.is_offered} == set(pro.features)
    assert "voice_conversations" not in pro.features
    assert queries.planned_meters() == {"websites"}


def test_an_old_version_shows_what_the_file_does_not_name_any_more():
    pro = queries.get_plan("pro")
    pro.features = [*pro.features, "crystal_ball"]
    assert queries.list_features(pro)[-1] == queries.PlanFeature("crystal_ball", "Crystal ball", True)


def test_a_workspace_s_own_plan_is_not_offered_to_others():
    Plan.objects.create(
        catalogue="alin", key="pro", workspace_id=uuid4(), name="Own", sale="paid", fingerprint="x"
    )
    assert queries.get_plan("pro").name == "Pro"
    assert [plan.name for plan in queries.list_offered()] == ["Free", "Pro", "Team", "Enterprise"]
