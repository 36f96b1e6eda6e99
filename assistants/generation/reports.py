"""What an ended run tells its caller: one shape for each kind, read from its row alone."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from assistants.documents import citing
from assistants.generation import files, risks
from assistants.models import Message, Run
from assistants.runs import words


def of_run(run: Run) -> dict[str, Any]:
    """Of one that still runs as of one that ended: `state` says which. At most one query."""
    if run.kind == Run.Kind.CODE:
        return {**_head(run), **files.read(run.text).as_dict()}
    if run.kind == Run.Kind.ANALYSIS:
        return {**_head(run), **_report(run)}
    return {**_head(run), **_answer(run)}


def _head(run: Run) -> dict[str, Any]:
    failed = run.error_code if run.state == Run.State.FAILED else ""
    return {
        "run": str(run.id),
        "state": run.state,
        "finish_reason": run.finish_reason or None,
        "problem": {"code": failed, "detail": words.of(failed).message} if failed else None,
        "model": run.model,
        "usage": usage_of(run),
        "receipt": str(run.receipt_id) if run.receipt_id else None,
    }


def usage_of(run: Run) -> dict[str, Any]:
    return {
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cost_micro": run.cost_micro,
        "is_estimated": run.is_estimated,
    }


def _answer(run: Run) -> dict[str, Any]:
    return {**place_of(run.message_id), "answer": run.text, "sources": sources_of(run.context, run.text)}


def place_of(message_id: UUID | None) -> dict[str, Any]:
    conversation, question = None, None
    if message_id is not None:
        rows = Message.objects.filter(id=message_id).values_list("conversation_id", "parent_id")
        conversation, question = rows.first() or (None, None)
    return {
        "conversation": str(conversation) if conversation else None,
        "question": str(question) if question else None,
        "message": str(message_id) if message_id else None,
    }


def sources_of(context: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """The passages that the answer had before it; `is_cited`: it names their number."""
    cited = citing.cited(text)
    return [
        {
            "number": item["n"],
            "document": item["document"],
            "passage": item["id"],
            "name": item["name"],
            "page": item["page"] or None,
            "heading": item.get("heading", ""),
            "is_cited": item["n"] in cited,
        }
        for item in context.get("used", ())
        if item.get("kind") == "passage"
    ]


def _report(run: Run) -> dict[str, Any]:
    structure = run.request.get("structure", [])
    return {"structure": structure, **risks.read(run.text, {row["path"]: row["lines"] for row in structure})}
