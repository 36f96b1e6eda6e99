"""What tools found and an answer lists: passages by the numbers it cites, memories. In the workspace."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction

from assistants.models import Run
from assistants.tools.types import Owner, Result, Tool, ToolContext

Used = list[dict[str, Any]]


def text_of(result: str | Result) -> str:
    return result.text if isinstance(result, Result) else result


def run(owner: Owner, tool: Tool, context: ToolContext, arguments: dict[str, Any]) -> str:
    """Runs a tool; what it says it used goes beside what the prompt had, and numbers go on from there."""
    shown = Run.objects.values_list("context", flat=True).get(id=owner.run_id)
    result = tool.run(replace(context, numbers=numbers_of(shown.get("used", []))), arguments)
    if isinstance(result, Result) and result.used:
        _add(owner, result.used)
    return text_of(result)


def numbers_of(used: Used) -> dict[str, int]:
    """Of passages: id → number."""
    return {row["id"]: row["n"] for row in used if row.get("kind") == "passage"}


def carry_over(owner: Owner, run_ids: Iterable[UUID]) -> None:
    """What an answer found before it waited for its person. Two queries and a write; one query when it was nothing.

    A number that means another passage in the new prompt keeps the new meaning.
    """
    earlier = Run.objects.filter(id__in=list(run_ids)).order_by("created_at")
    found = [row for shown in earlier.values_list("context", flat=True) for row in shown.get("used", [])]
    if found:
        _add(owner, found)


def _add(owner: Owner, found: Used) -> None:
    """Nothing when the attempt is not the run's any more."""
    with transaction.atomic():
        row = Run.objects.select_for_update().filter(owner.is_present(), id=owner.run_id).first()
        if row is None:
            return
        used = list(row.context.get("used", []))
        ids, taken = {item["id"] for item in used}, set(numbers_of(used).values())
        for item in found:
            if item["id"] not in ids and item.get("n") not in taken:
                used.append(item)
                ids.add(item["id"])
                taken |= {item["n"]} if "n" in item else set()
        Run.objects.filter(id=row.id).update(context={**row.context, "used": used})
