"""A run from its question to its books, against a provider that refuses or breaks in every way it can."""

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from assistants.models import Run
from assistants.runs import attempts
from tenants.scope import enter
from tests import factories
from tests.assistants.books import WORDS, assert_charged, assert_ended, assert_not_charged
from usage import prices
from usage.holds.types import QuotaExceeded
from usage.models import Hold, Price


def test_answer_is_saved_told_and_charged_at_the_providers_own_count(stage):
    played = stage.play(f"Count\n/sim text={WORDS}")
    assert_ended(played, "done")
    assert (played.run.text, played.run.finish_reason, played.run.answered_by) == (
        WORDS,
        "stop",
        "gpt-4o-mini",
    )
    assert_charged(played, output_tokens=10, is_estimated=False)
    assert [row["state"] for row in played.requests] == ["completed"]
    assert played.requests[0]["client_request_id"] == f"{played.run.id}-1"
    assert played.events[0] == ("status", {"state": "running", "attempt": 1})
    assert played.run.started_at <= played.run.finished_at


def test_cached_and_reasoning_tokens_come_from_the_provider(stage):
    played = stage.play("Long prompt " * 60 + f"\n/sim text={WORDS}\n/sim cached=64 reasoning=7")
    (entry,) = played.entries
    assert (entry.cached_tokens, entry.reasoning_tokens) == (64, 7)
    assert_charged(played, output_tokens=17, is_estimated=False)


def test_without_a_count_of_the_provider_ours_is_charged_and_marked(stage):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=nousage")
    assert_ended(played, "done")
    assert_charged(played, output_tokens=10, is_estimated=True)


def test_refusal_is_an_answer_and_charged(stage):
    played = stage.play("Count\n/sim fault=refusal")
    assert_ended(played, "done")
    assert played.run.finish_reason == "refusal"
    assert played.run.text.startswith("I'm sorry")
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=False)


def test_answer_ended_by_the_content_filter_is_kept_and_charged(stage):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=content_filter after=4")
    assert_ended(played, "done")
    assert played.run.finish_reason == "content_filter"
    assert played.run.text.startswith("one two three four")
    assert_charged(played, output_tokens=played.requests[-1]["output_tokens"], is_estimated=False)


def test_answer_never_gets_longer_than_its_hold(stage):
    with enter(stage.workspace):
        assistant = factories.make_assistant(stage.member, f"Brief {uuid4().hex[:6]}", max_output_tokens=16)
    played = stage.play("Tell me\n/sim tokens=100", assistant=assistant)
    assert_ended(played, "done")
    assert played.run.finish_reason == "length"
    assert_charged(played, output_tokens=16, is_estimated=False)


def test_two_runs_at_once_are_not_mixed(stage):
    turns_ = [stage.ask(f"Say\n/sim text={word * 30}\n/sim rate=60") for word in ("left ", "right ")]
    finishes = [stage.begin(turn) for turn in turns_]
    texts = [finish().run.text for finish in finishes]
    assert [set(text.split()) for text in texts] == [{"left"}, {"right"}]


# the provider refuses


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("400", "provider_refused_request"),
        ("context", "provider_refused_request"),
        ("401", "provider_key_refused"),
        ("403", "provider_key_refused"),
        ("404", "provider_model_missing"),
        ("quota", "provider_out_of_credit"),
    ],
)
def test_terminal_error_is_not_tried_again_and_not_charged(stage, fault, code):
    played = stage.play(f"Count\n/sim fault={fault}")
    assert_ended(played, "failed", code)
    assert_not_charged(played, code)
    assert len(played.requests) == 1


def test_unpriced_model_is_refused_before_anything_is_asked(stage):
    """One whose price went after it was chosen."""
    with enter(stage.workspace):
        assistant = factories.make_assistant(stage.member, f"Odd {uuid4().hex[:6]}")
        assistant.model = "no-such-model"
        assistant.save(update_fields=["model"])
        before = (Run.objects.count(), Hold.objects.count())
        with pytest.raises(QuotaExceeded) as refused:
            stage.ask("Count", assistant=assistant)
        assert refused.value.code == "model_unpriced"
        assert (Run.objects.count(), Hold.objects.count()) == before


def test_unknown_model_is_not_charged(stage, settings):
    model = f"no-such-{uuid4().hex[:8]}"
    settings.CHAT_MODELS = [*settings.CHAT_MODELS, model]
    for meter in ("input_tokens", "output_tokens"):
        Price.objects.create(
            provider="openai", model=model, meter=meter, micro_per_million=1, source="test",
            effective_at=timezone.now() - timedelta(days=1),
        )  # fmt: skip
    prices.forget()
    with enter(stage.workspace):
        assistant = factories.make_assistant(stage.member, f"Odd {uuid4().hex[:6]}", model=model)
    played = stage.play("Count", assistant=assistant)
    assert_ended(played, "failed", "provider_model_missing")
    assert_not_charged(played, "provider_model_missing")


def test_busy_provider_is_asked_again_when_it_said(stage):
    begun = time.monotonic()
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=429 retry_after=1 times=1 key={uuid4().hex}")
    assert time.monotonic() - begun >= 1
    assert_ended(played, "done")
    assert [row["state"] for row in played.requests] == ["error", "completed"]
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_busy_provider_that_asks_for_a_long_wait_is_not_asked_again(stage):
    played = stage.play("Count\n/sim fault=429 retry_after=30")
    assert_ended(played, "failed", "provider_busy")
    assert_not_charged(played, "provider_busy")
    assert len(played.requests) == 1
    assert timedelta(seconds=20) < played.run.retry_at - timezone.now() <= timedelta(seconds=30)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("429", "provider_busy"), ("500", "provider_unavailable"), ("503", "provider_unavailable")],
)
def test_error_that_stays_is_tried_three_times_and_not_charged(stage, fault, code):
    played = stage.play(f"Count\n/sim fault={fault}")
    assert_ended(played, "failed", code)
    assert_not_charged(played, code)
    assert len(played.requests) == 3
    assert {row["concurrent_duplicates"] for row in played.requests} == {0}


def test_error_that_goes_away_after_two_tries_is_charged_once(stage):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault=500 times=2 key={uuid4().hex}")
    assert_ended(played, "done")
    assert [row["state"] for row in played.requests] == ["error", "error", "completed"]
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_provider_that_cannot_be_reached(stage, settings):
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    played = stage.play("Count")
    assert_ended(played, "failed", "provider_unreachable")
    assert_not_charged(played, "provider_unreachable")
    assert played.requests == []


# the provider breaks


def test_provider_that_never_answers_is_given_up_and_not_charged(stage):
    played = stage.play("Count\n/sim fault=timeout")
    assert_ended(played, "failed", "provider_timeout")
    assert_not_charged(played, "provider_timeout")
    assert len(played.requests) == 3


@pytest.mark.parametrize("fault", ["timeout", "cut after=0"])
def test_break_before_the_first_token_is_tried_again(stage, fault):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault={fault} times=1 key={uuid4().hex}")
    assert [row["state"] for row in played.requests[1:]] == ["completed"]
    assert_ended(played, "done")
    assert_charged(played, output_tokens=10, is_estimated=False)


def test_empty_answer_that_stays_is_not_charged(stage):
    played = stage.play("Count\n/sim fault=empty")
    assert_ended(played, "failed", "provider_cut")
    assert_not_charged(played, "provider_cut")
    assert len(played.requests) == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [("cut", "provider_cut"), ("stall", "provider_timeout"), ("badjson", "provider_protocol")],
)
def test_break_after_the_first_token_keeps_what_was_said_and_charges_it_as_an_estimate(stage, fault, code):
    played = stage.play(f"Count\n/sim text={WORDS}\n/sim fault={fault} after=4")
    assert_ended(played, "failed", code)
    assert played.run.text == "one two three four"
    assert len(played.requests) == 1, "never again after the first token"
    assert_charged(played, output_tokens=4, is_estimated=True)


def test_broken_first_event_is_not_tried_again_and_not_charged(stage):
    played = stage.play("Count\n/sim fault=badjson after=0")
    assert_ended(played, "failed", "provider_protocol")
    assert_not_charged(played, "provider_protocol")
    assert len(played.requests) == 1


def test_bug_of_ours_fails_the_run_once_and_is_logged(stage, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(attempts.chat, "stream", broken)
    played = stage.play("Count")
    assert_ended(played, "failed", "internal")
    assert_not_charged(played, "internal")
    assert [record.message for record in caplog.records].count("a run failed unexpectedly") == 1


def test_nothing_of_the_prompt_or_the_answer_is_logged(stage, caplog):
    caplog.set_level("DEBUG")
    for fault in ("", "\n/sim fault=cut after=2", "\n/sim fault=400"):
        stage.play(f"Question-7421\n/sim text=Answer-9038 and more{fault}")
    for record in caplog.records:
        if record.name.startswith(("assistants", "usage", "config", "tenants", "openai", "httpx2")):
            assert "7421" not in record.getMessage()
            assert "9038" not in record.getMessage()
