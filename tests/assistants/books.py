"""What a played run must have left in its row, its hold and the ledger."""

WORDS = "one two three four five six seven eight nine ten"
SLOW = "Tell me a lot\n/sim tokens=400 rate=40"


def assert_charged(played, *, output_tokens: int, is_estimated: bool) -> None:
    """Exactly one entry, with what was delivered at its price; row and hold agree."""
    (entry,) = played.entries
    assert (entry.kind, entry.account, entry.messages) == ("settlement", "workspace", 1)
    assert (entry.output_tokens, entry.is_estimated) == (output_tokens, is_estimated)
    assert entry.input_tokens == played.requests[-1]["input_tokens"]
    fresh = entry.input_tokens - entry.cached_tokens
    exact = fresh * 150_000 + entry.cached_tokens * 75_000 + output_tokens * 600_000
    assert entry.cost_micro == -(-exact // 1_000_000)
    run = played.run
    assert (run.input_tokens, run.output_tokens) == (entry.input_tokens, output_tokens)
    assert (run.cost_micro, run.is_estimated) == (entry.cost_micro, is_estimated)
    assert played.hold.state == "settled"


def assert_not_charged(played, reason: str) -> None:
    assert played.entries == []
    assert (played.hold.state, played.hold.release_reason) == ("released", reason)
    run = played.run
    assert (run.text, run.cost_micro, run.input_tokens, run.output_tokens) == ("", 0, 0, 0)


def assert_ended(played, state: str, code: str = "") -> None:
    run = played.run
    assert (run.state, run.error_code) == (state, code)
    assert run.finished_at is not None
    assert played.message_text == run.text
    assert played.said == run.text
    event, data = played.events[-1]
    assert (event, data["state"], data["code"] or "") == ("done", state, code if state == "failed" else "")
