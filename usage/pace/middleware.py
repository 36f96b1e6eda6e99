"""Request rates at the door: every call of `/api/v1/` and `/v1/`, and page forms that start model work."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.permissions import Member
from accounts.requests import LocatedRequest
from config import errors
from tenants import keys
from usage.features import queries as features
from usage.pace import queries, window
from usage.pace.window import WINDOW_S, Answer, Subject

API_PREFIXES = ("/api/v1/", "/v1/")
# A brake must work for whoever hit a limit.
FREE_ROUTES = frozenset({"api:run-stop"})
WORDS = {"key": "this API key", "person": "one person", "workspace": "this workspace"}
View = TypeVar("View", bound=Callable[..., Any])


class RateLimited(errors.DomainError):
    """Too many requests within a minute. `data`: which window, its limit, and when to come again."""

    code = "rate_limited"
    status = 429


def starts_runs(view: View) -> View:
    """Marks a page whose POST starts model work."""
    view.starts_runs = True  # type: ignore[attr-defined]
    return view


class PaceMiddleware:
    """After `accounts.middleware`: it needs to know who."""

    def __init__(self, get_response: Callable[[LocatedRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: LocatedRequest) -> HttpResponse:
        response = self.get_response(request)
        answer: Answer | None = getattr(request, "pace", None)
        if answer is not None:
            _tell(response, answer)
        return response

    def process_view(
        self, request: LocatedRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        member = request.member
        if member is None or not _counts(request, view):
            return None
        answer = window.take(_subjects(member))
        request.pace = answer  # type: ignore[attr-defined]  # for the headers, when the response is there
        if answer is None or answer.retry_after_s is None:
            return None
        return errors.render(request, _refusal(answer, member.workspace_id))


def _counts(request: LocatedRequest, view: Callable[..., Any]) -> bool:
    if request.path.startswith(API_PREFIXES):
        match = request.resolver_match
        return match is None or match.view_name not in FREE_ROUTES
    return request.method == "POST" and getattr(view, "starts_runs", False)


def _subjects(member: Member) -> list[Subject]:
    rates = queries.rates_of(member.workspace_id)
    wanted = [
        ("key", member.api_key_id, rates.per_key if member.api_key_id else None),
        ("person", member.person_ref, rates.per_person),
        ("workspace", member.workspace_id, rates.per_workspace),
    ]
    return [
        Subject(kind, keys.pace_key(member.workspace_id, kind, subject_id), limit)
        for kind, subject_id, limit in wanted
        if limit is not None
    ]


def _refusal(answer: Answer, workspace_id: UUID) -> RateLimited:
    """Two queries, for the address."""
    limit, whose = answer.subject.limit, WORDS[answer.subject.kind]
    wait = f"{answer.retry_after_s} second{'' if answer.retry_after_s == 1 else 's'}"
    return RateLimited(
        f"{limit:,} requests a minute are allowed for {whose}, and so many came. Try again in {wait}.",
        data={
            "subject": answer.subject.kind,
            "limit": limit,
            "window_s": WINDOW_S,
            "retry_after_s": answer.retry_after_s,
            "used": limit,
            "held": 0,
            "resets_at": (timezone.now() + timedelta(seconds=answer.reset_s)).isoformat(),
            "upgrade_url": features.upgrade_url(workspace_id),
        },
    )


def _tell(response: HttpResponseBase, answer: Answer) -> None:
    """The three fields that clients know (IETF draft `RateLimit header fields`, -03), of the tightest window."""
    response["RateLimit-Limit"] = str(answer.subject.limit)
    response["RateLimit-Remaining"] = str(answer.remaining)
    response["RateLimit-Reset"] = str(answer.reset_s)
