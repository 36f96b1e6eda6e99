"""`Idempotency-Key` at the door of every unsafe operation of `/api/v1/` and `/v1/`. Without the header it asks nothing.

After all that refuses before the view: a key is claimed by calls that reach it.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts import permissions
from accounts.idempotency import services
from accounts.idempotency.services import Call, Claim
from accounts.requests import LocatedRequest
from config import errors
from config.streaming import Deferred, Finish, in_database_thread

API_PREFIXES = ("/api/v1/", "/v1/")
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEY = re.compile(r"[\x21-\x7e]{1,255}")
MULTIPART = "multipart/form-data"
REPLAYED = "Idempotent-Replayed"
ATTACHES_MARK = "attaches_to_runs"
View = TypeVar("View", bound=Callable[..., Any])


class KeyInvalid(errors.DomainError):
    code = "idempotency_key_invalid"
    status = 400
    message = "Idempotency-Key: 1 to 255 visible ASCII characters."


def attaches_to_runs(view: View) -> View:
    """Marks a view that answers from `services.earlier_run()`, while that run goes on and after its end."""
    setattr(view, ATTACHES_MARK, True)
    return view


class IdempotencyMiddleware:
    def __init__(self, get_response: Callable[[LocatedRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: LocatedRequest) -> HttpResponse:
        try:
            response = self.get_response(request)
        finally:
            found = services.leave()
        if found is not None:
            attaches = (
                bool(_mark(request.resolver_match.func, ATTACHES_MARK)) if request.resolver_match else False
            )
            _finish(found, response, attaches=attaches)
        return response

    def process_view(
        self, request: LocatedRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in UNSAFE or not request.path.startswith(API_PREFIXES):
            return None
        if not KEY.fullmatch(key):
            return errors.render(request, KeyInvalid())
        if not _may_reach(request, view):
            return None
        attaches = bool(_mark(view, ATTACHES_MARK))
        try:
            found = services.claim(_call(request, key), attaches=attaches, now=timezone.now())
        except errors.DomainError as error:
            return errors.render(request, error)
        if isinstance(found, Claim):
            services.enter(found)
            return None
        found[REPLAYED] = "true"
        return found


def _may_reach(request: LocatedRequest, view: Callable[..., Any]) -> bool:
    """Whoever is nobody, or lost the right meanwhile, is refused by the view, which replays nothing."""
    if not request.user.is_authenticated:
        return False
    table = _mark(view, "required_permissions") or {}
    needed = table.get(request.method)
    return needed is None or request.member is None or request.member.can(permissions.Permission(needed))


def _mark(view: Callable[..., Any], name: str) -> Any:
    return getattr(view, name, None) or getattr(getattr(view, "cls", None), name, None)


def _call(request: LocatedRequest, key: str) -> Call:
    member = request.member
    by_key = member is not None and member.api_key_id is not None
    return Call(
        principal=f"key:{member.api_key_id}" if by_key and member else f"person:{request.user.pk}",
        user_id=request.user.pk,
        workspace_id=member.workspace_id if member else None,
        method=request.method or "",
        path=request.path,
        key=key,
        body_hash=_fingerprint(request),
    )


def _fingerprint(request: LocatedRequest) -> bytes:
    """Of the query and the body. A form with files by its parts: clients draw a new boundary for each attempt."""
    digest = hashlib.sha256(request.META.get("QUERY_STRING", "").encode() + b"\n")
    if request.method != "POST" or request.content_type != MULTIPART:
        digest.update(request.body)
        return digest.digest()
    for name, values in sorted(request.POST.lists()):
        digest.update(repr((name, values)).encode())
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            content = hashlib.sha256()
            for chunk in file.chunks():
                content.update(chunk)
            file.seek(0)
            digest.update(repr((name, file.name, content.hexdigest())).encode())
    return digest.digest()


def _finish(found: Claim, response: HttpResponse, *, attaches: bool) -> None:
    if found.run_id is not None and not found.is_bound and response.status_code < 400:
        response[REPLAYED] = "true"
    if isinstance(response, Deferred) and found.is_bound and not attaches:
        services.wait_on(found, now=timezone.now())
        response.finish = _kept(found, response.finish)
    elif isinstance(response, Deferred) or response.streaming:
        # A run that it started answers the next call; else there is nothing to keep.
        services.free(found)
    else:
        services.finish(found, response)


def _kept(found: Claim, finish: Finish) -> Finish:
    """Keeps an answer that is finished later. A stream is none that can be kept."""

    async def keep() -> HttpResponseBase:
        response = await finish()
        if isinstance(response, HttpResponse):
            await in_database_thread(services.finish, found, response)
        return response

    return keep
