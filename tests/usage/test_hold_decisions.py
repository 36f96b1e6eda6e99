"""The order of decisions: the full amount, else wait, else shrink, else refuse and name each short line."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from tenants import audit
from tests.factories import give_limits, hold_of
from tests.usage.runs import counter, finish, give_up
from usage.holds import services
from usage.holds.types import MILLION, Actual, Amount, HoldLost, QuotaExceeded
from usage.limits.services import LimitSpec, set_limit
from usage.models import Counter, Hold, LedgerEntry, Limit

MESSAGE = {"messages": Amount.of(1)}
WRITTEN = {"output_tokens": Amount(0, MILLION)}


@pytest.fixture
def workspace(db) -> UUID:
    return uuid4()


def try_hold(workspace: UUID, meters, *, cap: int = 0, min_cap: int = 0, **fields):
    with transaction.atomic():
        return hold_of(workspace_id=workspace, meters=meters, cap=cap, min_cap=min_cap, **fields)


def refusal(workspace: UUID, meters, **fields) -> QuotaExceeded:
    before = list(Counter.objects.filter(workspace_id=workspace).values("id", "used", "held"))
    with pytest.raises(QuotaExceeded) as caught:
        try_hold(workspace, meters, **fields)
    after = Counter.objects.filter(workspace_id=workspace, id__in=[row["id"] for row in before])
    assert list(after.values("id", "used", "held")) == before, "all limits or none"
    return caught.value


def limit_for(workspace: UUID, kind: str, subject: object, meter: str, amount: int) -> None:
    spec = LimitSpec(meter, "day", amount, subject_kind=kind, subject_id=str(subject), block_percent=100)
    set_limit(workspace_id=workspace, spec=spec, source=Limit.Source.WORKSPACE, actor=audit.SYSTEM)


@pytest.mark.parametrize(
    ("limit", "used", "held", "cap", "min_cap", "expected"),
    [
        (100, 0, 0, 60, 10, ("held", 60)),
        (100, 40, 0, 60, 10, ("held", 60)),
        (100, 0, 40, 60, 10, ("held", 60)),
        (100, 40, 0, 61, 10, ("held", 60)),  # shrunk by one
        (100, 90, 0, 60, 10, ("held", 10)),  # the least that is useful
        (100, 91, 0, 60, 10, "refused"),
        (100, 100, 0, 60, 10, "refused"),
        (100, 0, 41, 60, 10, "waiting"),  # only others' holds are in the way
        (100, 40, 1, 60, 10, "waiting"),
        (100, 41, 1, 60, 10, "waiting"),  # would shrink, but not while others hold
        (100, 91, 9, 60, 10, "refused"),  # really used up: waiting would not help
        (100, 0, 100, 100, 10, "waiting"),
        (100, 0, 0, 1000, 1000, "refused"),  # shrinking is not allowed
        (100, 0, 0, 100, 100, ("held", 100)),
    ],
)
def test_decisions(workspace, limit, used, held, cap, min_cap, expected):
    give_limits(workspace, ("output_tokens", "day", limit))
    if used:
        finish(try_hold(workspace, WRITTEN, cap=used), output_tokens=used)
    if held:
        try_hold(workspace, WRITTEN, cap=held)
    if expected == "refused":
        assert refusal(workspace, WRITTEN, cap=cap, min_cap=min_cap).code == "quota_exceeded"
        return
    hold = try_hold(workspace, WRITTEN, cap=cap, min_cap=min_cap)
    assert ("waiting" if hold.is_waiting else ("held", hold.cap)) == expected
    row = counter(workspace, "output_tokens")
    assert (row.used, row.held) == (used, held + (0 if hold.is_waiting else hold.cap))


def test_pieces_cannot_shrink_they_wait_or_are_refused(workspace):
    give_limits(workspace, ("images", "month", 4))
    images = {"images": Amount.of(3)}
    first = try_hold(workspace, images)
    assert try_hold(workspace, images).is_waiting
    finish(first, images=2)
    assert refusal(workspace, images).data["limits"][0]["needed"] == 3


def test_line_short_by_others_is_waited_for_even_when_another_line_must_shrink(workspace):
    """Shrinking for the one line must not pass the other, which others hold."""
    give_limits(workspace, ("output_tokens", "day", 100), ("generations", "day", 60))
    both = {"output_tokens": Amount(0, MILLION), "generations": Amount(0, MILLION)}
    finish(try_hold(workspace, {"output_tokens": Amount(0, MILLION)}, cap=70), output_tokens=70)
    try_hold(workspace, {"generations": Amount(0, MILLION)}, cap=25)
    assert try_hold(workspace, both, cap=50, min_cap=1).is_waiting
    assert counter(workspace, "generations").held == 25


def test_price_alone_beyond_the_limit_is_refused_even_without_any_answer(workspace):
    """A prompt that costs more than is left cannot be shrunk to fit, whatever the cap."""
    give_limits(workspace, ("cost_micro", "month", 10))
    spend = {"cost_micro": Amount(10_500_000, 600_000)}
    assert refusal(workspace, spend, cap=0).code == "quota_exceeded"
    assert refusal(workspace, spend, cap=100, min_cap=0).code == "quota_exceeded"


@pytest.mark.parametrize("left", range(1, 40))
def test_shrunk_call_fits_to_the_micro_unit(workspace, left):
    give_limits(workspace, ("cost_micro", "month", left))
    spend = Amount(1_050_000, 610_000)
    try:
        hold = try_hold(workspace, {"cost_micro": spend}, cap=1000, min_cap=1)
    except QuotaExceeded:
        assert spend.at(1) > left
        return
    assert spend.at(hold.cap) <= left < spend.at(hold.cap + 1)
    assert counter(workspace, "cost_micro").held == spend.at(hold.cap)


def test_without_any_limit_nothing_is_held_and_the_words_say_so(workspace):
    Limit.objects.filter(workspace_id=workspace).delete()
    give_limits(uuid4(), ("messages", "day", 1))
    request = {"workspace_id": workspace, "meters": MESSAGE, "cap": 0, "min_cap": 0}
    from usage.holds.types import HoldRequest

    with pytest.raises(QuotaExceeded) as caught, transaction.atomic():
        services.open_hold(
            HoldRequest(id=uuid4(), zone="UTC", person_ref=uuid4(), kind="reply", model="m", **request)
        )
    assert caught.value.code == "limits_missing"
    assert not Hold.objects.filter(workspace_id=workspace).exists()


def test_model_without_a_price_is_refused_only_where_money_is_limited(workspace):
    unpriced = {**MESSAGE, "cost_micro": None}
    give_limits(workspace, ("messages", "day", 5))
    assert not try_hold(workspace, unpriced).is_waiting
    give_limits(workspace, ("messages", "day", 5), ("cost_micro", "month", None))
    assert not try_hold(workspace, unpriced).is_waiting, "unlimited money is no limit"
    give_limits(workspace, ("messages", "day", 5), ("cost_micro", "month", 10**9))
    assert refusal(workspace, unpriced).code == "model_unpriced"
    assert not try_hold(workspace, MESSAGE).is_waiting, "an own-key run has no cost here"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("person", "person_ref"), ("api_key", "api_key_id"), ("assistant", "assistant_id"), ("project", "project_id"),
    ],
)  # fmt: skip
def test_each_subject_has_limits_of_its_own(workspace, kind, field):
    mine, other = uuid4(), uuid4()
    give_limits(workspace, ("messages", "day", 10))
    limit_for(workspace, kind, mine, "messages", 1)
    finish(try_hold(workspace, MESSAGE, **{field: mine}), messages=1)
    (line,) = refusal(workspace, MESSAGE, **{field: mine}).data["limits"]
    assert (line["subject"], line["used"], line["limit"]) == (kind, 1, 1)
    assert not try_hold(workspace, MESSAGE, **{field: other}).is_waiting
    assert counter(workspace, "messages", subject_kind="workspace").used == 1


def test_all_limits_or_none_and_every_short_line_is_named(workspace):
    person, key = uuid4(), uuid4()
    give_limits(workspace, ("messages", "day", 2), ("messages", "total", 2), ("images", "day", 9))
    limit_for(workspace, "person", person, "messages", 2)
    limit_for(workspace, "api_key", key, "messages", 5)
    for _ in range(2):
        finish(try_hold(workspace, MESSAGE, person_ref=person, api_key_id=key), messages=1)
    error = refusal(workspace, MESSAGE, person_ref=person, api_key_id=key)
    lines = {(line["subject"], line["window"]) for line in error.data["limits"]}
    assert lines == {("workspace", "day"), ("workspace", "total"), ("person", "day")}
    assert error.status == 402
    for line in error.data["limits"]:
        assert line["text"] in error.message
        assert line["who_can_raise"]
        assert (line["resets_at"] is None) == (line["window"] == "total")


def test_money_is_refused_at_95_percent_and_the_started_run_may_use_what_it_holds(workspace):
    from usage.limits.services import push_plan

    push_plan(workspace_id=workspace, limits=[LimitSpec("cost_micro", "month", 1000)])
    spend = {"cost_micro": Amount.of(1)}
    assert refusal(workspace, {"cost_micro": Amount.of(951)}).data["limits"][0]["block_at"] == 950
    try_hold(workspace, {"cost_micro": Amount.of(950)})
    assert try_hold(workspace, spend).is_waiting


def test_same_id_again_changes_nothing_whatever_it_asks(workspace):
    give_limits(workspace, ("messages", "day", 2))
    first = try_hold(workspace, MESSAGE)
    before = Hold.objects.filter(id=first.id).values().get()
    again = try_hold(workspace, {"messages": Amount.of(2)}, id=first.id)
    assert (again, counter(workspace, "messages").held) == (first, 1)
    assert Hold.objects.filter(id=first.id).values().get() == before
    try_hold(workspace, MESSAGE)
    waiting = try_hold(workspace, MESSAGE)
    assert waiting.is_waiting
    assert try_hold(workspace, MESSAGE, id=waiting.id).is_waiting
    Limit.objects.filter(workspace_id=workspace).delete()
    give_limits(workspace, ("images", "day", 0))
    assert try_hold(workspace, MESSAGE, id=first.id) == first, "also when it would be refused now"


def test_ending_again_changes_nothing(workspace):
    give_limits(workspace, ("messages", "day", 5))
    settled, released = try_hold(workspace, MESSAGE), try_hold(workspace, MESSAGE)
    finish(settled, messages=1)
    give_up(released)
    row = counter(workspace, "messages")
    assert (row.used, row.held) == (1, 0)
    for hold in (settled, released):
        for attempt in (0, 1, 2):
            with pytest.raises(HoldLost), transaction.atomic():
                services.settle(hold.id, attempt=attempt, actual=Actual("openai", "gpt-4o-mini"))
            with pytest.raises(HoldLost), transaction.atomic():
                services.release(hold.id, attempt=attempt, reason="again")
    row.refresh_from_db()
    assert (row.used, row.held) == (1, 0)
    assert LedgerEntry.objects.filter(workspace_id=workspace).count() == 1


def test_ledger_row_names_every_limit_with_before_held_and_after(workspace):
    person = uuid4()
    give_limits(workspace, ("messages", "day", 10), ("output_tokens", "month", 1000))
    limit_for(workspace, "person", person, "messages", 4)
    meters = {**MESSAGE, **WRITTEN}
    finish(try_hold(workspace, meters, cap=100), messages=1, output_tokens=60)
    other = try_hold(workspace, meters, cap=100)
    settlement = finish(try_hold(workspace, meters, cap=100, person_ref=person), messages=1, output_tokens=25)
    entry = LedgerEntry.objects.get(id=settlement.entry_id)
    lines = {(line["subject"], line["meter"], line["window"]): line for line in entry.lines}
    found = {
        key: (line["amount"], line["used_before"], line["held"], line["used_after"], line["held_after"])
        for key, line in lines.items()
    }
    assert found == {
        ("workspace", "messages", "day"): (10, 1, 1, 2, 1),
        ("person", "messages", "day"): (4, 0, 1, 1, 0),
        ("workspace", "output_tokens", "month"): (1000, 60, 100, 85, 100),
    }
    assert lines["person", "messages", "day"]["subject_id"] == str(person)
    assert other.cap == 100


def test_what_was_held_and_not_used_returns_at_once(workspace):
    give_limits(workspace, ("output_tokens", "day", 100))
    finish(try_hold(workspace, WRITTEN, cap=100), output_tokens=1)
    assert try_hold(workspace, WRITTEN, cap=99, min_cap=99).cap == 99


def test_what_the_provider_bills_beyond_the_hold_is_the_platforms_own_entry(workspace):
    give_limits(workspace, ("output_tokens", "day", 100))
    meters = {**WRITTEN, "input_tokens": Amount.of(10), "cost_micro": Amount(10 * 150_000, 600_000)}
    hold = try_hold(workspace, meters, cap=100)
    finish(hold, input_tokens=30, output_tokens=150)
    rows = LedgerEntry.objects.filter(hold_id=hold.id).values_list(
        "account", "input_tokens", "output_tokens", "cost_micro", "messages"
    )
    whole = -(-(30 * 150_000 + 150 * 600_000) // MILLION)
    assert sorted(rows) == [("platform", 20, 50, whole - 62, 0), ("workspace", 10, 100, 62, 0)]
    assert counter(workspace, "output_tokens").used == 100


def test_hold_that_straddles_midnight_counts_in_the_window_it_began_in(workspace):
    from tests.usage.test_limits import say_at

    give_limits(workspace, ("messages", "day", 1))
    now = timezone.now()
    late = say_at(workspace, now)
    finish(say_at(workspace, now + timedelta(days=1)), messages=1)
    finish(late, messages=1)
    days = Counter.objects.filter(workspace_id=workspace).values_list("used", "held")
    assert list(days) == [(1, 0), (1, 0)]
