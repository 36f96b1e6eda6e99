"""Windows are pure functions of time: every instant lies in exactly one of each kind, in every zone."""

import calendar
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from usage.limits import windows
from usage.models import Window

TICK = timedelta(microseconds=1)
ZONES = sorted(available_timezones() - {"localtime"})
KINDS = [kind for kind in Window if kind != Window.TOTAL]
YEARS = st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1)).map(lambda value: value.replace(tzinfo=UTC))  # noqa: DTZ001


def begins(kind: str, day: date, anchor: int) -> bool:
    """The reference: does a window begin on this date?"""
    last = calendar.monthrange(day.year, day.month)[1]
    return {
        Window.DAY: True,
        Window.WEEK: day.isoweekday() == 1,
        Window.MONTH: day.day == 1,
        Window.PERIOD: day.day == min(anchor, last),
    }[Window(kind)]


def reference(kind: str, day: date, anchor: int) -> date:
    while not begins(kind, day, anchor):
        day -= timedelta(days=1)
    return day


def start(kind: str, zone: str, at: datetime, anchor: int = 1) -> date:
    return windows.starts(zone=zone, at=at, anchor_day=anchor)[kind]


def check(zone: str, at: datetime, anchor: int) -> None:
    today = at.astimezone(ZoneInfo(zone)).date()
    for kind in KINDS:
        begun = start(kind, zone, at, anchor)
        assert begun == reference(kind, today, anchor)
        ends = windows.resets_at(kind, begun, zone=zone, anchor_day=anchor)
        assert ends > at, "a reset lies ahead"
        assert start(kind, zone, ends - TICK, anchor) == begun, "up to its last instant"
        following = start(kind, zone, ends, anchor)
        assert following > begun, "and not one instant longer"
        assert begins(kind, following, anchor)
        assert windows.next_start(kind, begun, anchor_day=anchor) == following
    assert start(Window.TOTAL, zone, at, anchor) == windows.EPOCH


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The instants at which clocks change in two years."""
    info, found = ZoneInfo(zone), []
    at = datetime(2026, 1, 1, tzinfo=UTC)
    while at.year < 2028:
        low, high = at, at + timedelta(days=7)
        if low.astimezone(info).utcoffset() != high.astimezone(info).utcoffset():
            while high - low > TICK:
                middle = low + (high - low) / 2
                same = middle.astimezone(info).utcoffset() == low.astimezone(info).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
        at += timedelta(days=7)
    return tuple(found)


def test_every_zone_has_exactly_one_window_around_both_clock_changes():
    changing = 0
    for zone in ZONES:
        changing += len(changes(zone)) >= 4
        for change in changes(zone):
            for shift in (-TICK, timedelta(), TICK, timedelta(hours=1), timedelta(hours=-1)):
                check(zone, change + shift, 31)
    assert changing > 150, "two years have four changes where clocks change"


@settings(max_examples=100, deadline=None)
@given(zone=st.sampled_from(ZONES), at=YEARS, anchor=st.integers(1, 31))
@example(zone="UTC", at=datetime(2028, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), anchor=30)
@example(zone="Pacific/Kiritimati", at=datetime(2026, 12, 31, 10, tzinfo=UTC), anchor=31)
def test_each_instant_lies_in_exactly_one_window(zone, at, anchor):
    check(zone, at, anchor)


@pytest.mark.parametrize("anchor", [1, 28, 29, 30, 31])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"])
def test_windows_of_four_years_join_without_gap_or_overlap(zone, anchor):
    """Walks from reset to reset: each window begins where the one before ended."""
    for kind in KINDS:
        at = datetime(2026, 1, 31, 12, tzinfo=UTC)
        day = start(kind, zone, at, anchor)
        while at.year < 2030:
            at = windows.resets_at(kind, day, zone=zone, anchor_day=anchor)
            following = start(kind, zone, at, anchor)
            assert following == windows.next_start(kind, day, anchor_day=anchor)
            assert windows.first_moment(following, zone) == at
            day = following


@pytest.mark.parametrize(
    ("anchor", "today", "expected", "following"),
    [
        (31, "2026-02-28", "2026-02-28", "2026-03-31"),
        (31, "2026-02-27", "2026-01-31", "2026-02-28"),
        (31, "2026-04-29", "2026-03-31", "2026-04-30"),
        (30, "2028-02-29", "2028-02-29", "2028-03-30"),
        (29, "2026-02-28", "2026-02-28", "2026-03-29"),
        (28, "2026-03-01", "2026-02-28", "2026-03-28"),
        (15, "2026-01-14", "2025-12-15", "2026-01-15"),
    ],
)
def test_billing_periods_begin_on_the_anchor_or_the_months_last_day(anchor, today, expected, following):
    at = datetime.fromisoformat(f"{today}T12:00:00+00:00")
    begun = start(Window.PERIOD, "UTC", at, anchor)
    assert begun == date.fromisoformat(expected)
    assert windows.next_start(Window.PERIOD, begun, anchor_day=anchor) == date.fromisoformat(following)


def test_midnight_that_does_not_exist_is_the_instant_of_the_jump():
    # Cuba skips 00:00-01:00 on 8 March 2026, and has 00:00-01:00 twice on 1 November
    assert windows.first_moment(date(2026, 3, 8), "America/Havana") == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert windows.first_moment(date(2026, 11, 1), "America/Havana") == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_day_that_never_was_is_an_empty_window():
    # Samoa went from 29 to 31 December 2011
    before = datetime(2011, 12, 30, 9, 59, tzinfo=UTC)
    assert start(Window.DAY, "Pacific/Apia", before) == date(2011, 12, 29)
    ends = windows.resets_at(Window.DAY, date(2011, 12, 29), zone="Pacific/Apia")
    assert ends == datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert start(Window.DAY, "Pacific/Apia", ends) == date(2011, 12, 31)


@settings(max_examples=80, deadline=None)
@given(old=st.sampled_from(ZONES), new=st.sampled_from(ZONES), at=YEARS, anchor=st.integers(1, 31))
def test_zone_change_in_mid_period_moves_a_window_by_a_day_at_most(old, new, at, anchor):
    """Each instant counts in the one window of the zone in force then."""
    check(old, at - TICK, anchor)
    check(new, at, anchor)
    shift = start(Window.DAY, new, at) - start(Window.DAY, old, at - TICK)
    assert abs(shift.days) <= 2
    same_day = shift.days == 0
    for kind in KINDS:
        if same_day:
            assert start(kind, new, at, anchor) == start(kind, old, at - TICK, anchor)
