"""The checks of the other tests must be able to fail: a run lost or charged twice on purpose is found."""

from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from tests.live.books import Entry, Findings, examine

SETTLE_AGAIN = """
INSERT INTO public.usage_ledgerentry (hold_id, workspace_id, person_ref, account, kind, run_kind, provider, model,
       messages, input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_micro, is_estimated, created_at,
       lines, variant, rated_at, images, audio_in_ms, audio_out_ms, websites, generations)
SELECT hold_id, workspace_id, person_ref, account, kind, run_kind, provider, model,
       messages, input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_micro, is_estimated, now(),
       lines, variant, rated_at, images, audio_in_ms, audio_out_ms, websites, generations
FROM public.usage_ledgerentry WHERE hold_id = %s
"""
"""What a worker would do that claims without a lease and settles without its attempt."""

GOOD = Entry(
    id="a", state="done", attempt=1, error_code="", text="one two three", is_estimated=False, output_tokens=3,
    message_text="one two three", hold_state="settled", settlements=1, charged_tokens=3,
)  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ({"state": "running"}, "lost"),
        ({"hold_state": "held"}, "lost"),
        ({"settlements": 2, "charged_tokens": 3}, "charged_twice"),
        ({"text": "", "message_text": ""}, "charged_undelivered"),
        ({"settlements": 0, "charged_tokens": 0}, "not_charged"),
        ({"charged_tokens": 4}, "charged_too_much"),
        ({"charged_tokens": 4, "output_tokens": 4, "is_estimated": True}, "charged_too_much"),
        ({"message_text": "one two"}, "text_differs"),
    ],
)
def test_each_wrong_is_found(wrong, finding):
    assert getattr(examine([replace(GOOD, **wrong)], ["a"]), finding) == ["a"]


def test_what_is_right_is_not_complained_about():
    assert examine([GOOD], ["a"]) == Findings()


def test_an_accepted_run_that_is_not_there_is_missing():
    assert examine([GOOD], ["a", "b"]).missing == ["b"]


def test_a_double_charge_in_the_database_is_refused_and_would_be_found(acme, books):
    turn = acme.ask("Once.", tokens=10, rate=0)
    books.wait_final([turn.run])

    with books.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(SETTLE_AGAIN, [turn.run])
    with books.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("DROP INDEX public.ledger_one_settlement"))
        connection.execute(SETTLE_AGAIN, [turn.run])
        found = examine(books.read([turn.run], connection), [turn.run])

    assert found.charged_twice == [turn.run]
    assert found.charged_too_much == [turn.run]
    books.close([turn.run])
