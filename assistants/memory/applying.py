"""What becomes of an ended reading, by its task."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from assistants.memory import extraction, keyfacts, praise, summaries
from assistants.models import MemoryItem, Run

KEEPERS: dict[str, Callable[..., list[MemoryItem]]] = {
    "notes": extraction.keep,
    "summary": summaries.keep_run,
    "praise": praise.keep,
    "document": keyfacts.keep,
}


def apply(*, run_id: UUID) -> list[MemoryItem]:
    """Keeps what an ended run found, once, and then drops the words that it was sent. In the workspace."""
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(id=run_id, kind=Run.Kind.MEMORY).first()
        if run is None or not run.is_final or "messages" not in run.request:
            return []
        body: dict[str, Any] = {
            name: value for name, value in run.request.items() if name not in ("messages", "extra")
        }
        kept = KEEPERS[body["task"]](run=run, body=body) if run.state == Run.State.DONE else []
        Run.objects.filter(id=run.id).update(request=body, text="")
    return kept
