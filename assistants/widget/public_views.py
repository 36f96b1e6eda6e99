"""What a widget serves: its loader to everybody, its frame to its sites, its talk to its visitors (docs/embed.md).

No cookie decides anything here: a visitor is who holds the frame's token, in a header that no other site can send.
"""

import functools
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from csp.constants import NONE, SELF
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts.permissions import Member
from assistants.runs import responder
from assistants.runs import services as runs
from assistants.widget import access, presenters, queries, services
from assistants.widget.access import Door
from assistants.widget.refusals import ForeignSite, TooQuick, VisitorUnknown
from config import errors
from tenants import keys, links
from tenants.branding import colours
from tenants.scope import enter
from usage.pace import window
from usage.pace.window import Subject

VISITOR_HEADER = "X-Visitor"
LOADER_FRESH_S = 300
WIDGET_RATE, VISITOR_RATE = 600, 30
"""Requests a minute that start something; reading is not counted."""
Talk = Callable[..., HttpResponseBase]


def refusing(view: Talk) -> Talk:
    """Refusals as JSON, in the API's shape, whatever the address."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except errors.DomainError as error:
            response = JsonResponse(
                errors.problem(error), status=error.status, content_type=errors.PROBLEM_TYPE
            )
            if "retry_after_s" in error.data:
                response["Retry-After"] = str(error.data["retry_after_s"])
            return response

    return wrapped


def for_visitors(view: Talk) -> Talk:
    """Finds door and visitor, checks that the frame itself asks, and enters the workspace."""

    @csrf_exempt
    @never_cache
    @refusing
    @functools.wraps(view)
    def wrapped(request: HttpRequest, public_id: str, **kwargs: Any) -> HttpResponseBase:
        door = access.open_door(public_id)
        _refuse_foreign(request)
        token = request.headers.get(VISITOR_HEADER, "")
        if not token:
            raise VisitorUnknown()
        member = access.visitor_of(door, token)
        with enter(door.workspace):
            return view(request, door, member, **kwargs)

    return wrapped


def _refuse_foreign(request: HttpRequest) -> None:
    """SECURITY: another site's scripts may not ask in a visitor's name. Without CORS they cannot send our header
    either; who uses no browser is held by the limits alone."""
    origin = request.headers.get("Origin")
    fetched = request.headers.get("Sec-Fetch-Site", "same-origin")
    if (origin is not None and origin != settings.BASE_URL) or fetched != "same-origin":
        raise ForeignSite()


def _brake(door: Door, member: Member | None) -> None:
    """Raises TooQuick. Beside the limits of what is used, never instead of them."""
    wanted = [("widget", door.widget.id, WIDGET_RATE)]
    if member is not None:
        wanted.append(("visitor", member.user_id, VISITOR_RATE))
    subjects = [
        Subject(kind, keys.pace_key(door.workspace.id, kind, key), limit) for kind, key, limit in wanted
    ]
    answer = window.take(subjects)
    if answer is not None and answer.retry_after_s is not None:
        raise TooQuick(data={"retry_after_s": answer.retry_after_s})


@functools.cache
def _loader() -> str:
    path = finders.find("js/embed.js") or str(settings.STATIC_ROOT / "js" / "embed.js")
    with open(path, encoding="utf-8") as file:
        return file.read()


@require_safe
def loader(request: HttpRequest, public_id: str) -> HttpResponse:
    """The script for the site. It knows its widget by its own address, and shows nothing unless the frame may load."""
    try:
        access.open_door(public_id)
    except errors.DomainError as error:
        return HttpResponse(f"// {error.message}\n", content_type="text/javascript", status=error.status)
    response = HttpResponse(_loader(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={LOADER_FRESH_S}"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


INKS = ("#ffffff", "#10120f")
FRAME_POLICY = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF],
    "connect-src": [SELF],
    "form-action": [NONE],
}


@xframe_options_exempt
@never_cache
@require_safe
def frame(request: HttpRequest, public_id: str) -> HttpResponse:
    """The chat. Only the widget's sites may show it: browsers hold its `frame-ancestors`. Raises WidgetGone."""
    door = access.open_door(public_id)
    base = links.main_url("embed-frame", public_id=public_id)
    context = {
        "widget": door.widget,
        "base": base,
        "ink": max(INKS, key=lambda ink: colours.contrast(ink, door.widget.colour)),
        "notice": settings.PROVIDER_NOTICE,
    }
    response = render(request, "widget/frame.html", context)
    # As csp.decorators.csp_replace does, with what differs from widget to widget.
    response._csp_replace = {**FRAME_POLICY, "frame-ancestors": door.widget.sites or [NONE]}  # type: ignore[attr-defined]
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response


@csrf_exempt
@require_POST
@refusing
def visitor(request: HttpRequest, public_id: str) -> HttpResponse:
    """A new visitor's token. Costs nothing but the request: nothing is stored before they ask."""
    door = access.open_door(public_id)
    _refuse_foreign(request)
    _brake(door, None)
    return JsonResponse({"visitor": access.new_token(door)}, status=201)


@require_http_methods(["GET", "POST"])
@for_visitors
def talk(request: HttpRequest, door: Door, member: Member) -> HttpResponse:
    """GET: the visitor's last talk. POST `{text, conversation?, client_id?}`: asks."""
    if request.method == "POST":
        return _ask(request, door, member)
    row = queries.latest_talk(member, door.widget)
    said = [presenters.shown(message) for message in queries.list_said(row)] if row else []
    return JsonResponse({"conversation": str(row.id) if row else None, "messages": said})


def _ask(request: HttpRequest, door: Door, member: Member) -> HttpResponse:
    _brake(door, member)
    body = _body(request)
    text, named = body.get("text"), body.get("conversation")
    conversation = queries.access_talk(member, door.widget, _uuid(named)) if named else None
    client_id = _uuid(body["client_id"]) if body.get("client_id") else None
    turn = services.ask(
        door=door,
        member=member,
        text=text if isinstance(text, str) else "",
        conversation=conversation,
        client_id=client_id,
    )
    return JsonResponse(
        {
            "conversation": str(turn.conversation.id),
            "question": str(turn.question.id),
            "answer": str(turn.answer.id),
            "run": str(turn.run.id) if turn.run else None,
        },
        status=201,
    )


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise errors.DomainError("The body must be a JSON object.", code="invalid")
    return body


def _uuid(value: Any) -> UUID:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.NotFound() from error


@require_GET
@for_visitors
def answer(request: HttpRequest, door: Door, member: Member, message_id: UUID) -> HttpResponse:
    """An answer as it is now, rendered."""
    return JsonResponse(presenters.shown(queries.access_answer(member, door.widget, message_id)))


@require_GET
@for_visitors
def events(request: HttpRequest, door: Door, member: Member, run_id: UUID) -> HttpResponseBase:
    """Server-sent events, as for everybody (docs/turns.md); fetched, because an EventSource sends no header."""
    return responder.stream_run(request, member=member, run=queries.access_run(member, door.widget, run_id))


@require_POST
@for_visitors
def stop(request: HttpRequest, door: Door, member: Member, run_id: UUID) -> HttpResponse:
    runs.stop_run(workspace_id=member.workspace_id, run=queries.access_run(member, door.widget, run_id))
    return HttpResponse(status=204)


@require_safe
def demo(request: HttpRequest) -> HttpResponse:
    """A page of "another site" on this one, with the widget named by `?widget=`. Demo only."""
    door = access.open_door(request.GET.get("widget", ""))
    source = links.main_url("embed-loader", public_id=request.GET["widget"])
    return render(request, "widget/demo.html", {"source": source, "title": door.widget.title})
