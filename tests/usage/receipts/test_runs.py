"""A settled run leaves exactly one receipt that says what it did, and nothing that anybody wrote."""

import json
import string
from dataclasses import replace
from itertools import product

import pytest
from django.db import transaction

from assistants.chat import services as chat
from assistants.llm.chat import ChatRequest
from assistants.llm.usage import Usage
from assistants.models import Conversation, Run
from assistants.runs import evidence, turns
from assistants.runs import services as runs
from assistants.runs.job import Outcome
from tests import factories
from usage.holds import services as holds
from usage.holds.types import Claim
from usage.models import LedgerEntry, Price
from usage.receipts import presenters, queries, services, settled, verify
from usage.receipts.bodies import salted_hash
from usage.receipts.models import LogKind, Receipt

SECRET = "the merger with Initech"
USAGE = Usage(input_tokens=1000, output_tokens=200, cached_tokens=300, reasoning_tokens=0)


def work(run: Run, **outcome) -> tuple[Run | None, ChatRequest]:
    """What a worker does, without a provider."""
    claim, request = begin(run)
    fields = {
        "text": "An answer.",
        "finish_reason": "stop",
        "answered_by": "gpt-4o-mini-2024-07-18",
        "usage": USAGE,
    }
    ended = runs.finish_run(run_id=run.id, attempt=claim.attempt, outcome=Outcome(**{**fields, **outcome}))
    return ended, request


def begin(run: Run) -> tuple[Claim, ChatRequest]:
    claim = holds.claim(run.id)
    run = Run.objects.select_related("assistant", "message").get(id=run.id)
    request = turns.request_of(run, claim)
    runs.begin_run(run, attempt=claim.attempt, request=request)
    return claim, request


@pytest.fixture
def turn(in_acme, member) -> chat.Turn:
    """Asked at such length that its hold covers USAGE."""
    return factories.ask(member.member, f"Please summarise {SECRET}." + " Every word counts." * 400)


def body_of(run: Run) -> dict:
    return json.loads(Receipt.objects.get(hold_id=run.id).body)


def test_a_receipt_says_what_the_ledger_says(turn, in_acme, member):
    run, _ = work(turn.run)
    body, entry = body_of(run), LedgerEntry.objects.get(hold_id=run.id)
    assert body["workspace_id"] == str(in_acme.id) and body["person_ref"] == str(member.member.person_ref)
    assert body["run"] == {
        "id": str(run.id),
        "kind": "reply",
        "attempt": 1,
        "state": "done",
        "finish_reason": "stop",
        "error": "",
    }
    assert body["model"] == {
        "asked": "gpt-4o-mini",
        "answered": "gpt-4o-mini-2024-07-18",
        "provider": entry.provider,
    }
    assert (
        body["cost"]["micro"]
        == entry.cost_micro
        == -(-(700 * 150_000 + 300 * 75_000 + 200 * 600_000) // 10**6)
    )
    assert body["usage"]["input_tokens"] == 1000 and body["usage"]["cached_tokens"] == 300
    assert body["usage"]["is_estimated"] is False
    assert body["parameters"] == {"max_output_tokens": 2048, "temperature": "0.7"}
    assert body["gates"] == [] and set(body["hold"]) >= {"messages", "input_tokens", "output_tokens"}
    assert body["hold"]["input_tokens"] == turn.run.input_tokens and body["hold"]["output_tokens"] == 256
    assert set(body["times"]) == {"asked", "started", "settled"}


def test_a_receipt_says_what_was_charged_and_not_what_the_provider_billed_beyond_the_hold(in_acme, member):
    run, _ = work(factories.ask(member.member, f"Please summarise {SECRET}.").run)
    charged = LedgerEntry.objects.get(hold_id=run.id, account=LedgerEntry.Account.WORKSPACE)
    beyond = LedgerEntry.objects.get(hold_id=run.id, account=LedgerEntry.Account.PLATFORM)
    assert 0 < charged.input_tokens < 1000 == charged.input_tokens + beyond.input_tokens
    body = body_of(run)
    assert body["usage"]["input_tokens"] == charged.input_tokens
    assert body["cost"]["micro"] == charged.cost_micro


def test_the_price_rows_of_the_cost_are_named(turn, in_acme):
    run, _ = work(turn.run)
    prices = {row["meter"]: row for row in body_of(run)["cost"]["prices"]}
    assert {meter: row["micro_per_million"] for meter, row in prices.items()} == {
        "input_tokens": 150_000,
        "cached_tokens": 75_000,
        "output_tokens": 600_000,
    }
    assert Price.objects.get(id=prices["output_tokens"]["id"]).meter == "output_tokens"


def test_an_estimate_is_marked(turn, in_acme):
    run, _ = work(turn.run, usage=None)
    assert body_of(run)["usage"]["is_estimated"] is True


def test_a_stopped_answer_has_a_receipt_for_what_was_said(turn, in_acme):
    run, _ = work(turn.run, state="stopped", usage=None, finish_reason="")
    assert body_of(run)["run"]["state"] == "stopped"


def test_a_failed_answer_that_was_charged_says_why_it_failed(turn, in_acme):
    run, _ = work(turn.run, state="failed", usage=None, finish_reason="", error_code="provider_cut")
    body = body_of(run)
    assert (body["run"]["state"], body["run"]["error"]) == ("failed", "provider_cut")
    assert body["usage"]["is_estimated"] is True and int(body["cost"]["micro"]) == run.cost_micro > 0
    shown = {entry.name: entry.value for entry in presenters.sections(body)[0].entries}
    assert shown["Kind"] == "reply, attempt 1, failed (provider_cut)"


PICTURE = {"kind": Run.Kind.IMAGE, "model": "dall-e-3", "pieces": {"images": 2}, "variant": "1024x1024/hd"}
GATES = (
    settled.Gate("moderation", settled.PASSED, by="rules-2026.1"),
    settled.Gate("size", settled.SKIPPED),
)


def test_another_kind_of_run_brings_its_pieces_and_the_gates_it_went_through(in_acme, member):
    """What a lane that makes images will do: this run has no code of its own."""
    factories.give_limits(in_acme.id, ("images", "day", 4), ("cost_micro", "month", 10**9))
    with transaction.atomic():
        run = runs.start_run(member=member.member, new=runs.NewRun(**PICTURE))
    begin_picture = holds.claim(run.id)
    outcome = Outcome(pieces={"images": 2}, variant="1024x1024/hd", answered_by="dall-e-3", gates=GATES)
    ended = runs.finish_run(run_id=run.id, attempt=begin_picture.attempt, outcome=outcome)
    entry = LedgerEntry.objects.get(hold_id=run.id)
    assert (entry.images, entry.messages, entry.variant) == (2, 0, "1024x1024/hd")
    assert entry.cost_micro == ended.cost_micro == 160_000
    body = body_of(run)
    assert body["gates"] == [
        {"name": "moderation", "verdict": "passed", "by": "rules-2026.1"},
        {"name": "size", "verdict": "skipped", "by": ""},
    ]
    assert (body["usage"]["images"], body["hold"]["images"]) == (2, 2)
    document = services.document(ended.receipt_id)
    assert not verify.verify([json.dumps(document)], verify.Report()).problems
    (section,) = [row for row in presenters.sections(body) if row.title == "Checks of the result"]
    assert [(row.name, row.value) for row in section.entries] == [
        ("Moderation", "passed, by rules-2026.1"),
        ("Size", "skipped"),
    ]
    assert queries.verdicts(in_acme.id).hold


@pytest.mark.parametrize(
    "wrong",
    [("Is it about the merger?", "passed"), ("size", "perhaps"), ("size", "passed", SECRET), ("", "passed")],
)
def test_a_gate_holds_no_text_of_a_person(wrong):
    with pytest.raises(ValueError, match="no gate"):
        settled.Gate(*wrong)


def test_a_run_that_delivered_nothing_has_no_receipt(turn, in_acme):
    run, _ = work(turn.run, state="failed", text="", error_code="provider_unavailable")
    assert not Receipt.objects.filter(hold_id=run.id).exists()


def test_a_second_end_writes_no_second_receipt(turn, in_acme):
    run, _ = work(turn.run)
    again = runs.finish_run(run_id=run.id, attempt=1, outcome=Outcome(text="Another answer."))
    assert again is None
    assert Receipt.objects.filter(hold_id=run.id).count() == 1


def test_a_receipt_that_cannot_be_written_undoes_the_settlement(turn, in_acme, monkeypatch):
    def fail(run):
        raise RuntimeError("no receipt")

    monkeypatch.setattr(services, "issue", fail)
    claim = holds.claim(turn.run.id)
    with pytest.raises(RuntimeError):
        runs.finish_run(run_id=turn.run.id, attempt=claim.attempt, outcome=Outcome(text="An answer."))
    assert not LedgerEntry.objects.filter(hold_id=turn.run.id).exists()
    assert Run.objects.get(id=turn.run.id).state == "queued"


def test_the_hashes_are_of_what_was_sent_and_what_came(turn, in_acme):
    run, request = work(turn.run)
    salt = bytes(Run.objects.get(id=run.id).salt)
    assert body_of(run)["texts"] == {
        "prompt": salted_hash(salt, {"messages": request.messages}),
        "answer": salted_hash(salt, {"text": "An answer.", "tool_calls": []}),
    }
    assert any(SECRET in message["content"] for message in request.messages)


def test_a_later_attempt_hashes_what_it_sent(turn, in_acme):
    claim, _ = begin(turn.run)
    holds.give_back(turn.run.id, attempt=claim.attempt)
    turn.run.refresh_from_db()
    first = dict(turn.run.sent)
    turn.question.text = "Something else."
    turn.question.save()
    run, request = work(turn.run)
    assert body_of(run)["run"]["attempt"] == 2
    assert body_of(run)["texts"]["prompt"] != first["hash"]
    assert body_of(run)["texts"]["prompt"] == salted_hash(
        bytes(Run.objects.get(id=run.id).salt), evidence.prompt_text(request)
    )


def test_no_text_of_a_person_is_in_the_receipt():
    """Tools, stop words and formats of an API call may hold what people wrote: they are hashed with the prompt."""
    extra = {
        "tools": [{"type": "function", "function": {"name": "find", "description": SECRET}}],
        "stop": [SECRET],
        "response_format": {"type": "json_schema", "json_schema": {"name": SECRET}},
        "seed": 7,
        "top_p": 0.5,
        "reasoning_effort": SECRET,
        "parallel_tool_calls": SECRET,
    }
    request = ChatRequest(
        model="m",
        messages=[{"role": "user", "content": "x"}],
        max_output_tokens=5,
        request_id="r",
        temperature=0.1,
        extra=extra,
    )
    sent = evidence.of_request(b"s" * 16, request)
    assert SECRET not in json.dumps(sent)
    assert sent["parameters"] == {"max_output_tokens": 5, "temperature": 0.1, "seed": 7, "top_p": 0.5}
    altered = replace(request, extra={**extra, "stop": ["other"]})
    assert evidence.of_request(b"s" * 16, altered)["hash"] != sent["hash"]


def test_the_whole_document_holds_no_text(turn, in_acme):
    run, _ = work(turn.run)
    document = json.dumps(services.document(Receipt.objects.get(hold_id=run.id).id))
    assert SECRET not in document and "An answer" not in document
    assert Run.objects.get(id=run.id).salt.hex() not in document


def test_after_erasing_the_conversation_its_receipts_verify_and_reveal_nothing(in_acme, member):
    turn = factories.ask(member.member, "yes")
    run, _ = work(turn.run, text="no")
    salt = bytes(Run.objects.get(id=run.id).salt)
    receipt = Receipt.objects.get(hold_id=run.id)
    before = services.document(receipt.id)
    Conversation.objects.filter(id=turn.conversation.id).delete()
    assert not Run.objects.filter(id=run.id).exists()
    after = services.document(receipt.id)
    assert after == before
    assert not verify.verify([json.dumps(after)], verify.Report()).problems
    assert queries.verdicts(in_acme.id).hold
    hashes = set(after["receipt"]["texts"].values())
    assert not hashes & set(guesses(b"")), "the short answer was guessed"
    # The control: with the salt, which went with the text, the guess is immediate.
    assert hashes & set(guesses(salt))


def guesses(salt: bytes):
    """Every answer of up to two letters."""
    letters = string.ascii_lowercase
    for length in (1, 2):
        for word in product(letters, repeat=length):
            yield salted_hash(salt, {"text": "".join(word), "tool_calls": []})


def test_a_run_knows_its_receipt(turn, in_acme):
    run, _ = work(turn.run)
    assert Run.objects.get(id=run.id).receipt_id == Receipt.objects.get(hold_id=run.id).id


def test_the_books_of_a_workspace_close(in_acme, member):
    for _ in range(3):
        work(factories.ask(member.member).run)
    services.take_checkpoint(in_acme.id, LogKind.RECEIPTS)
    assert queries.verdicts(in_acme.id).hold
