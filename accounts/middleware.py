"""Who? Sets `request.member` once, enters the workspace, and checks the permission that the view names.

404: not yours (or not there). 403: yours, not allowed. 423: suspended, archived, or going to be deleted.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts import gates, permissions, queries
from accounts.adapter import client_address
from accounts.auditlog import services as auditlog
from accounts.handoff import views as handoff
from accounts.keys import addresses
from accounts.keys import services as keys
from accounts.requests import LocatedRequest
from accounts.tokens import sessions as tokens
from accounts.workspaces_ending import entry
from config import errors
from tenants import links, slugs
from tenants.middleware import WORKSPACE_PATH
from tenants.scope import WorkspaceNotFound, WorkspaceRef, enter, get_ref

API_PREFIXES = ("/api/", "/v1/")
KEY_ONLY_PREFIX = "/v1/"
BEARER = "Bearer "
# Their proof is in the body: a token in the header that is over must not keep anybody from the next one.
PROOF_IN_BODY = frozenset(f"/api/v1/auth/{name}" for name in ("login", "refresh", "logout"))


class MemberMiddleware:
    def __init__(self, get_response: Callable[[LocatedRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: LocatedRequest) -> HttpResponse:
        request.member = None
        request.api_key = None
        request.is_by_token = False
        try:
            if request.path.startswith(API_PREFIXES):
                _identify_api(request)
            elif request.names_workspace:
                if not request.user.is_authenticated:
                    return _to_sign_in(request)
                _identify_session(request, request.workspace)
        except gates.GateClosed as closed:
            return _to_door(request, closed)
        except errors.DomainError as error:
            return errors.render(request, error)
        if request.workspace is None:
            return self.get_response(request)
        if _came_by_former_slug(request):
            return _to_present_slug(request, request.workspace)
        with enter(request.workspace):
            return self.get_response(request)

    def process_view(
        self, request: LocatedRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if request.member is not None and request.workspace is not None:
            try:
                entry.check_view(request, request.workspace, request.member, view)
            except gates.GateClosed as closed:
                return _to_door(request, closed)
            except errors.DomainError as error:
                return errors.render(request, error)
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
    """People sign in on the main host, and come back to a workspace's own one by a code."""
    if request.served_workspace is not None:
        return handoff.leave(request)
    return redirect_to_login(request.get_full_path(), links.main_url(settings.LOGIN_URL))


def _came_by_former_slug(request: LocatedRequest) -> bool:
    """Only members get here: to everybody else a former slug is as unknown as any. Forms are taken where they come."""
    if request.served_workspace is not None or request.method not in ("GET", "HEAD"):
        return False
    named = WORKSPACE_PATH.match(request.path_info)
    return bool(named and request.workspace and named[1] != request.workspace.slug)


def _to_present_slug(request: LocatedRequest, workspace: WorkspaceRef) -> HttpResponse:
    """Not kept by browsers: the workspace may take its former slug back."""
    path = WORKSPACE_PATH.sub(f"/w/{workspace.slug}", request.get_full_path(), count=1)
    response = redirect(path, permanent=True)
    response["Cache-Control"] = "no-store"
    return response


def _to_door(request: LocatedRequest, closed: gates.GateClosed) -> HttpResponse:
    """Pages lead there; the API says so."""
    if request.path.startswith(API_PREFIXES):
        return errors.render(request, closed)
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return redirect(settings.BASE_URL + closed.door if own else closed.door)


def _identify_session(request: LocatedRequest, workspace: WorkspaceRef | None) -> None:
    """Raises WorkspaceNotFound (also for somebody else's workspace) and what `entry.check` raises."""
    served = request.served_workspace
    # SECURITY: a session on an own domain opens that workspace only.
    if workspace is None or (served is not None and served.id != workspace.id):
        raise WorkspaceNotFound()
    member = queries.get_member(
        user_id=request.user.pk, workspace_id=workspace.id, session_key=request.session.session_key
    )
    if member is None:
        raise WorkspaceNotFound()
    entry.check(workspace, member)
    gates.check(request, workspace, member)
    auditlog.note_entry(request, member)
    request.workspace, request.member = workspace, member


def _identify_api(request: LocatedRequest) -> None:
    """A key names its workspace; a token or a session names it by `X-Workspace` (slug or id). Neither: nobody, for open
    routes."""
    if request.path in PROOF_IN_BODY:
        return
    is_for_keys = request.path.startswith(KEY_ONLY_PREFIX)
    header = request.headers.get("Authorization", "")
    if header.startswith(BEARER):
        text = header.removeprefix(BEARER).strip()
        if is_for_keys or not tokens.looks_like_token(text):
            _identify_key(request, text)
            return
        _identify_token(request, text)
    named = request.headers.get("X-Workspace")
    if named and not is_for_keys and request.user.is_authenticated:
        _identify_session(request, _by_name(named))
        if isinstance(request.session, tokens.TokenSession) and request.session.is_noted:
            request.session.save()


def _identify_token(request: LocatedRequest, text: str) -> None:
    """As if its session had come as a cookie, but for the CSRF token. Raises InvalidToken."""
    request.user, request.session = tokens.find(text)
    request.is_by_token = True


def _identify_key(request: LocatedRequest, text: str) -> None:
    now = timezone.now()
    member, workspace, key = queries.get_key_owner(text, now=now)
    address = _address(request)
    addresses.check(address, key.addresses)
    entry.check(workspace, member)
    gates.check_key(request, workspace, member)
    keys.note_use(key, now=now, address=address)
    request.user = key.membership.user
    request.workspace, request.member, request.api_key = workspace, member, key


def _address(request: LocatedRequest) -> str:
    """Empty when nobody says it."""
    try:
        return client_address(request)
    except PermissionDenied:
        return ""


def _by_name(named: str) -> WorkspaceRef:
    try:
        return get_ref(id=UUID(named))
    except ValueError:
        return slugs.find(named)
