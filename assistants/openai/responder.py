"""Answers chat completions in OpenAI's shapes, streaming or not, from the events of a run. Holds no thread."""

import contextlib
import json
import math
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.permissions import Member
from assistants.models import Run
from assistants.openai import citations
from assistants.openai.requests import ChatCall
from assistants.runs import endings, frames, words
from assistants.runs.frames import HEARTBEAT, EventId
from assistants.runs.hub import get_hub
from assistants.runs.responder import EVENT_STREAM, unbuffered, viewer_of
from config import errors
from config.streaming import Deferred, in_database_thread
from tenants.scope import workspace_scope

# An error at the provider, as the status that makes OpenAI's SDKs raise the fitting class.
STATUS = {
    "provider_busy": 429,
    "provider_refused_request": 400,
    "provider_model_missing": 404,
    "model_not_offered": 404,
    "emergency_stop": 503,
    "key_revoked": 401,
    "access_ended": 403,
    "run_stopped": 409,
    "workspace_suspended": 403,
    "workspace_archived": 403,
    "workspace_deleting": 403,
    "quota_busy": 429,
    "quota_exceeded": 402,
    "workspace_restricted": 402,
}
RETRYABLE = frozenset(
    {
        "quota_busy",
        "provider_busy",
        "provider_unavailable",
        "provider_unreachable",
        "provider_timeout",
        "worker_lost",
    }
)
# Of our own: a limit is used up; tools were used as often as they may be.
CUT_SHORT = frozenset({"limit", "rounds"})

Event = tuple[str, dict[str, Any]]
Events = AsyncGenerator[Event, None]


@dataclass(frozen=True)
class Reply:
    run_id: UUID
    member: Member
    call: ChatCall
    created: int

    @property
    def id(self) -> str:
        return f"chatcmpl-{self.run_id.hex}"


@dataclass(frozen=True)
class Told:
    """An answer that is given whole. `charge`: `endings.charge_of`."""

    text: str
    finish_reason: str | None
    charge: dict[str, Any]
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)


class SentToolCalls:
    """How much of each tool call the client has: a chunk cannot be taken back."""

    def __init__(self) -> None:
        self._lengths: dict[int, int] = {}

    def fresh(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """What to send of a `tool` event: the deltas themselves, or what is missing of the whole."""
        if "calls" in data:
            return []  # of tools that the assistant uses here
        if "whole" in data:
            calls = list(enumerate(data["whole"]))
            return [self._missing(index, call) for index, call in calls if self._is_missing(index, call)]
        for delta in data["tool_calls"]:
            arguments = (delta.get("function") or {}).get("arguments") or ""
            index = delta.get("index", 0)
            self._lengths[index] = self._lengths.get(index, 0) + len(arguments)
        deltas: list[dict[str, Any]] = data["tool_calls"]
        return deltas

    def _is_missing(self, index: int, call: dict[str, Any]) -> bool:
        return self._lengths.get(index, -1) < len(call["function"]["arguments"])

    def _missing(self, index: int, call: dict[str, Any]) -> dict[str, Any]:
        arguments = call["function"]["arguments"]
        known = self._lengths.get(index)
        self._lengths[index] = len(arguments)
        if known is None:
            return {"index": index, **call}
        return {"index": index, "function": {"arguments": arguments[known:]}}


def respond(member: Member, run: Run, call: ChatCall) -> Deferred:
    reply = Reply(run.id, member, call, int(time.time()))
    return Deferred(lambda: _stream(reply) if call.is_stream else _whole(reply))


async def _events(reply: Reply) -> Events:
    watched = get_hub().watch(viewer_of(reply.member, reply.run_id), EventId())
    async with contextlib.aclosing(watched) as events:
        async for raw in events:
            yield ("", {}) if raw is HEARTBEAT else frames.read(raw)


async def _whole(reply: Reply) -> HttpResponseBase:
    text, told_all = "", reply.call.assistant is None
    async with contextlib.aclosing(_events(reply)) as events:
        async for event, data in events:
            if event in ("delta", "snapshot"):
                start = data.get("offset", 0)
                told_all = told_all and start <= len(text)
                text = text[:start] + data["text"]
            elif event == "tool" or (event == "status" and data["state"] == "restarted"):
                told_all = False
            if event != "done":
                continue
            # What a plain answer needs was told: the row is read for the others only.
            if told_all and data["state"] == "done" and "input_tokens" in data["cost"]:
                return _completion(reply, Told(text, data["finish_reason"], data["cost"]))
            run = await in_database_thread(_read_run, reply.member.workspace_id, reply.run_id)
            if run is None:
                return _error("internal")
            return _failure(run) if data["state"] == "failed" else _completion(reply, _told(reply, run))
    return _error("access_ended")


async def _stream(reply: Reply) -> HttpResponseBase:
    """Waits for the first event that matters, so that a failure before the first token is an HTTP error."""
    events = _events(reply)
    async for event, data in events:
        if event == "done" and data["state"] == "failed":
            await events.aclose()
            run = await in_database_thread(_read_run, reply.member.workspace_id, reply.run_id)
            return _error(data["code"]) if run is None else _failure(run)
        # A replayed run that failed wordlessly has an empty snapshot before its end.
        if event in ("delta", "tool", "done") or (event == "snapshot" and data["text"]):
            body = _chunks(reply, events, (event, data))
            return unbuffered(StreamingHttpResponse(body, content_type=EVENT_STREAM))
    return _error("access_ended")


async def _chunks(reply: Reply, events: Events, first: Event) -> AsyncGenerator[bytes, None]:
    yield _chunk(reply, {"role": "assistant", "content": ""})
    length, tools = 0, SentToolCalls()
    current: Event | None = first
    async with contextlib.aclosing(events):
        while current is not None:
            event, data = current
            if event == "":
                yield HEARTBEAT
            elif event == "tool":
                if fresh := tools.fresh(data):
                    yield _chunk(reply, {"tool_calls": fresh})
            elif event in ("delta", "snapshot"):
                # A replaced text is cut to what the client does not have: a chunk cannot be taken back.
                text = data["text"][max(0, length - data.get("offset", 0)) :]
                length += len(text)
                if text:
                    yield _chunk(reply, {"content": text})
            elif event == "done":
                async for chunk in _last_chunks(reply, data):
                    yield chunk
                return
            current = await anext(events, None)


async def _last_chunks(reply: Reply, data: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    if data["state"] == "failed":
        run = await in_database_thread(_read_run, reply.member.workspace_id, reply.run_id)
        error = _domain_error(data["code"], run)
        yield b"data: " + json.dumps(errors.openai_body(error)).encode() + b"\n\n"
        return
    cited = await in_database_thread(_citations, reply) if reply.call.assistant is not None else None
    delta = {"citations": cited} if cited else {}
    yield _chunk(reply, delta, finish_reason=_finish_reason(data.get("finish_reason")))
    if reply.call.includes_usage:
        charge = data["cost"]
        if "input_tokens" not in charge:
            run = await in_database_thread(_read_run, reply.member.workspace_id, reply.run_id)
            charge = endings.charge_of(run) if run is not None else None
        if charge is not None:
            cost = {name: charge[name] for name in endings.COST}
            trailer = {"usage": _usage(charge), "steward": cost}
            yield _event({**_head(reply, "chat.completion.chunk"), "choices": [], **trailer})
    yield b"data: [DONE]\n\n"


def _told(reply: Reply, run: Run) -> Told:
    """Of the row of a run that ended."""
    tool_calls = [] if reply.call.uses_own_tools else run.tool_calls
    cited = citations.of_run(run) if reply.call.assistant is not None else []
    return Told(run.text, run.finish_reason, endings.charge_of(run), tool_calls, cited)


def _completion(reply: Reply, told: Told) -> HttpResponse:
    message: dict[str, Any] = {"role": "assistant", "content": told.text or None, "refusal": None}
    if told.finish_reason == "refusal":
        message.update(content=None, refusal=told.text)
    if told.tool_calls:
        message["tool_calls"] = told.tool_calls
    if told.citations:
        message["citations"] = told.citations
    choice = {
        "index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(told.finish_reason),
    }  # fmt: skip
    body = {**_head(reply, "chat.completion"), "choices": [choice], "usage": _usage(told.charge)}
    return JsonResponse(body, headers=endings.cost_headers(told.charge))


def _finish_reason(reason: str | None) -> str:
    if reason in (None, "", "refusal"):
        return "stop"
    return "length" if reason in CUT_SHORT else reason


def _citations(reply: Reply) -> list[dict[str, Any]]:
    run = _read_run(reply.member.workspace_id, reply.run_id)
    return citations.of_run(run) if run is not None else []


def _usage(charge: dict[str, Any]) -> dict[str, int | bool]:
    """`is_estimated`: the provider sent no count, so this is ours."""
    counted: dict[str, int | bool] = {
        "prompt_tokens": charge["input_tokens"],
        "completion_tokens": charge["output_tokens"],
        "total_tokens": charge["input_tokens"] + charge["output_tokens"],
    }
    return {**counted, "is_estimated": True} if charge["is_estimated"] else counted


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": reply.id, "object": kind, "created": reply.created, "model": reply.call.asked_model}


def _chunk(reply: Reply, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _event({**_head(reply, "chat.completion.chunk"), "choices": [choice]})


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _domain_error(code: str, run: Run | None = None) -> errors.DomainError:
    data = _charged(run) if run is not None else {}
    return errors.DomainError(words.of(code).message, code=code, status=STATUS.get(code, 502), data=data)


def _charged(run: Run) -> dict[str, Any]:
    """What a failed call still cost: after the first token its text is kept and settled, before it nothing is."""
    if not run.receipt_id:
        return {"charged": None}
    message = {"content": run.text or None, **({"tool_calls": run.tool_calls} if run.tool_calls else {})}
    paid = {
        "cost_micro": run.cost_micro,
        "receipt": str(run.receipt_id),
        "usage": _usage(endings.charge_of(run)),
    }
    return {"charged": paid, "partial": message}


def _failure(run: Run) -> HttpResponse:
    """The error of a failed run, with what came of it and the time that the provider asked to wait."""
    error = _domain_error(run.error_code, run)
    # What was charged is not tried again by an SDK: the second call would be paid too.
    is_retryable = run.error_code in RETRYABLE and not run.receipt_id
    response = errors.openai_response(error, is_retryable=is_retryable)
    if run.retry_at is not None:
        seconds = (run.retry_at - timezone.now()).total_seconds()
        response["Retry-After"] = str(max(0, math.ceil(seconds)))
    return response


def _error(code: str) -> HttpResponse:
    return errors.openai_response(_domain_error(code), is_retryable=code in RETRYABLE)


def _read_run(workspace_id: UUID, run_id: UUID) -> Run | None:
    with workspace_scope(workspace_id, allow_suspended=True):
        return Run.objects.filter(id=run_id).first()


async def ended(member: Member, run_id: UUID) -> Run | HttpResponse:
    """Waits for the end of a run that is no chat: the run when it is done, else the error that says what came of it."""
    watched = get_hub().watch(viewer_of(member, run_id), EventId())
    async with contextlib.aclosing(watched) as events:
        async for raw in events:
            if raw is HEARTBEAT or frames.read(raw)[0] != "done":
                continue
            run = await in_database_thread(_read_run, member.workspace_id, run_id)
            if run is None:
                return _error("internal")
            if run.state == Run.State.STOPPED:
                return _error("run_stopped")
            return run if run.state == Run.State.DONE else _failure(run)
    return _error("access_ended")


def lost(run: Run) -> HttpResponse:
    """The error of a run that is done, and whose answer did not come this far."""
    return errors.openai_response(_domain_error("answer_gone", run), is_retryable=False)
