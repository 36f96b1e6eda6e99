"""Rights as they are pushed and asked for: what is not there is refused, and a change is seen within a second."""

from uuid import uuid4

import pytest
from django.db import IntegrityError

from accounts.models import Membership
from tenants.models import AuditEntry
from tests import factories
from tests.factories import Role
from usage.features import queries as features
from usage.features import services
from usage.features.keys import Feature, label_of
from usage.features.services import Wanted
from usage.models import Rights

SECOND_NS = 1_000_000_000
FRESH_NS = features.FRESH_NS
"""As the product has it; `what_is_kept_is_read_once` changes it for the tests."""


class Clock:
    """The process's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 10**15

    def monotonic_ns(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(features, "time", made)
    monkeypatch.setattr(features, "FRESH_NS", FRESH_NS)
    return made


def test_workspace_that_nobody_pushed_for_has_nothing(db):
    forgotten = uuid4()
    assert [key for key in Feature if features.has(forgotten, key)] == []
    with pytest.raises(features.FeatureNotIncluded) as refused:
        features.require(forgotten, Feature.STATEMENTS)
    assert refused.value.data == {
        "feature": "statements", "label": "Monthly statements", "plan": "", "sold_in": "", "upgrade_url": None,
    }  # fmt: skip
    with pytest.raises(features.WorkspaceRestricted) as restricted:
        features.require_writable(forgotten)
    assert restricted.value.data["reason"] == "no_plan"


def test_refusal_says_which_plan_has_it(db, acme):
    factories.give_rights(acme.id, plan_name="Free", sold_in={"admin_controls": "Team"})
    with pytest.raises(features.FeatureNotIncluded) as refused:
        features.require(acme.id, Feature.ADMIN_CONTROLS)
    error = refused.value
    assert (error.status, error.code) == (402, "feature_not_included")
    assert error.message == ("Own limits and emergency stops: not part of the plan Free. It comes with Team.")
    assert error.data["sold_in"] == "Team"
    assert error.data["label"] == "Own limits and emergency stops"


def test_label_of_a_key_that_is_not_registered_is_its_words():
    assert label_of("white_label") == "white label"
    assert label_of(Feature.API_ACCESS) == "API access"


def test_push_writes_and_audits_only_what_changed(db):
    workspace_id = uuid4()
    wanted = Wanted(features=["statements", "api_access"], plan_key="pro", plan_name="Pro", seats_allowed=3)

    def audited() -> int:
        return AuditEntry.objects.filter(workspace_id=workspace_id, action="rights.pushed").count()

    assert services.push(workspace_id=workspace_id, wanted=wanted) is True
    assert services.push(workspace_id=workspace_id, wanted=wanted) is False
    assert audited() == 1
    less = Wanted(features=["statements"], plan_key="pro", plan_name="Pro", seats_allowed=3)
    assert services.push(workspace_id=workspace_id, wanted=less) is True
    row = Rights.objects.get(workspace_id=workspace_id)
    assert (row.features, row.version, row.seats_allowed) == (["statements"], 2, 3)
    entry = AuditEntry.objects.filter(workspace_id=workspace_id, action="rights.pushed").latest("id")
    assert entry.data["changed"] == ["features"]


def test_one_row_per_workspace(db):
    workspace_id = uuid4()
    Rights.objects.create(workspace_id=workspace_id)
    with pytest.raises(IntegrityError):
        Rights.objects.create(workspace_id=workspace_id)


# freshness


def elsewhere(workspace_id, *keys: str) -> None:
    """Another process pushes: this one is told nothing."""
    Rights.objects.filter(workspace_id=workspace_id).update(features=list(keys))


def test_change_of_another_process_is_seen_within_a_second(db, acme, clock):
    factories.give_rights(acme.id, Feature.STATEMENTS)
    assert features.has(acme.id, Feature.STATEMENTS)
    elsewhere(acme.id)
    clock.now += SECOND_NS - 1
    assert not features.has(acme.id, Feature.STATEMENTS)


def test_what_is_kept_for_longer_is_not_seen_within_a_second(db, acme, clock, monkeypatch):
    """The control: with five seconds the test before fails."""
    monkeypatch.setattr(features, "FRESH_NS", 5 * SECOND_NS)
    factories.give_rights(acme.id, Feature.STATEMENTS)
    assert features.has(acme.id, Feature.STATEMENTS)
    elsewhere(acme.id)
    clock.now += SECOND_NS - 1
    assert features.has(acme.id, Feature.STATEMENTS)


def test_age_counts_from_before_the_read(db, acme, clock, monkeypatch):
    """What took long to read is already old: a change right after the read's snapshot is seen in time all the same."""
    factories.give_rights(acme.id, Feature.STATEMENTS)
    real = features.read

    def slow(workspace_id):
        state = real(workspace_id)
        elsewhere(acme.id)
        clock.now += FRESH_NS
        return state

    monkeypatch.setattr(features, "read", slow)
    assert features.has(acme.id, Feature.STATEMENTS)
    monkeypatch.setattr(features, "read", real)
    assert not features.has(acme.id, Feature.STATEMENTS)


def test_own_push_is_seen_at_once(db, acme, clock):
    factories.give_rights(acme.id)
    assert not features.has(acme.id, Feature.STATEMENTS)
    factories.give_rights(acme.id, Feature.STATEMENTS)
    assert features.has(acme.id, Feature.STATEMENTS)


def test_asking_costs_queries_once_in_a_second(db, acme, clock, assert_queries):
    factories.give_rights(acme.id, Feature.STATEMENTS, seats=5)
    with assert_queries(3):
        features.require(acme.id, Feature.STATEMENTS)
    with assert_queries(0):
        for _ in range(100):
            features.require(acme.id, Feature.STATEMENTS)
            features.require_writable(acme.id, membership_id=uuid4())
    clock.now += FRESH_NS
    with assert_queries(3):
        features.require(acme.id, Feature.STATEMENTS)


# persons beyond the seats


def beyond(workspace, seats: int) -> list:
    factories.give_rights(workspace.id, *Feature.values, seats=seats)
    state = features.state_of(workspace.id)
    rows = Membership.objects.filter(workspace_id=workspace.id).order_by("created_at", "id")
    return [row.role for row in rows if row.id in state.over_seats]


def test_owners_keep_their_seats_then_whoever_joined_first(db):
    workspace = factories.make_workspace(factories.make_user())
    for role in (Role.VIEWER, Role.MEMBER, Role.OWNER):
        factories.join(workspace, factories.make_user(), role)
    assert beyond(workspace, 4) == []
    assert beyond(workspace, 3) == [Role.MEMBER]
    assert beyond(workspace, 2) == [Role.VIEWER, Role.MEMBER]
    assert beyond(workspace, 1) == [Role.VIEWER, Role.MEMBER, Role.OWNER]


def test_person_beyond_the_seats_may_only_read(db, acme, viewer, owner):
    factories.give_rights(acme.id, *Feature.values, seats=3)
    features.require_writable(acme.id, membership_id=owner.member.membership_id)
    with pytest.raises(features.SeatOverPlan) as refused:
        features.require_writable(acme.id, membership_id=viewer.member.membership_id)
    assert (refused.value.status, refused.value.code) == (402, "seat_over_plan")
    assert refused.value.data["seats"] == 3
    factories.give_rights(acme.id, *Feature.values, seats=4)
    features.require_writable(acme.id, membership_id=viewer.member.membership_id)
