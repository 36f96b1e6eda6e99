"""Rollups equal the ledger at every moment, whatever is folded and in whatever order entries become visible."""

import random
import threading
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from tenants.models import Workspace
from tests.usage.books import NOON, write_entry
from tests.usage.books import fold_all as fold
from usage.models import LedgerEntry
from usage.rollups import queries, services
from usage.rollups.models import DailyRollup, DayTotal, HourlyRollup, RollupState
from usage.rollups.queries import GroupBy, Span

ZONE = "Europe/Berlin"
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
fill_day_totals = import_module("usage.migrations.0009_fill_day_totals")


def span(workspace_id, **fields) -> Span:
    return Span(**{"workspace_id": workspace_id, "zone": "UTC", "first": FIRST, "last": LAST} | fields)


def cost(workspace_id, **fields) -> int:
    return queries.total(
        queries.history(span(workspace_id, **fields), by=(GroupBy.DAY,))[GroupBy.DAY]
    ).cost_micro


def test_same_figures_before_between_and_after_folds(db):
    workspace_id = uuid4()
    write_entry(workspace_id=workspace_id, cost_micro=1)
    assert cost(workspace_id) == 1
    fold()
    assert DailyRollup.objects.get(workspace_id=workspace_id).cost_micro == 1
    write_entry(workspace_id=workspace_id, cost_micro=2)
    assert cost(workspace_id) == 3, "one is folded, one is fresh"
    fold()
    assert cost(workspace_id) == 3


def test_folding_again_adds_nothing(db):
    workspace_id = uuid4()
    write_entry(workspace_id=workspace_id)
    fold()
    assert [fold(), fold()] == [0, 0]
    row = DailyRollup.objects.get(workspace_id=workspace_id)
    assert (row.entries, row.messages, row.input_tokens, row.output_tokens, row.cost_micro) == (
        1,
        1,
        10,
        5,
        7,
    )


def test_late_entry_and_correction_reach_the_day_they_are_dated(db):
    workspace_id, person = uuid4(), uuid4()
    write_entry(NOON, workspace_id=workspace_id, person_ref=person, cost_micro=10)
    fold()
    write_entry(NOON - timedelta(days=3), workspace_id=workspace_id, person_ref=person, cost_micro=4)
    write_entry(
        NOON, workspace_id=workspace_id, person_ref=person, kind="reversal", cost_micro=-10, messages=-1
    )
    write_entry(NOON, workspace_id=workspace_id, person_ref=person, kind="re-rating", cost_micro=8)
    fold()
    rows = queries.history(span(workspace_id), by=(GroupBy.DAY,))[GroupBy.DAY]
    assert [(row.key, row.figures.cost_micro, row.figures.messages) for row in rows] == [
        (date(2026, 3, 7), 4, 1),
        (date(2026, 3, 10), 8, 1),
    ]


def test_young_entries_wait_and_are_read_from_the_ledger(db):
    workspace_id = uuid4()
    write_entry(datetime.now(UTC), workspace_id=workspace_id)
    services.fold()
    assert not DailyRollup.objects.filter(workspace_id=workspace_id).exists()
    today = datetime.now(UTC).date()
    assert cost(workspace_id, first=today, last=today) == 7


def test_days_and_hours_are_the_workspaces_own(db, acme):
    Workspace.objects.filter(id=acme.id).update(timezone=ZONE)
    write_entry(datetime(2026, 3, 9, 23, 30, tzinfo=UTC), workspace_id=acme.id)
    fresh = (
        queries.history(span(acme.id, zone=ZONE), by=(GroupBy.DAY,)),
        queries.hours(span(acme.id, zone=ZONE)),
    )
    fold()
    assert fresh == (
        queries.history(span(acme.id, zone=ZONE), by=(GroupBy.DAY,)),
        queries.hours(span(acme.id, zone=ZONE)),
    )
    assert fresh[0][GroupBy.DAY][0].key == date(2026, 3, 10)
    assert fresh[1][0].key == (date(2026, 3, 10), 0)


def test_past_days_stay_what_they_were_when_the_zone_changes(db, acme):
    write_entry(datetime(2026, 3, 9, 23, 30, tzinfo=UTC), workspace_id=acme.id)
    fold()
    Workspace.objects.filter(id=acme.id).update(timezone="Pacific/Auckland")
    write_entry(datetime(2026, 3, 9, 23, 40, tzinfo=UTC), workspace_id=acme.id)
    fold()
    rows = queries.history(span(acme.id, zone="Pacific/Auckland"), by=(GroupBy.DAY,))[GroupBy.DAY]
    assert [(row.key, row.figures.entries) for row in rows] == [(date(2026, 3, 9), 1), (date(2026, 3, 10), 1)]


def test_platforms_losses_and_other_workspaces_are_not_counted(db):
    workspace_id = uuid4()
    write_entry(workspace_id=workspace_id, account="platform", kind="adjustment")
    write_entry()
    assert cost(workspace_id) == 0
    fold()
    assert cost(workspace_id) == 0


def test_one_persons_figures(db):
    workspace_id, person = uuid4(), uuid4()
    write_entry(workspace_id=workspace_id, person_ref=person, cost_micro=3)
    write_entry(workspace_id=workspace_id, cost_micro=100)
    for _ in range(2):
        assert cost(workspace_id, person_ref=person) == 3
        assert queries.total(queries.hours(span(workspace_id, person_ref=person))).cost_micro == 3
        fold()


def use_at_random(workspace, *, seed: int, entries: int) -> list:
    """Entries of two persons, assistants, keys and projects over three days; the first half of them is folded."""
    chance = random.Random(seed)
    choices = {
        name: [uuid4(), uuid4()] for name in ("person_ref", "assistant_id", "api_key_id", "project_id")
    }
    for number in range(entries):
        at = datetime(2026, 3, 28, tzinfo=UTC) + timedelta(minutes=chance.randrange(3 * 24 * 60))
        fields: dict = {name: chance.choice(values) for name, values in choices.items()}
        for name in ("assistant_id", "api_key_id", "project_id"):
            fields[name] = chance.choice([None, fields[name]])
        fields["model"] = chance.choice(["gpt-4o", "gpt-4o-mini"])
        write_entry(at, workspace_id=workspace.id, cost_micro=chance.randrange(1000), **fields)
        if number == entries // 2:
            fold()
    return choices["person_ref"]


def plain_sums(workspace, group: GroupBy, person_ref=None) -> dict:
    """The same from the ledger itself, in Python."""
    columns = {
        GroupBy.PERSON: "person_ref",
        GroupBy.ASSISTANT: "assistant_id",
        GroupBy.MODEL: "model",
        GroupBy.API_KEY: "api_key_id",
        GroupBy.PROJECT: "project_id",
    }
    sums: dict = defaultdict(int)
    for entry in LedgerEntry.objects.filter(workspace_id=workspace.id, account="workspace"):
        local = entry.created_at.astimezone(ZoneInfo(ZONE))
        keys = {GroupBy.DAY: local.date(), GroupBy.HOUR: (local.date(), local.hour)}
        if FIRST <= local.date() <= LAST and person_ref in (None, entry.person_ref):
            sums[keys[group] if group in keys else getattr(entry, columns[group])] += entry.cost_micro
    return dict(sums)


@pytest.mark.parametrize("is_own", [False, True])
def test_every_grouping_equals_a_plain_sum_of_the_ledger(db, acme, is_own):
    Workspace.objects.filter(id=acme.id).update(timezone=ZONE)
    person_ref = use_at_random(acme, seed=7, entries=60)[0] if is_own else None
    if not is_own:
        use_at_random(acme, seed=8, entries=60)
    for folds in (0, 1):
        asked = span(acme.id, zone=ZONE, person_ref=person_ref)
        found = {**queries.history(asked), GroupBy.HOUR: queries.hours(asked)}
        assert set(found) == set(GroupBy)
        for group, rows in found.items():
            sums = {row.key: row.figures.cost_micro for row in rows}
            assert sums == plain_sums(acme, group, person_ref), (group, folds)
        fold()


def test_totals_are_the_sums_of_the_rollups(db, acme):
    use_at_random(acme, seed=9, entries=40)
    fold()
    for group in GroupBy:
        rows = DayTotal.objects.filter(workspace_id=acme.id, dimension=group)
        assert sum(row.entries for row in rows) == 40, group
        assert sum(row.cost_micro for row in rows) == sum(
            row.cost_micro for row in DailyRollup.objects.filter(workspace_id=acme.id)
        )


def test_what_a_former_version_folded_reaches_the_totals_once(db):
    """While versions change, one that knows no totals folds too: it moves `folded_id` alone."""
    workspace_id, person_ref = uuid4(), uuid4()
    write_entry(workspace_id=workspace_id, cost_micro=3)
    fold()
    before = RollupState.objects.get().totals_id
    last = write_entry(workspace_id=workspace_id, person_ref=person_ref, cost_micro=4)
    with connection.cursor() as cursor:
        cursor.execute(services.FOLD, {"from": before, "to": last.pk})
    RollupState.objects.update(folded_id=last.pk, next_id=last.pk)
    for _ in range(2):
        assert cost(workspace_id) == 7 and cost(workspace_id, person_ref=person_ref) == 4
        fold()
    state = RollupState.objects.get()
    assert state.totals_id == state.folded_id >= last.pk
    assert DayTotal.objects.get(workspace_id=workspace_id, dimension="day").cost_micro == 7


def test_migration_fills_the_totals_from_the_rollups(db, acme):
    use_at_random(acme, seed=10, entries=40)
    fold()
    columns = ("dimension", "date", "key", "entries", "messages", "cost_micro")
    expected = set(DayTotal.objects.filter(workspace_id=acme.id).values_list(*columns))
    DayTotal.objects.all().delete()
    RollupState.objects.update(totals_id=0)
    with connection.cursor() as cursor:
        cursor.execute(fill_day_totals.LOCK)
        cursor.execute(fill_day_totals.FILL)
    assert set(DayTotal.objects.filter(workspace_id=acme.id).values_list(*columns)) == expected
    state = RollupState.objects.get()
    assert state.totals_id == state.folded_id


def test_history_costs_two_queries(db, assert_queries):
    workspace_id = uuid4()
    for day in range(1, 21):
        write_entry(datetime(2026, 3, day, tzinfo=UTC), workspace_id=workspace_id)
    with assert_queries(2):
        queries.history(span(workspace_id))
    with assert_queries(2):
        queries.hours(span(workspace_id))


def test_rebuild_makes_the_same_rows(db):
    workspace_id = uuid4()
    write_entry(workspace_id=workspace_id)
    fold()
    before = DailyRollup.objects.filter(workspace_id=workspace_id).values_list(
        "date", "cost_micro", "entries"
    )
    expected = list(before)
    DailyRollup.objects.filter(workspace_id=workspace_id).update(cost_micro=999)
    DayTotal.objects.filter(workspace_id=workspace_id).update(cost_micro=999)
    services.rebuild()
    assert list(before) == expected
    assert cost(workspace_id) == 7
    assert HourlyRollup.objects.filter(workspace_id=workspace_id).count() == 1


def test_lower_id_that_commits_after_a_higher_one_is_not_lost(committed):
    """The trap of folding by id: one transaction is slow, a later one is not."""
    workspace_id = uuid4()
    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            write_entry(workspace_id=workspace_id, cost_micro=1)
            written.set()
            go_on.wait(30)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(30)
    second = write_entry(workspace_id=workspace_id, cost_micro=2)
    services.fold(age_s=0)
    assert cost(workspace_id) == 2
    assert RollupState.objects.get().folded_id < second.pk, "it waits for whoever still writes"
    go_on.set()
    thread.join()
    assert cost(workspace_id) == 3
    fold()
    assert RollupState.objects.get().folded_id >= second.pk
    assert cost(workspace_id) == 3


@pytest.mark.parametrize("workers", [4])
def test_folding_at_once_counts_each_entry_once(committed, workers):
    from tests import factories

    workspace_id = uuid4()
    for _ in range(20):
        write_entry(workspace_id=workspace_id, cost_micro=1)
    factories.at_once(workers, lambda _: services.fold(age_s=0))
    fold()
    assert DailyRollup.objects.filter(workspace_id=workspace_id).count() == 20
    assert cost(workspace_id) == 20
