"""The verifier's canonical JSON is RFC 8785's, and so is the server's, which another library writes."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from usage.receipts import bodies, verify

whole = st.integers(-(2**53 - 1), 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | whole | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)
wild = st.text(st.characters(codec=None, categories=None))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | wild | st.uuids() | st.decimals(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


@given(values)
def test_the_verifier_writes_what_an_independent_library_writes(value):
    assert verify.canonical(value) == rfc8785.dumps(value)


@given(values)
def test_what_is_canonical_reads_back_as_itself(value):
    assert verify.canonical(verify.read_json(verify.canonical(value).decode())) == verify.canonical(value)


@given(anything)
def test_every_leaf_of_the_server_can_be_read_by_the_verifier(value):
    text = bodies.canonical(value)
    assert verify.canonical(verify.read_json(text)).decode() == text


def test_keys_are_sorted_by_utf_16_units():
    """By code points the last two would change places."""
    written = verify.canonical({"\ufb33": 3, "\U0001f600": 2, "a": 1}).decode()
    assert written == '{"a":1,"\U0001f600":2,"\ufb33":3}'


@pytest.mark.parametrize("value", [1.0, 2**53, -(2**53), b"x", {1: 2}, "\ud800"])
def test_what_programs_read_differently_has_no_canonical_form(value):
    with pytest.raises((ValueError, AttributeError)):
        verify.canonical(value)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', '{"a":1.0}', '{"a":1e3}', '{"a":NaN}', '{"a":Infinity}', "{"]
)
def test_what_programs_read_differently_is_not_read(text):
    with pytest.raises(ValueError):
        verify.read_json(text)


def test_numbers_that_are_not_whole_become_texts():
    value = {"temperature": 0.7, "big": 2**60, "cost": Decimal("0.10"), "yes": True, "id": UUID(int=1)}
    assert bodies.plain(value) == {
        "temperature": "0.7",
        "big": str(2**60),
        "cost": "0.10",
        "yes": True,
        "id": "00000000-0000-0000-0000-000000000001",
    }


def test_a_half_surrogate_pair_becomes_a_question_mark():
    assert bodies.canonical({"text": "a\ud83d"}) == '{"text":"a?"}'


def test_times_are_utc_to_the_microsecond():
    zone = timezone(timedelta(hours=2))
    assert bodies.instant(datetime(2026, 3, 1, 1, 30, 5, 7, zone)) == "2026-02-28T23:30:05.000007Z"
    assert bodies.plain(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00.000000Z"
