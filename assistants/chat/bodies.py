"""Messages as the REST API tells them: plain values, made in a constant number of queries."""

from typing import Any
from uuid import UUID

from django.urls import reverse

from accounts.requests import MemberRequest
from assistants.chat import attaching, file_presenters, queries
from assistants.chat.services import Turn
from assistants.chat.tree import Place
from assistants.documents import citing
from assistants.memory import presenters as memory
from assistants.models import Attachment, Conversation, Feedback, Run
from assistants.runs import words
from assistants.tools import presenters as tools


def turn(made: Turn) -> dict[str, Any]:
    run_id = made.run.id if made.run else None
    return {
        "conversation": made.conversation.id,
        "question": made.question.id,
        "answer": made.answer.id,
        "run": run_id,
        "events_url": reverse("api:run-events", args=[run_id]) if run_id else None,
    }


def messages(request: MemberRequest, conversation: Conversation, places: list[Place]) -> list[dict[str, Any]]:
    """Each with its siblings, files, run, sources, memories, tool calls, and the reader's own thumb."""
    ids = [place.message.id for place in places]
    written, runs = queries.written_in(ids), queries.latest_runs(ids)
    thumbs, files = queries.feedback_of(request.member, ids), attaching.given_with(ids)
    remembered = memory.used_in(request, [run.context for run in runs.values()])
    calls = tools.calls_of(request, list(runs.values()))
    return [
        {
            **_node(conversation, place),
            "text": _text(written[place.message.id].text, runs.get(place.message.id)),
            "created_at": written[place.message.id].created_at,
            "attachments": [_file(row) for row in files.get(place.message.id, [])],
            "feedback": feedback(thumbs.get(place.message.id)),
            **_answered(request, runs.get(place.message.id), remembered, calls),
        }
        for place in places
    ]


def _node(conversation: Conversation, place: Place) -> dict[str, Any]:
    return {
        "id": place.message.id,
        "conversation": conversation.id,
        "parent": place.message.parent_id,
        "siblings": place.siblings,
        "role": place.message.role,
    }


def _text(text: str, run: Run | None) -> str:
    """Of an answer that is being written: as far as it is."""
    return run.text if run is not None and not run.is_final else text


def _file(row: Attachment) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "media_type": row.media_type,
        "size_bytes": row.size_bytes,
        "document": row.document_id,
        "state": file_presenters.state_of(row),
        "content_url": file_presenters.content_url(row),
    }


def feedback(row: Feedback | None) -> dict[str, Any] | None:
    return {"is_good": row.is_good, "comment": row.comment} if row is not None else None


def _answered(
    request: MemberRequest,
    run: Run | None,
    remembered: dict[str, dict[str, Any]],
    calls: dict[UUID, list[tools.CallView]],
) -> dict[str, Any]:
    """What is known of an answer by its run; questions and imported answers have none."""
    if run is None:
        return {"run": None, "sources": [], "memories": [], "tool_calls": []}
    used = [row["id"] for row in run.context.get("used", []) if row["id"] in remembered]
    return {
        "run": _run(run),
        "sources": _sources(request, run),
        "memories": [{"id": key, **remembered[key]} for key in used],
        "tool_calls": [call(view) for view in calls.get(run.id, [])],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state,
        "model": run.model,
        "finish_reason": run.finish_reason,
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cost_micro": run.cost_micro,
        "is_estimated": run.is_estimated,
        "receipt_id": run.receipt_id,
        "error": _problem(run) if run.state == Run.State.FAILED else None,
        "events_url": None if run.is_final else reverse("api:run-events", args=[run.id]),
    }


def _problem(run: Run) -> dict[str, Any]:
    found = words.of(run.error_code)
    return {
        "code": run.error_code,
        "title": found.title,
        "detail": found.message,
        "retry_at": run.retry_at,
    }


def _sources(request: MemberRequest, run: Run) -> list[dict[str, Any]]:
    return [
        {
            "number": source.number,
            "document": source.document_id,
            "passage": source.passage_id,
            "name": source.name,
            "page": source.page,
            "heading": source.heading,
            "is_cited": source.is_cited,
            "url": source.url,
        }
        for source in (citing.sources(request, run.context, run.text) if run.is_final else [])
    ]


def call(view: tools.CallView) -> dict[str, Any]:
    """`is_asked`: it waits for the reader's decision."""
    return {
        "id": view.id,
        "tool": view.tool,
        "title": view.title,
        "state": view.state,
        "argument": view.argument,
        "result": view.result,
        "is_asked": bool(view.approve_url),
    }
