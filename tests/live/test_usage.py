"""A key with a limit of its own, over the whole stack: waiting, refusal, and what OpenAI's SDK makes of it."""

import openai
import pytest

from tests.live.callers import KeyCaller


@pytest.fixture
def limited(acme) -> KeyCaller:
    """One message in all."""
    key_id, caller = acme.make_key(limits=[{"meter": "messages", "window": "total", "amount": 1}])
    caller.id = key_id
    return caller


def events_of(caller: KeyCaller, url: str) -> list[str]:
    with caller.http.stream("GET", url, headers={"Accept": "text/event-stream"}) as response:
        return [line for line in response.iter_lines() if line.startswith("data: ")]


def test_second_message_waits_for_the_first_and_is_then_refused_with_the_reason(limited):
    first = limited.ask("Count", delay_ms=1500, tokens=5)
    second = limited.ask("Count too", delay_ms=0, tokens=5)
    told = events_of(limited, second.events_url)
    assert told[0] == 'data: {"state":"waiting","attempt":0}'
    assert '"code":"quota_exceeded"' in told[-1]
    assert limited.run(first.run)["state"] == "done"
    refused = limited.http.post("/api/v1/conversations", json={"text": "Once more"})
    assert refused.status_code == 402
    [line] = refused.json()["limits"]
    assert (line["subject"], line["limit"], line["used"], line["resets_at"]) == ("api_key", 1, 1, None)
    assert "whoever made the key" in refused.json()["detail"]
    [standing] = [
        row
        for row in limited.http.get("/api/v1/usage/limits").json()["results"]
        if row["subject_id"] == limited.id
    ]
    assert (standing["used"], standing["held"]) == (1, 0)


def test_second_message_runs_when_the_first_leaves_nothing_behind(limited):
    first = limited.ask("Never answered", delay_ms=20_000)
    second = limited.ask("Count", delay_ms=0, tokens=5)
    limited.stop(first.run)
    told = events_of(limited, second.events_url)
    assert '"state":"done"' in told[-1]
    assert limited.run(first.run)["cost_micro"] == 0


def test_openais_sdk_raises_insufficient_quota_and_does_not_try_again(limited):
    limited.ask("Count", delay_ms=0, tokens=2)
    client = limited.openai(max_retries=3)
    sent = []
    client._client.event_hooks["request"].append(sent.append)
    messages = [{"role": "user", "content": "Hi"}]
    with pytest.raises(openai.RateLimitError) as raised:
        for _ in range(2):  # the first may still have waited for the answer above
            client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    assert raised.value.code == "insufficient_quota"
    assert len(sent) == 1
