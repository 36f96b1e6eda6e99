"""Server-sent events of a run: every viewer gets the exact text, however often and wherever the connection breaks."""

import hashlib
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenants import keys
from tests.live.books import eventually
from tests.live.viewers import Transcript, random_cuts

TRICKY = (
    "Grüße, 東京! 👩\u200d👩\u200d👧\u200d👦 e\u0301 \U0001f9ff — 𝔘nicode.\n\n"
    "```py\nprint('a:\\n\\nb')\n```\ndata: id: 7-7\r\nevent: done\n"
) * 4


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def text_at(transcript, event_id):
    """What a viewer had when it had just seen this event."""
    copy = Transcript()
    for event in transcript.events:
        copy.events.append(event)
        copy._apply(event)
        copy.last_id = event.id
        if event.id == event_id:
            break
    return copy


def test_two_viewers_see_the_same_text_and_it_is_the_saved_one(acme, books, provider):
    turn = acme.ask("Two viewers.", tokens=80, rate=60)
    viewers = [acme.watch(turn), acme.watch(turn)]

    first, second = (viewer.finish() for viewer in viewers)

    (entry,) = books.close([turn.run])
    (served,) = provider.requests(turn.key)
    assert first.text == second.text == entry.text == acme.run(turn.run)["text"]
    assert digest(first.text) == served["text_sha256"]
    assert first.holes == second.holes == []
    assert first.done["state"] == "done"
    assert len([event for event in first.events if event.name == "delta"]) > 5, "it was not streamed"


def test_offsets_count_code_points_of_any_text(acme, books, provider):
    turn = acme.ask("Unicode.", rate=200, exact=TRICKY)

    seen = acme.watch(turn, cuts=random_cuts(random.Random(1), low=40, high=900)).finish()

    (entry,) = books.close([turn.run])
    assert seen.text == entry.text
    assert digest(seen.text) == provider.requests(turn.key)[0]["text_sha256"]
    assert seen.holes == []


def test_viewers_that_are_cut_off_again_and_again_miss_nothing(acme, books, provider):
    turn = acme.ask("Cut.", tokens=150, rate=50)
    cuts = [random_cuts(random.Random(seed), low=1, high=600) for seed in range(6)]
    viewers = [acme.watch(turn, cuts=each) for each in cuts]

    transcripts = [viewer.finish() for viewer in viewers]

    (entry,) = books.close([turn.run])
    assert digest(entry.text) == provider.requests(turn.key)[0]["text_sha256"]
    for viewer, seen in zip(viewers, transcripts, strict=True):
        assert seen.text == entry.text
        assert seen.holes == []
        assert len(viewer.statuses) > 5, "it was hardly ever cut off"


def test_every_event_is_a_point_to_resume_from(acme, books):
    turn = acme.ask("Resume.", tokens=120, rate=40)
    reference = acme.watch(turn)
    reference.wait_for_text(300)
    ids = [event.id for event in list(reference.known.events)]
    assert len(ids) > 20

    def resume(event_id):
        known = text_at(reference.known, event_id)
        return acme.watch(turn, known=known).finish()

    with ThreadPoolExecutor(len(ids)) as pool:
        resumed = list(pool.map(resume, ids))
    whole = reference.finish()

    (entry,) = books.close([turn.run])
    assert whole.text == entry.text
    assert {seen.text for seen in resumed} == {entry.text}
    assert [seen.holes for seen in resumed if seen.holes] == []
    assert whole.holes == []


def test_a_viewer_who_comes_late_gets_all_of_it(acme, books):
    turn = acme.ask("Late.", tokens=90, rate=50)
    early = acme.watch(turn)
    early.wait_for_text(150)

    late = acme.watch(turn).finish()

    assert late.text == early.finish().text == books.close([turn.run])[0].text
    assert late.holes == []


@pytest.mark.parametrize("state", ["with the stream in Redis", "after Redis forgot it"])
def test_a_finished_run_is_read_from_its_row(acme, books, redis_client, state):
    turn = acme.ask("Finished.", tokens=30, rate=0)
    books.wait_final([turn.run])
    if state == "after Redis forgot it":
        eventually(lambda: redis_client.delete(keys.stream_key(books.workspace_id, turn.run)))

    new = acme.watch(turn).finish()
    resumed = acme.watch(turn, known=Transcript(text="something old", last_id="1-3")).finish()

    (entry,) = books.close([turn.run])
    assert new.text == resumed.text == entry.text
    assert [event.name for event in resumed.events] == ["snapshot", "done"]


def test_a_stream_that_redis_lost_midway_is_made_whole(acme, books, provider, redis_client):
    turn = acme.ask("Evicted.", tokens=120, rate=40)
    staying, leaving = acme.watch(turn), acme.watch(turn, comes_back=False)
    leaving.wait_for_text(100)
    leaving.leave()
    leaving.join(5)
    had = len(leaving.text)

    assert redis_client.delete(keys.stream_key(books.workspace_id, turn.run)) == 1
    new = acme.watch(turn)
    back = acme.watch(turn, known=leaving.known)

    texts = {viewer.finish().text for viewer in (staying, new, back)}
    (entry,) = books.close([turn.run])
    assert texts == {entry.text}
    assert len(entry.text) > had
    assert digest(entry.text) == provider.requests(turn.key)[0]["text_sha256"]
    assert "snapshot" in {event.name for event in new.known.events}


def test_silence_is_bridged_by_heartbeats(acme):
    turn = acme.ask("Slow.", tokens=5, rate=0, delay_ms=3000)

    seen = acme.watch(turn).finish()

    assert seen.heartbeats >= 1
    assert seen.done["state"] == "done"


def test_a_stopped_answer_keeps_its_text_and_is_charged_for_it_alone(acme, books, provider):
    turn = acme.ask("Stop me.", tokens=2000, rate=40)
    viewer = acme.watch(turn)
    viewer.wait_for_text(100)

    acme.stop(turn.run)

    seen = viewer.finish(5)
    (entry,) = books.close([turn.run])
    assert (entry.state, seen.done["state"]) == ("stopped", "stopped")
    assert seen.text == entry.text
    assert 100 <= len(entry.text) < 4000
    (served,) = provider.requests(turn.key)
    assert served["state"] == "aborted"
    assert entry.charged_tokens <= served["output_tokens"]


def test_events_of_a_run_are_live(acme):
    """Text is seen while the model still speaks."""
    turn = acme.ask("Live.", tokens=100, rate=40)
    viewer = acme.watch(turn)

    viewer.wait_for_text(1)

    assert acme.run(turn.run)["state"] == "running"
    assert time.monotonic() - viewer.known.events[0].at < 2.5
    viewer.finish()
