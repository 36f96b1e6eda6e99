"""Requests as the middlewares leave them, for type checkers. Nothing is instantiated."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails
from rest_framework.request import Request

from accounts.models import ApiKey, User
from accounts.permissions import Member
from tenants.scope import WorkspaceRef


class LocatedRequest(HttpRequest):
    """After `tenants.middleware`, and while `accounts.middleware` works on it."""

    workspace: WorkspaceRef | None
    names_workspace: bool
    served_workspace: WorkspaceRef | None
    host: str
    member: Member | None
    api_key: ApiKey | None
    is_by_token: bool
    came_by_break_glass: bool
    user: User  # anonymous ones are turned away before it is used


class MemberRequest(HttpRequest):
    """What a workspace view gets: somebody who may be here, and where here is."""

    workspace: WorkspaceRef
    member: Member
    htmx: HtmxDetails
    user: User  # a member is signed in


def member_of(request: Request) -> Member:
    """The member behind a REST request; MemberPermission has checked that there is one."""
    member: Member = request._request.member  # type: ignore[attr-defined]  # set by accounts.middleware
    return member


def page_request_of(request: Request) -> MemberRequest:
    """The same request as pages know it, for presenters that both use."""
    return request._request  # type: ignore[return-value]  # set by accounts.middleware


def person_of(request: Request) -> User:
    """Who stands behind a REST request; MemberPermission has checked that there is somebody."""
    person: User = request._request.user  # type: ignore[assignment]  # not anonymous
    return person
