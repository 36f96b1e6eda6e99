"""How many the plan holds: whichever way an assistant comes about, and however many do at once."""

import threading

import pytest

from assistants.builder import queries, services, templates
from assistants.models import Assistant
from tenants import audit
from tenants.scope import enter, workspace_scope
from tests import factories
from tests.usage.crowds import crowd
from usage import gauges
from usage.holds.types import QuotaExceeded
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Counter, Limit, Meter

AT_ONCE = 8
HELD = 4
"""Of the plan; the workspace's first one and the one that is duplicated are there already."""


def hold(workspace, amount: int) -> None:
    spec = LimitSpec(Meter.ASSISTANTS, "total", amount)
    limits.set_limit(workspace_id=workspace.id, spec=spec, source=Limit.Source.PLAN, actor=audit.SYSTEM)


def used(workspace) -> int:
    return Counter.objects.get(workspace_id=workspace.id, meter=Meter.ASSISTANTS, window="total").used


def from_template(member, number: int) -> None:
    template = templates.all_templates()[number % 5]
    fields = {name: value for name, value in template.initial.items() if name != "template"}
    services.create_assistant(member=member, model="gpt-4o-mini", template=template.key, **fields)


def test_archiving_frees_a_place_and_coming_back_takes_one(in_acme, acme, owner):
    hold(acme, 2)
    made = factories.make_assistant(owner.member, "Second")
    services.archive_assistant(member=owner.member, assistant=made)
    assert used(acme) == 1
    other = factories.make_assistant(owner.member, "Other")
    with pytest.raises(QuotaExceeded):
        services.unarchive_assistant(member=owner.member, assistant=made)
    assert Assistant.objects.get(id=made.id).archived_at is not None
    services.archive_assistant(member=owner.member, assistant=other)
    services.unarchive_assistant(member=owner.member, assistant=made)
    assert (used(acme), queries.list_over_plan(acme.id)) == (2, set())


def test_private_ones_count(in_acme, acme, owner, member):
    hold(acme, 2)
    factories.make_assistant(member.member, "Mine", visibility="person")
    with pytest.raises(QuotaExceeded):
        factories.make_assistant(owner.member, "Third")


def test_duplicate_beyond_the_plan_is_refused_and_makes_nothing(in_acme, acme, owner):
    hold(acme, 1)
    with pytest.raises(QuotaExceeded):
        services.duplicate_assistant(
            member=owner.member, assistant=queries.get_default_assistant(owner.member)
        )
    assert Assistant.objects.count() == 1


@pytest.fixture
def place(committed):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    member = factories.member_of(workspace, user)
    with workspace_scope(workspace.id):
        source = factories.make_assistant(member, "Source")
        put_away = [factories.make_assistant(member, f"Away {number}") for number in range(AT_ONCE)]
        for each in put_away:
            services.archive_assistant(member=member, assistant=each)
    hold(workspace, HELD)
    return workspace, member, source, put_away


def attempt(place, number: int) -> bool:
    """Each in its own way: made, by template, duplicated, taken out of the archive."""
    workspace, member, source, put_away = place
    ways = (
        lambda: factories.make_assistant(member, f"Made {number}"),
        lambda: from_template(member, number),
        lambda: services.duplicate_assistant(member=member, assistant=source),
        lambda: services.unarchive_assistant(member=member, assistant=put_away[number]),
    )
    try:
        with workspace_scope(workspace.id):
            ways[number % len(ways)]()
    except QuotaExceeded:
        return False
    return True


def test_all_ways_at_once_fill_the_plan_exactly(place):
    made = crowd(AT_ONCE, lambda number: attempt(place, number))
    workspace = place[0]
    assert sum(made) == HELD - 2
    with enter(workspace):
        assert queries.list_all().count() == HELD
    assert used(workspace) == HELD


def test_without_the_lock_all_come_in(place, monkeypatch):
    """The control: each counts before the others have written."""
    everybody = threading.Barrier(AT_ONCE)

    def unlocked(workspace_id, meter):
        everybody.wait(timeout=30)
        return Counter(workspace_id=workspace_id, meter=meter)

    monkeypatch.setattr(gauges, "_locked", unlocked)
    monkeypatch.setattr(gauges, "_write", lambda counter, used: everybody.wait(timeout=30))
    # The address is made of the name, and two copies of one would have the same.
    monkeypatch.setattr(services, "_free_slug", lambda name: f"{threading.get_ident()}")
    assert sum(crowd(AT_ONCE, lambda number: attempt(place, number))) == AT_ONCE
    with enter(place[0]):
        assert queries.list_all().count() == AT_ONCE + 2
