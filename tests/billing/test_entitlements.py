"""Which plan is in effect, what is pushed of it, and what would not fit another."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from billing.entitlements import pushing
from billing.entitlements import services as entitlements
from billing.entitlements.accounts import lock_account
from billing.entitlements.services import Misfit
from billing.plans import queries as plans
from billing.plans.models import Plan
from billing.subscriptions.models import BillingAccount, BillingEvent
from tenants import audit
from tenants.models import AuditEntry, Workspace
from tenants.scope import get_ref, workspace_scope
from tests import factories
from tests.billing.entitled import PERIOD_START, Status, make_plan, set_account, subscribe
from tests.factories import Role
from usage.features import queries as features
from usage.features.keys import Feature
from usage.holds.types import QuotaExceeded
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Limit, RequestRate, Rights
from usage.pace import queries as pace

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def workspace(db):
    """A newcomer's: on the free plan."""
    return factories.make_workspace(factories.make_user(), on_free_plan=True)


def account_of(workspace) -> BillingAccount:
    return BillingAccount.objects.get(workspace_id=workspace.id)


def of_plan(workspace) -> dict[tuple[str, str], int | None]:
    rows = Limit.objects.filter(workspace_id=workspace.id, source=Limit.Source.PLAN)
    return {(row.meter, row.window): row.amount for row in rows}


# newcomers


def test_newcomer_has_the_free_plan_of_the_catalogue(workspace):
    free = plans.get_plan("free")
    account = account_of(workspace)
    assert (account.status, account.effective_plan, account.plan) == (Status.NONE, free, None)
    assert of_plan(workspace)[("messages", "month")] == 50
    assert of_plan(workspace)[("seats", "total")] == 1
    state = features.read(workspace.id)
    assert (state.plan_key, state.plan_name, state.seats_allowed) == ("free", "Free", 1)
    assert state.features == {key for key in free.features if key in Feature.values}
    assert state.sold_in["admin_controls"] == "Team"
    assert not state.is_restricted
    event = BillingEvent.objects.get(workspace_id=workspace.id)
    assert (event.kind, event.data["plan"], event.data["former"]) == ("plan.took_effect", "free", "")


def test_newcomer_before_any_plan_is_refused_everything(db):
    Plan.objects.update(is_current=False)
    user = factories.make_user()
    workspace = factories.make_workspace(user, on_free_plan=True)
    member = factories.member_of(workspace, user)
    assert features.read(workspace.id) == features.NOTHING
    assert not Limit.objects.filter(workspace_id=workspace.id, amount__isnull=False).exists()
    with workspace_scope(workspace.id), pytest.raises(features.WorkspaceRestricted) as refused:
        factories.ask(member)
    assert refused.value.data["reason"] == "no_plan"
    with pytest.raises(features.FeatureNotIncluded):
        factories.make_key(member)


def test_whoever_had_no_plan_gets_one_when_there_is(db):
    current = list(Plan.objects.filter(is_current=True).values_list("id", flat=True))
    Plan.objects.update(is_current=False)
    workspace = factories.make_workspace(factories.make_user(), on_free_plan=True)
    Plan.objects.filter(id__in=current).update(is_current=True)
    assert entitlements.give_missing_plans() >= 1
    assert features.read(workspace.id).plan_key == "free"
    assert entitlements.give_missing_plans() == 0


# the plan in effect


def decided(workspace, *, now: datetime = NOW, **fields) -> Plan | None:
    BillingAccount.objects.filter(workspace_id=workspace.id).update(**fields)
    return entitlements.effective_plan(lock_account(workspace.id), now)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", "pro"), ("trialing", "pro"), ("past_due", "pro"), ("unpaid", "free"), ("canceled", "free"),
        ("incomplete", "free"), ("incomplete_expired", "free"), ("paused", "free"), ("none", "free"),
    ],
)  # fmt: skip
def test_status_decides_whether_the_subscribed_plan_is_in_effect(workspace, status, expected):
    found = decided(workspace, plan=plans.get_plan("pro"), status=status, subscription_id="sub_test")
    assert found == plans.get_plan(expected)


def test_custom_plan_comes_before_everything(workspace):
    custom = make_plan("theirs", workspace_id=workspace.id, rank=0)
    found = decided(
        workspace,
        custom_plan=custom,
        lifetime_plan=plans.get_plan("pro"),
        plan=plans.get_plan("team"),
        status="active",
    )
    assert found == custom


def test_of_lifetime_and_subscription_the_higher_one_is_in_effect(workspace):
    pro, team = plans.get_plan("pro"), plans.get_plan("team")
    assert decided(workspace, lifetime_plan=pro, plan=team, status="active") == team
    assert decided(workspace, lifetime_plan=team, plan=pro, status="active") == team
    assert (
        decided(workspace, lifetime_plan=pro, plan=team, status="trialing", subscription_id="sub_test")
        == team
    )


@pytest.mark.parametrize("status", ["canceled", "unpaid", "incomplete"])
def test_lifetime_stays_when_a_subscription_ends(workspace, status):
    found = decided(
        workspace, lifetime_plan=plans.get_plan("pro"), plan=plans.get_plan("team"), status=status
    )
    assert found == plans.get_plan("pro")


def test_trial_without_a_subscription_ends_by_the_clock(workspace):
    pro = plans.get_plan("pro")
    trial = {"plan": pro, "status": "trialing", "subscription_id": "", "trial_ends_at": NOW}
    assert decided(workspace, now=NOW - timedelta(seconds=1), **trial) == pro
    assert decided(workspace, now=NOW, **trial) == plans.get_plan("free")


def test_free_version_that_a_workspace_has_is_kept_until_moved(workspace):
    old = plans.get_plan("free")
    Plan.objects.filter(id=old.id).update(is_current=False)
    new = make_plan("free", catalogue=old.catalogue, sale=Plan.Sale.FREE, version=old.version + 1, rank=0)
    assert decided(workspace) == old
    assert decided(workspace, effective_plan=plans.get_plan("pro")) == new
    newcomer = factories.make_workspace(factories.make_user(), on_free_plan=True)
    assert account_of(newcomer).effective_plan == new


# what is pushed


def test_upgrade_and_downgrade_push_limits_features_and_seats(workspace):
    subscribe(workspace.id, plans.get_plan("team"))
    state = features.state_of(workspace.id)
    assert (state.plan_key, state.seats_allowed) == ("team", 5)
    assert {"shared_workspace", "admin_controls"} <= state.features
    assert of_plan(workspace)[("messages", "month")] is None
    assert of_plan(workspace)[("seats", "total")] == 5
    set_account(workspace.id, status=Status.CANCELED)
    state = features.state_of(workspace.id)
    assert (state.plan_key, state.seats_allowed) == ("free", 1)
    assert of_plan(workspace)[("messages", "month")] == 50
    kinds = BillingEvent.objects.filter(workspace_id=workspace.id, kind="plan.took_effect").order_by(
        "created_at"
    )
    assert [(row.data["former"], row.data["plan"]) for row in kinds] == [
        ("", "free"),
        ("free", "team"),
        ("team", "free"),
    ]


def test_refresh_of_what_is_so_writes_nothing(workspace, assert_queries):
    subscribe(workspace.id, plans.get_plan("team"), period_start=PERIOD_START)
    audited = AuditEntry.objects.filter(workspace_id=workspace.id).count()
    logged = BillingEvent.objects.filter(workspace_id=workspace.id).count()
    version = Rights.objects.get(workspace_id=workspace.id).version
    with assert_queries(11):  # seven reads and four savepoints
        assert entitlements.refresh(workspace.id) is False
    assert AuditEntry.objects.filter(workspace_id=workspace.id).count() == audited
    assert BillingEvent.objects.filter(workspace_id=workspace.id).count() == logged
    assert Rights.objects.get(workspace_id=workspace.id).version == version


def test_limit_that_went_missing_comes_back(workspace):
    Limit.objects.filter(workspace_id=workspace.id, meter="messages").delete()
    assert entitlements.refresh(workspace.id) is True
    assert of_plan(workspace)[("messages", "month")] == 50


def test_limit_that_staff_set_stays(workspace):
    spec = LimitSpec("messages", "month", 900)
    limits.set_limit(workspace_id=workspace.id, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM)
    subscribe(workspace.id, plans.get_plan("team"))
    row = Limit.objects.get(workspace_id=workspace.id, meter="messages", window="month")
    assert (row.amount, row.source) == (900, Limit.Source.STAFF)
    assert entitlements.refresh(workspace.id) is False


def test_lines_are_80_and_for_money_95_unless_the_plan_says_otherwise(workspace):
    rows = [
        {"meter": "messages", "window": "day", "amount": 100},
        {"meter": "cost_micro", "window": "month", "amount": 5_000_000},
        {"meter": "tokens", "window": "day", "amount": 1000, "warn_percent": 70, "block_percent": 95},
    ]
    subscribe(workspace.id, make_plan("lines", limits=rows))
    found = Limit.objects.filter(workspace_id=workspace.id, source=Limit.Source.PLAN).exclude(meter="seats")
    assert {row.meter: (row.warn_percent, row.block_percent) for row in found} == {
        "messages": (80, 100), "cost_micro": (80, 95), "tokens": (70, 95),
    }  # fmt: skip


def test_rates_follow_the_plan_and_fall_back_to_the_fence(workspace):
    rates = {"per_key": 60, "per_person": None, "per_workspace": 600}
    subscribe(workspace.id, make_plan("slow", rates=rates))
    pace.forget(workspace.id)
    assert pace.rates_of(workspace.id) == pace.Rates(60, None, 600)
    set_account(workspace.id, status=Status.CANCELED)
    pace.forget(workspace.id)
    assert pace.rates_of(workspace.id) == pace.DEFAULT
    assert RequestRate.objects.filter(workspace_id=workspace.id).count() == 1


def test_billing_day_is_the_workspaces_own_date_of_the_periods_begin(workspace):
    Workspace.objects.filter(id=workspace.id).update(timezone="Asia/Tokyo")
    subscribe(workspace.id, plans.get_plan("pro"), period_start=PERIOD_START)
    assert get_ref(id=workspace.id).billing_day == 18  # 17 May 22:30 UTC is the 18th in Tokyo


def test_feature_that_is_not_registered_is_not_pushed(workspace):
    subscribe(workspace.id, make_plan("odd", features=["statements", "teleportation"]))
    assert features.read(workspace.id).features == {"statements"}


def test_restricted_account_keeps_its_limits_and_is_read_only(workspace):
    account = subscribe(workspace.id, plans.get_plan("team"), status=Status.PAST_DUE)
    assert features.state_of(workspace.id).restricted_reason == ""
    set_account(workspace.id, restricted_at=timezone.now())
    state = features.state_of(workspace.id)
    assert (state.plan_key, state.restricted_reason) == ("team", "payment_overdue")
    assert of_plan(workspace)[("seats", "total")] == 5
    set_account(workspace.id, restricted_at=None, status=Status.ACTIVE)
    assert not features.state_of(workspace.id).is_restricted
    assert account.plan == plans.get_plan("team")


def test_limit_of_the_free_plan_refuses_and_the_upgrade_lets_in(workspace, db):
    """What is pushed is what the next hold meets."""
    member = factories.member_of(workspace, factories.accounts_queries.get_user_by_email(_owner(workspace)))
    free = make_plan(
        "tiny", limits=[{"meter": "messages", "window": "month", "amount": 1}], features=["cloud_models"]
    )
    subscribe(workspace.id, free)
    with workspace_scope(workspace.id):
        factories.answer(factories.ask(member).run)
        with pytest.raises(QuotaExceeded):
            factories.ask(member)
        subscribe(workspace.id, plans.get_plan("pro"))
        assert factories.ask(member).run is not None


def _owner(workspace) -> str:
    return factories.accounts_queries.list_owner_emails(workspace.id)[0]


def test_specs_hold_seats_once_also_when_the_plan_lists_them():
    plan = Plan(limits=[{"meter": "seats", "window": "total", "amount": 7}])
    assert [(spec.meter, spec.amount) for spec in pushing.specs_of(plan, 3)] == [("seats", 7)]


# what would not fit


def test_nothing_is_said_where_all_fits(workspace):
    assert entitlements.misfits(workspace.id, plans.get_plan("team")) == []


def test_misfits_name_persons_assistants_and_features(db):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    factories.join(workspace, factories.make_user(), Role.MEMBER)
    with workspace_scope(workspace.id):
        factories.make_assistant(factories.member_of(workspace, user))
    rows = [{"meter": "assistants", "window": "total", "amount": 1}]
    keys = [key for key in Feature.values if key != "statements"]
    small = make_plan("small", seats_included=1, limits=rows, features=keys)
    assert entitlements.misfits(workspace.id, small) == [
        Misfit(
            "seats", 2, 1, "2 people are here, and Small holds 1: owners and whoever joined first keep writing, 1 can"
            " only read.",
        ),
        Misfit(
            "assistants", 2, 1, "There are 2 assistants, and Small holds 1: the oldest stay usable, 1 can only be read."
        ),
        Misfit("statements", 1, 0, "Monthly statements: not part of Small."),
    ]  # fmt: skip


def test_plan_per_seat_holds_everybody(db):
    workspace = factories.make_workspace(factories.make_user())
    factories.join(workspace, factories.make_user(), Role.MEMBER)
    per_seat = make_plan("seats", is_per_seat=True, seats_included=1, features=Feature.values)
    assert entitlements.misfits(workspace.id, per_seat) == []
