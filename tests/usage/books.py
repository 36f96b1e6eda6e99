"""Ledger entries at chosen moments, for tests of what people see of them."""

import time
from datetime import UTC, datetime
from unittest.mock import patch
from uuid import uuid4

from django.utils import timezone

from usage.models import LedgerEntry
from usage.rollups import services as rollups
from usage.rollups.models import RollupState

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def write_entry(at: datetime = NOON, **fields) -> LedgerEntry:
    values = {
        "hold_id": uuid4(), "workspace_id": uuid4(), "person_ref": uuid4(), "kind": "settlement",
        "run_kind": "reply", "provider": "openai", "model": "gpt-4o-mini", "messages": 1, "input_tokens": 10,
        "output_tokens": 5, "cost_micro": 7,
    } | fields  # fmt: skip
    with patch("django.utils.timezone.now", return_value=at):
        return LedgerEntry.objects.create(**values)


def fold_all() -> int:
    """Folds what the ledger holds now. A step waits for older transactions, also those of other databases of the server
    (other test processes), so that one call is not always enough."""
    last = (
        LedgerEntry.objects.filter(created_at__lt=timezone.now()).order_by("-id").values_list("id", flat=True)
    )
    until, give_up = last.first() or 0, time.monotonic() + 60
    passed = rollups.fold(age_s=0)
    while RollupState.objects.get().folded_id < until:
        assert time.monotonic() < give_up, "an older transaction goes on"
        time.sleep(0.05)
        passed += rollups.fold(age_s=0)
    return passed
