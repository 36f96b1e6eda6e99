"""Events of a run as bytes, and their ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistants.runs import frames
from assistants.runs.frames import EventId


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1-1", (1, 1)), ("0-0", (0, 0)), ("12-345", (12, 345)), ("999999-99999999", (999999, 99999999))],
)
def test_id_is_read(text, expected):
    event_id = EventId.parse(text)
    assert (event_id.attempt, event_id.seq) == expected
    assert str(event_id) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "-", "1-", "-1", "1-1-1", "a-b", "1-b", "1.5-1", " 1-1", "1-1\n", "+1-1", "1--1", "1-1 ", "$", "*",
        "9" * 30 + "-1", "1-" + "9" * 30, "١-١x", "0x1-1", "\x00",
    ],
)  # fmt: skip
def test_strange_id_replays_from_the_start(text):
    assert EventId.parse(text) == EventId(0, 0)


def test_digits_of_other_scripts_are_not_passed_to_redis_as_they_came():
    assert str(EventId.parse("١-٢")) in ("1-2", "0-0")


@pytest.mark.parametrize(
    ("event_id", "last", "expected"),
    [
        ((1, 1), (0, 0), True),
        ((1, 2), (1, 1), True),
        ((1, 3), (1, 1), False),
        ((1, 1), (1, 1), False),
        ((2, 1), (1, 7), True),
        ((2, 2), (1, 7), False),
        ((3, 1), (1, 7), True),
        ((1, 8), (2, 7), False),
        ((1, 2), (0, 0), False),
    ],
)
def test_follows_says_whether_nothing_can_lie_between(event_id, last, expected):
    assert EventId(*event_id).follows(EventId(*last)) is expected


def test_ids_are_ordered_by_attempt_then_sequence():
    ids = [EventId(2, 1), EventId(1, 10), EventId(1, 9), EventId(0, 0)]
    assert sorted(ids) == [EventId(0, 0), EventId(1, 9), EventId(1, 10), EventId(2, 1)]


def test_frame_is_a_server_sent_event():
    raw = frames.frame(EventId(2, 7), "delta", {"offset": 3, "text": "Grüße\n\n"})
    assert raw == 'id: 2-7\nevent: delta\ndata: {"offset":3,"text":"Grüße\\n\\n"}\n\n'.encode()


@given(text=st.text(), seq=st.integers(1, 10**9))
def test_every_text_survives_a_frame(text, seq):
    """Also line ends of every kind, which would otherwise end the event early."""
    text = text.encode("utf-8", "replace").decode()
    raw = frames.frame(EventId(1, seq), "delta", {"offset": 0, "text": text})
    assert raw.count(b"\n") == 4
    assert b"\r" not in raw
    assert frames.read_id(raw) == EventId(1, seq)
    assert frames.read(raw) == ("delta", {"offset": 0, "text": text})
    assert not frames.is_done(raw)


def test_done_is_told_apart_even_when_a_text_says_done():
    assert frames.is_done(frames.frame(EventId(1, 1), "done", {}))
    assert not frames.is_done(frames.frame(EventId(1, 1), "delta", {"text": "event: done\n"}))
