"""Makes settled runs with receipts, in `public` only: a workspace is just an id here."""

from uuid import UUID, uuid4

from django.db import transaction

from tests import factories
from usage.holds import services as holds
from usage.holds.types import Actual
from usage.receipts import services
from usage.receipts.bodies import salted_hash
from usage.receipts.models import LogKind, Receipt
from usage.receipts.settled import SettledRun


def settle(workspace_id: UUID, *, has_receipt: bool = True, salt: bytes = b"s" * 16, **fields) -> UUID:
    """A hold, claimed and settled, with its receipt. Returns the hold's id."""
    hold_id = factories.open_hold(workspace_id=workspace_id, **fields)
    claim = holds.claim(hold_id)
    actual = Actual(provider="openai", model="gpt-4o-mini", input_tokens=1000, output_tokens=200)
    with transaction.atomic():
        settlement = holds.settle(hold_id, attempt=claim.attempt, actual=actual)
        if has_receipt:
            services.issue(
                SettledRun(
                    attempt=claim.attempt,
                    settlement=settlement,
                    state="done",
                    finish_reason="stop",
                    model_answered="gpt-4o-mini-2024-07-18",
                    prompt_hash=salted_hash(salt, {"messages": [{"role": "user", "content": "Hello?"}]}),
                    answer_hash=salted_hash(salt, {"text": "Hello.", "tool_calls": []}),
                    parameters={"max_output_tokens": 100, "temperature": 0.7},
                    started_at=None,
                )
            )
    return hold_id


def settle_many(count: int, workspace_id: UUID | None = None) -> UUID:
    workspace_id = workspace_id or uuid4()
    for _ in range(count):
        settle(workspace_id)
    return workspace_id


def sequence(workspace_id: UUID, kind: LogKind = LogKind.RECEIPTS) -> int:
    return services.sequence(workspace_id, kind)


def numbered(workspace_id: UUID) -> list[Receipt]:
    """In the order of the log."""
    return list(Receipt.objects.filter(workspace_id=workspace_id).order_by("leaf_index"))


def document_of(workspace_id: UUID, index: int = 0) -> dict:
    sequence(workspace_id)
    return services.document(Receipt.objects.get(workspace_id=workspace_id, leaf_index=index).id)
