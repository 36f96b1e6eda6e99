"""A reading: one metered run of kind memory that reads something and proposes what to keep.

The model only proposes. Everything that it says goes through `services.remember`: secrets, forbidden things, duplicates
and contradictions are decided there, not by it.
"""

import json
import logging
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from accounts.permissions import Member
from assistants.memory import services
from assistants.models import Assistant, Document, MemoryItem, Message, Run
from assistants.runs import services as runs
from config import errors

MOST_ITEMS = 20
MOST_OUTPUT_TOKENS = 800
LEAST_CONFIDENCE = 50
EDGE = ("subject", "predicate", "object")
LIVE = ("queued", "running")
logger = logging.getLogger(__name__)


def response_format(layers: tuple[str, ...]) -> dict[str, Any]:
    """The shape of the answer: notes of these layers."""
    edge = _object({name: {"type": "string"} for name in EDGE})
    note = _object(
        {
            "layer": {"type": "string", "enum": list(layers)},
            "text": {"type": "string"},
            "slot": {"type": "string"},
            "confidence": {"type": "integer", "minimum": 0, "maximum": 100},
            "relations": {"type": "array", "items": edge},
        }
    )
    schema = _object({"notes": {"type": "array", "items": note}})
    return {"type": "json_schema", "json_schema": {"name": "notes", "strict": True, "schema": schema}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def start(
    *,
    member: Member,
    assistant: Assistant,
    task: dict[str, str],
    messages: list[dict[str, str]],
    body: dict[str, Any],
    cap: int = MOST_OUTPUT_TOKENS,
) -> Run | None:
    """`task`: what is read and for what; one reading of it at a time. None when it runs already, and when limits or a
    stop refuse it: whatever it belongs to goes on without. A transaction of its own."""
    with transaction.atomic():
        _lock(task)
        if Run.objects.filter(_same(task), kind=Run.Kind.MEMORY, state__in=LIVE).exists():
            return None
        new = runs.NewRun(
            kind=Run.Kind.MEMORY,
            model=assistant.model,
            prompt=messages,
            max_output_tokens=cap,
            assistant=assistant,
            request={**task, **body, "messages": messages, "temperature": 0},
        )
        try:
            with transaction.atomic():
                return runs.start_run(member=member, new=new)
        except errors.DomainError as refusal:
            logger.info("memory was not written: %s", refusal.code)
            return None


def _same(task: dict[str, str]) -> Q:
    return Q(**{f"request__{name}": value for name, value in task.items()})


def _lock(task: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || %s, 0))",
            [f"reading:{sorted(task.items())}"],
        )


def read_notes(text: str, layers: tuple[str, ...]) -> list[dict[str, Any]]:
    """What of a model's answer has the shape that was asked for. A wrong one costs its notes, nothing else."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    notes = found.get("notes") if isinstance(found, dict) else None
    if not isinstance(notes, list):
        return []
    return [note for note in notes if _is_note(note, layers)][:MOST_ITEMS]


def _is_note(note: Any, layers: tuple[str, ...]) -> bool:
    return (
        isinstance(note, dict)
        and note.get("layer") in layers
        and isinstance(note.get("text"), str)
        and isinstance(note.get("slot", ""), str)
        and isinstance(note.get("confidence"), int)
        and note["confidence"] >= LEAST_CONFIDENCE
    )


def keep(
    *,
    member: Member,
    note: dict[str, Any],
    assistant: Assistant | None = None,
    source_message: Message | None = None,
    source_document: Document | None = None,
    happened_at: datetime | None = None,
) -> MemoryItem | None:
    """One note with its edges; None when our rules refuse it."""
    try:
        item = services.remember(
            member=member,
            layer=note["layer"],
            text=note["text"],
            slot=note.get("slot", ""),
            assistant=assistant,
            source_message=source_message,
            source_document=source_document,
            confidence=min(note["confidence"], 100),
            happened_at=happened_at,
        )
    except errors.DomainError as refusal:
        logger.info("a note was not kept: %s", refusal.code)
        return None
    for edge in note.get("relations") or []:
        if isinstance(edge, dict) and all(isinstance(edge.get(name), str) for name in EDGE):
            services.relate(item=item, **{name: edge[name] for name in EDGE})
    return item
