"""Closing the books of runs that really called a provider: its report is asked for over HTTP like any other's."""

from datetime import UTC

import httpx2
import pytest
from django.utils import timezone

from assistants.runs import services as runs
from tests.assistants.books import SLOW
from usage.models import Counter
from usage.receipts import sequencer
from usage.receipts.models import PLATFORM, LogKind
from usage.reconciliation import services
from usage.reconciliation.models import BooksItem

KINDS = [
    "rate=0 tokens=40",
    "rate=0 tokens=40 reasoning=9 cached=3",
    "rate=0 tokens=40 fault=nousage",
    "fault=500",
]


@pytest.fixture
def close(stage, provider, settings, monkeypatch):
    """The findings of today for the provider and this workspace. Its report begins now."""
    provider.wait_idle()  # it may still write what a test before has stopped
    settings.PROVIDER_REPORT_URL = f"{provider.address}/_sim/counters"
    httpx2.post(f"{provider.address}/_sim/reset", timeout=5).raise_for_status()
    monkeypatch.setattr(services, "AGAIN_S", 0.2)

    def close() -> set[tuple[str, str, int]]:
        for whose in (PLATFORM, stage.workspace.id):
            for kind in LogKind:
                # Nothing works off what waits here, and waiting long is a finding.
                sequencer.sequence(whose, kind)
        found = services.close(day=timezone.now().astimezone(UTC).date())
        mine = [row for row in found if row.workspace_id in (None, stage.workspace.id)]
        return {(row.kind, row.subject, row.found - row.expected) for row in mine}

    return close


def test_ledger_counters_receipts_and_provider_agree_to_the_token(stage, close):
    for steering in KINDS:
        stage.play(f"Count\n/sim {steering}")
    assert close() == set()


def test_what_a_provider_wrote_beyond_a_stop_is_the_one_difference_and_has_a_name(stage, close):
    """It may write on until it learns that nobody listens; only its report knows how much."""
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    runs.stop_run(workspace_id=stage.workspace.id, run=stage.reload(turn.run))
    played = finish()
    beyond = played.requests[0]["output_tokens"] - played.run.output_tokens
    assert close() == ({("provider", "output_tokens", -beyond)} if beyond else set())


def test_counter_that_was_changed_by_hand_is_a_named_open_item_until_it_is_put_right(stage, close):
    stage.play("Count\n/sim rate=0 tokens=40")
    row = Counter.objects.filter(
        workspace_id=stage.workspace.id, subject_kind="workspace", meter="tokens"
    ).first()
    Counter.objects.filter(id=row.pk).update(used=row.used + 5)
    found = close()
    assert len(found) == 1, found
    ((kind, subject, difference),) = found
    assert (kind, difference) == ("counters", 5)
    assert subject.startswith(f"I1 counter {row.pk} tokens")
    assert BooksItem.objects.get(workspace_id=stage.workspace.id, subject=subject).alarmed_at is not None
    Counter.objects.filter(id=row.pk).update(used=row.used)
    assert close() == set()
    assert BooksItem.objects.get(workspace_id=stage.workspace.id, subject=subject).state == "settled"
