"""The outermost layers of a request: who asked (id), and how a refusal is shown."""

import re
import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config import errors, logs, masking

Handler = Callable[[HttpRequest], HttpResponse]
SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_context(get_response: Handler) -> Handler:
    """Gives each request an id (the caller's own `X-Request-Id` when it is well-formed) and answers with it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _is_usable(given) else secrets.token_hex(8)
        with logs.log_context(request_id=request_id):
            response = get_response(request)
        response["X-Request-Id"] = request_id
        return response

    return middleware


def _is_usable(given: str) -> bool:
    return bool(SAFE_REQUEST_ID.fullmatch(given)) and not masking.holds_key(given)


class DomainErrorMiddleware:
    """Renders the `DomainError` that a view raised."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, raised: Exception) -> HttpResponse | None:
        if isinstance(raised, errors.DomainError):
            return errors.render(request, raised)
        return None
