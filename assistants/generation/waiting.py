"""Answers a call when its run has ended, or streams it. Holds no thread and no connection (config/streaming.py)."""

import contextlib
import json
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.permissions import Member
from assistants.generation import reports
from assistants.models import Run
from assistants.runs import endings, frames, responder, words
from assistants.runs.frames import HEARTBEAT, EventId
from assistants.runs.hub import get_hub
from config import errors, logs
from config.streaming import Deferred, in_database_thread
from tenants.scope import workspace_scope

# What a run failed of, as the status of the call that waited for it; 502 for everything else.
STATUS = {
    "provider_busy": 503,
    "provider_unavailable": 503,
    "provider_timeout": 504,
    "deadline": 504,
    "provider_refused_request": 422,
    "model_not_offered": 422,
    "emergency_stop": 503,
    "key_revoked": 401,
    "access_ended": 403,
    "quota_busy": 429,
    "quota_exceeded": 402,
    "workspace_restricted": 402,
    "internal": 500,
}


@dataclass(frozen=True)
class Call:
    member: Member
    run_id: UUID
    request_id: str


@dataclass(frozen=True)
class Ended:
    """Read in a thread: `body` as reports tell it."""

    body: dict[str, Any]
    error_code: str
    headers: dict[str, str]
    retry_after_s: int | None


def whole(member: Member, run: Run) -> Deferred:
    call = Call(member, run.id, logs.current("request_id"))
    return Deferred(lambda: _whole(call))


def stream(member: Member, run: Run, first: dict[str, Any]) -> Deferred:
    """`turn` with the ids first, then the run's own events, then `result` with what a call that waits would get."""
    call = Call(member, run.id, logs.current("request_id"))

    async def finish() -> HttpResponseBase:
        body = _events(call, first)
        return responder.unbuffered(StreamingHttpResponse(body, content_type=responder.EVENT_STREAM))

    return Deferred(finish)


async def _whole(call: Call) -> HttpResponseBase:
    async for raw in _watched(call):
        if raw is not HEARTBEAT and frames.is_done(raw):
            return _response(call, await in_database_thread(_read, call.member.workspace_id, call.run_id))
    return _problem(call, "access_ended", {})


async def _events(call: Call, first: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    yield _event("turn", first)
    async with contextlib.aclosing(_watched(call)) as watched:
        async for raw in watched:
            yield raw
            if raw is not HEARTBEAT and frames.is_done(raw):
                ended = await in_database_thread(_read, call.member.workspace_id, call.run_id)
                if ended is not None:
                    yield _event("result", ended.body)
                return


async def _watched(call: Call) -> AsyncGenerator[bytes, None]:
    viewer = responder.viewer_of(call.member, call.run_id)
    async with contextlib.aclosing(get_hub().watch(viewer, EventId())) as watched:
        async for raw in watched:
            yield raw


def _read(workspace_id: UUID, run_id: UUID) -> Ended | None:
    with workspace_scope(workspace_id, allow_suspended=True):
        run = Run.objects.filter(id=run_id).first()
        if run is None:
            return None
        code = run.error_code or "provider_error" if run.state == Run.State.FAILED else ""
        wait = max(0.0, (run.retry_at - timezone.now()).total_seconds()) if run.retry_at else None
        retry_after_s = None if wait is None else math.ceil(wait)
        return Ended(reports.of_run(run), code, endings.cost_headers(endings.cost_of(run)), retry_after_s)


def _response(call: Call, ended: Ended | None) -> HttpResponse:
    if ended is None:
        return _problem(call, "internal", {"run": str(call.run_id)})
    if not ended.error_code:
        return JsonResponse(ended.body, headers=ended.headers)
    # What came before the failure was paid: it goes with the refusal.
    data: dict[str, Any] = {"run": str(call.run_id), "result": ended.body}
    if ended.retry_after_s is not None:
        data["retry_after_s"] = ended.retry_after_s
    response = _problem(call, ended.error_code, data)
    for name, value in ended.headers.items():
        response[name] = value
    return response


def _problem(call: Call, code: str, data: dict[str, Any]) -> HttpResponse:
    error = errors.DomainError(words.of(code).message, code=code, status=STATUS.get(code, 502), data=data)
    body = {**errors.problem(error), "request_id": call.request_id}
    response = JsonResponse(body, status=error.status, content_type=errors.PROBLEM_TYPE)
    if "retry_after_s" in data:
        response["Retry-After"] = str(data["retry_after_s"])
    return response


def _event(name: str, data: dict[str, Any]) -> bytes:
    """Without an id: it is no event of an attempt, and not resumed from."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
