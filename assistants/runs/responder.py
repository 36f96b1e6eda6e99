"""The one responder of long answers: a run's events for pages and API. OpenAI's shapes: `assistants.openai`."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.permissions import Member, Permission
from assistants.models import Run
from assistants.runs import endings
from assistants.runs.frames import WAITING, EventId
from assistants.runs.hub import Viewer, get_hub
from config.streaming import Deferred
from usage.holds import queries as holds_queries

Response = TypeVar("Response", bound=HttpResponseBase)
EVENT_STREAM = "text/event-stream"
RETRY_HINT = b"retry: 1000\n\n"


def stream_run(request: HttpRequest, *, member: Member, run: Run, shows_cost: bool = True) -> HttpResponse:
    """Server-sent events of a run that the caller was allowed to see (WHATWG HTML §9.2, resumable).

    A finished run is answered from its row at once.
    """
    shown = _as_it_is if shows_cost else endings.without_cost
    if run.is_final:
        body = b"".join(shown(raw) for _, raw in endings.final_frames(run))
        return unbuffered(HttpResponse(body, content_type=EVENT_STREAM))
    after = EventId.parse(request.headers.get("Last-Event-ID") or request.GET.get("last_event_id", ""))
    workspace_id, run_id = member.workspace_id, run.id
    is_waiting = run.state == Run.State.QUEUED and bool(holds_queries.list_waiting([run_id]))

    async def finish() -> HttpResponseBase:
        viewer = Viewer(workspace_id, run_id, member.principal)
        body = _events(viewer, after, is_waiting, shown)
        return unbuffered(StreamingHttpResponse(body, content_type=EVENT_STREAM))

    return Deferred(finish)


def _as_it_is(raw: bytes) -> bytes:
    return raw


async def _events(
    viewer: Viewer, after: EventId, is_waiting: bool, shown: Callable[[bytes], bytes] = _as_it_is
) -> AsyncGenerator[bytes, None]:
    yield RETRY_HINT
    if is_waiting:
        yield WAITING
    async with contextlib.aclosing(get_hub().watch(viewer, after)) as frames:
        async for raw in frames:
            yield shown(raw)


def unbuffered(response: Response) -> Response:
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


def viewer_of(member: Member, run_id: UUID) -> Viewer:
    """Of who asked in the same call: watching ends when they may not ask any more."""
    return Viewer(member.workspace_id, run_id, member.principal_for(Permission.CHAT))
