"""One error shape. `DomainError` is an anticipated refusal; it is rendered as a page, as RFC 9457 problem details
(`/api/`) or in OpenAI's shape (`/v1/`), with the same code and words everywhere."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render as render_template
from django.template.loader import render_to_string

from config import logs

PROBLEM_TYPE = "application/problem+json"
TITLES = {
    400: "That request cannot be read",
    401: "Please sign in",
    402: "A limit is reached",
    403: "You may not do that here",
    404: "Nothing is here",
    405: "That method is not offered here",
    409: "Something else came first",
    410: "That is over",
    412: "It was changed meanwhile",
    413: "That is too large",
    415: "That format is not accepted here",
    422: "That cannot be done as asked",
    423: "This workspace is suspended",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "Not available for a moment",
}
# Refusals whose status alone would say the wrong thing.
TITLES_OF_CODES = {
    "feature_not_included": "Not part of the plan",
    "workspace_archived": "This workspace is archived",
    "workspace_deleting": "This workspace is going to be deleted",
    "workspace_restricted": "This workspace is read-only",
    "seat_over_plan": "You can only read here",
    "handoff_refused": "Signing in did not work",
    "handoff_expired": "Signing in took too long",
    "handoff_other_browser": "Signing in began elsewhere",
    "handoff_ended": "You are signed out",
    "seats_full": "All seats are taken",
    "payment_outstanding": "An invoice is unpaid",
    "payment_refused": "The payment did not go through",
    "last_owner": "The last owner stays",
    "invitation_unknown": "No such invitation",
    "invitation_expired": "This invitation has expired",
    "invitation_revoked": "This invitation was taken back",
    "invitation_accepted": "This invitation was used",
    "invitation_declined": "This invitation was declined",
    "invitation_for_another_address": "This invitation is for another address",
}
OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class DomainError(Exception):
    """An anticipated refusal.

    `code` is stable and machine-readable, `message` is shown to people, `status` is the HTTP status, `data` is
    JSON-ready detail (for example limit, used, resets_at).
    """

    code = "error"
    status = 400
    message = "That cannot be done."
    fragment = "assistants/_problem.html"
    """How it is shown within a page."""

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        status: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        self.message = message or self.message
        self.code = code or self.code
        self.status = status or self.status
        self.data = data or {}
        super().__init__(f"{self.code}: {self.message}")


class NotFound(DomainError):
    code = "not_found"
    status = 404
    message = "It does not exist, or you cannot see it."


class Forbidden(DomainError):
    code = "forbidden"
    status = 403
    message = "Your role in this workspace does not allow that."


class NotSignedIn(DomainError):
    code = "not_signed_in"
    status = 401
    message = "Sign in or send an API key."


class Conflict(DomainError):
    code = "conflict"
    status = 409
    message = "It was changed meanwhile."


def title_of(error: DomainError) -> str:
    return TITLES_OF_CODES.get(error.code) or TITLES.get(error.status, "Refused")


def problem(error: DomainError) -> dict[str, Any]:
    """RFC 9457 members plus `code`, the request id and the error's own data."""
    body = {
        "type": "about:blank",
        "title": title_of(error),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "request_id": logs.current("request_id"),
    }
    return {**error.data, **body}


def openai_body(error: DomainError) -> dict[str, Any]:
    """OpenAI's error object, so that its SDKs raise the right class."""
    kind = OPENAI_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    code = error.code
    if error.status == 402:
        kind = code = "insufficient_quota"
    return {
        "error": {
            "message": error.message,
            "type": kind,
            "param": error.data.get("param"),
            "code": code,
            **{key: value for key, value in error.data.items() if key != "param"},
        }
    }


def openai_status(error: DomainError) -> int:
    """OpenAI says 429 where plain HTTP has 402."""
    return 429 if error.status == 402 else error.status


def render(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The error in the shape that this address speaks."""
    response: HttpResponse
    if request.path.startswith("/v1/"):
        response = openai_response(error, is_retryable=_is_retryable(error))
    elif request.path.startswith("/api/"):
        response = JsonResponse(problem(error), status=error.status, content_type=PROBLEM_TYPE)
    else:
        response = _page(request, error)
    if "retry_after_s" in error.data:
        response["Retry-After"] = str(error.data["retry_after_s"])
    return response


def _is_retryable(error: DomainError) -> bool:
    """Of errors that come before a run: those that pass by themselves."""
    return error.status in (409, 503) or "retry_after_s" in error.data


def openai_response(error: DomainError, *, is_retryable: bool) -> JsonResponse:
    """`x-should-retry` tells OpenAI's SDKs whether the same call may succeed later."""
    response = JsonResponse(openai_body(error), status=openai_status(error))
    response["x-should-retry"] = "true" if is_retryable else "false"
    return response


def _page(request: HttpRequest, error: DomainError) -> HttpResponse:
    context = {
        "title": title_of(error),
        "message": error.message,
        "code": error.code,
        "status": error.status,
        "request_id": logs.current("request_id"),
        "action_url": error.data.get("action_url"),
        "action_label": error.data.get("action_label"),
        "data": error.data,
        # Without scripts nothing keeps a draft but this page.
        "typed": request.POST.get("text", ""),
    }
    if error.status >= 500 and error.code == "internal":
        # Without the request: whatever failed may be what the page's own context needs.
        return HttpResponse(render_to_string("errors/500.html", context), status=error.status)
    fragment = bool(getattr(request, "htmx", False))
    template = error.fragment if fragment else "errors/problem.html"
    return render_template(request, template, context, status=error.status)
