"""Holds opened and ended as runs do, without runs."""

from uuid import UUID

from django.db import transaction

from usage.holds import services
from usage.holds.types import Actual, Hold, Settlement
from usage.models import Counter


def finish(hold: Hold | UUID, *, model: str = "gpt-4o-mini", **used: int) -> Settlement:
    """Claims and settles; what is not named was not used."""
    hold_id = hold if isinstance(hold, UUID) else hold.id
    claim = services.claim(hold_id)
    assert claim is not None, "nobody else runs it"
    actual = Actual(provider="openai", model=model, **{"messages": 0, **used})
    with transaction.atomic():
        return services.settle(hold_id, attempt=claim.attempt, actual=actual)


def give_up(hold: Hold | UUID) -> None:
    hold_id = hold if isinstance(hold, UUID) else hold.id
    claim = services.claim(hold_id)
    assert claim is not None
    with transaction.atomic():
        services.release(hold_id, attempt=claim.attempt, reason="test")


def counter(workspace_id: UUID, meter: str, **fields: object) -> Counter:
    return Counter.objects.get(workspace_id=workspace_id, meter=meter, **fields)


def decide(*, hold_id: UUID, workspace_id: UUID, refusal: str) -> None:
    """The answer to the port `hold_decided` for holds that have no run."""
    if refusal:
        with transaction.atomic():
            services.end_waiting(hold_id, reason=refusal)
