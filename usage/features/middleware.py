"""The plan at the door: API keys need API access, views what they name, and a read-only workspace changes nothing."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from accounts.permissions import Member, works_read_only
from accounts.requests import LocatedRequest
from config import errors
from usage.features import queries as features
from usage.features.keys import Feature
from usage.features.marks import NEEDS_MARK, mark_of

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# A brake must work for whoever a plan has left behind.
FREE_ROUTES = frozenset({"api:run-stop"})


class FeaturesMiddleware:
    """After `accounts.middleware`: it needs to know who. Every other place that changes something asks for itself."""

    def __init__(self, get_response: Callable[[LocatedRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: LocatedRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: LocatedRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if request.member is None:
            return None
        try:
            _check(request, request.member, view)
        except errors.DomainError as error:
            return errors.render(request, error)
        return None


def _check(request: LocatedRequest, member: Member, view: Callable[..., Any]) -> None:
    """Raises FeatureNotIncluded, WorkspaceRestricted, SeatOverPlan."""
    workspace_id, match = member.workspace_id, request.resolver_match
    is_free = match is not None and match.view_name in FREE_ROUTES
    if member.api_key_id is not None and not is_free:
        features.require(workspace_id, Feature.API_ACCESS)
    needed = mark_of(view, NEEDS_MARK)
    if needed:
        features.require(workspace_id, needed)
    if request.method in UNSAFE and not works_read_only(view, request.method):
        features.require_writable(workspace_id, membership_id=member.membership_id)
