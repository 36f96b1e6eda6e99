"""Who? Sets `request.member` once, enters the workspace, and checks the permission that the view names.

404: not yours (or not there). 403: yours, not allowed. 423: suspended.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.utils import timezone

from accounts import permissions, queries, services
from accounts.requests import LocatedRequest
from config import errors
from tenants import links
from tenants.scope import WorkspaceNotFound, WorkspaceRef, WorkspaceSuspended, enter, get_ref

API_PREFIXES = ("/api/", "/v1/")
KEY_ONLY_PREFIX = "/v1/"
BEARER = "Bearer "


class MemberMiddleware:
    def __init__(self, get_response: Callable[[LocatedRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: LocatedRequest) -> HttpResponse:
        request.member = None
        request.api_key = None
        try:
            if request.path.startswith(API_PREFIXES):
                _identify_api(request)
            elif request.names_workspace:
                if not request.user.is_authenticated:
                    return _to_sign_in(request)
                _identify_session(request, request.workspace)
        except errors.DomainError as error:
            return errors.render(request, error)
        if request.workspace is None:
            return self.get_response(request)
        with enter(request.workspace):
            return self.get_response(request)

    def process_view(
        self, request: LocatedRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if not request.names_workspace:
            return None
        kwargs.pop("workspace", None)
        permission = getattr(view, "permission", None)
        if permission is None:
            raise RuntimeError(f"workspace view {view.__module__}.{view.__name__} names no permission")
        try:
            permissions.check(request.member, permission)
        except errors.DomainError as error:
            return errors.render(request, error)
        return None


def _to_sign_in(request: LocatedRequest) -> HttpResponse:
    """People sign in on the main host, also when they came to a workspace's own one."""
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    prefix = f"/w/{request.workspace.slug}" if own and request.workspace else ""
    return redirect_to_login(
        prefix + request.get_full_path(), links.main_url(settings.LOGIN_URL, on_own_domain=own)
    )


def _identify_session(request: LocatedRequest, workspace: WorkspaceRef | None) -> None:
    """Raises WorkspaceNotFound (also for somebody else's workspace) or WorkspaceSuspended."""
    if workspace is None:
        raise WorkspaceNotFound()
    member = queries.get_member(
        user_id=request.user.pk, workspace_id=workspace.id, session_key=request.session.session_key
    )
    if member is None:
        raise WorkspaceNotFound()
    if not workspace.is_active:
        raise WorkspaceSuspended()
    request.workspace, request.member = workspace, member


def _identify_api(request: LocatedRequest) -> None:
    """A key names its workspace; a session names it by `X-Workspace` (slug or id). Neither: nobody, for open routes."""
    header = request.headers.get("Authorization", "")
    if header.startswith(BEARER):
        _identify_key(request, header.removeprefix(BEARER).strip())
        return
    named = request.headers.get("X-Workspace")
    if named and not request.path.startswith(KEY_ONLY_PREFIX) and request.user.is_authenticated:
        _identify_session(request, _by_name(named))


def _identify_key(request: LocatedRequest, text: str) -> None:
    now = timezone.now()
    member, workspace, key = queries.get_key_owner(text, now=now)
    if not workspace.is_active:
        raise WorkspaceSuspended()
    services.note_key_use(key, now=now)
    request.user = key.membership.user
    request.workspace, request.member, request.api_key = workspace, member, key


def _by_name(named: str) -> WorkspaceRef:
    try:
        return get_ref(id=UUID(named))
    except ValueError:
        return get_ref(slug=named)
