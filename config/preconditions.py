"""`ETag`, `If-None-Match` and `If-Match` of `/api/v1/` (RFC 9110), for every view that there is or will be.

The tag of an answer is a hash of its bytes. A change that names one is made in a transaction that sees one snapshot:
its tag is compared there, and PostgreSQL refuses to change a row that somebody else, by whatever way, changed since.
"""

import copy
import hashlib
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

from config import errors
from config.streaming import Deferred

PREFIX = "/api/v1/"
CHANGES = frozenset({"PATCH", "PUT", "DELETE"})
ATTEMPTS = 5
View = Callable[..., Any]


class PreconditionFailed(errors.DomainError):
    code = "precondition_failed"
    status = 412
    message = "It was changed since you read it. Read it again, and repeat the change with its present ETag."


class PreconditionMiddleware:
    """The last one: it calls the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in ("GET", "HEAD") or not _is_tagged(request, response):
            return response
        tag = response["ETag"] = tag_of(response)
        response.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(response, ["Authorization", "Cookie", "X-Workspace"])
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" in known or tag in [each.removeprefix("W/") for each in known]:
            return _not_modified(response)
        return response

    def process_view(
        self, request: HttpRequest, view: View, args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        named = request.headers.get("If-Match")
        if named is None or request.method not in CHANGES or not request.path.startswith(PREFIX):
            return None
        # An attempt may have to be repeated: the body is read once.
        request.body  # noqa: B018
        for left in reversed(range(ATTEMPTS)):
            try:
                return _change(request, view, args, kwargs, parse_etags(named))
            except errors.DomainError as error:
                return errors.render(request, error)
            except OperationalError as error:
                if not isinstance(error.__cause__, psycopg.errors.SerializationFailure) or not left:
                    raise
        raise AssertionError("the last attempt answers or raises")


def tag_of(response: HttpResponse) -> str:
    return f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'


def _is_tagged(request: HttpRequest, response: HttpResponse) -> bool:
    is_whole = not response.streaming and not isinstance(response, Deferred)
    return request.path.startswith(PREFIX) and response.status_code == 200 and is_whole


def _not_modified(response: HttpResponse) -> HttpResponse:
    kept = ("ETag", "Cache-Control", "Vary", "Expires")
    return HttpResponseNotModified(headers={name: response[name] for name in kept if name in response})


def _change(
    request: HttpRequest, view: View, args: list[Any], kwargs: dict[str, Any], named: list[str]
) -> HttpResponse:
    """Raises PreconditionFailed, and OperationalError when a row was changed since the snapshot."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _compare(_present(request, view, args, kwargs), named)
        response: HttpResponse = view(request, *args, **kwargs)
        if response.status_code >= 400:
            return response
        now = _present(request, view, args, kwargs) if request.method != "DELETE" else None
        if now is not None and now.status_code == 200:
            response["ETag"] = tag_of(now)
        return response


def _present(request: HttpRequest, view: View, args: list[Any], kwargs: dict[str, Any]) -> HttpResponse:
    """What a GET of the same address answers the same caller."""
    reading = copy.copy(request)
    reading.method = "GET"
    response: Any = view(reading, *args, **kwargs)
    if hasattr(response, "render"):
        response.render()
    answer: HttpResponse = response
    return answer


def _compare(present: HttpResponse, named: list[str]) -> None:
    """What is not there is refused by the view itself, with its own words."""
    if present.status_code in (401, 404):
        return
    # A weak tag never matches here.
    if present.status_code != 200 or not ("*" in named or tag_of(present) in named):
        raise PreconditionFailed()
