"""An enforced workspace is entered by sessions that its provider signed in. Other workspaces of a person do not ask."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from django.contrib.sessions.models import Session

from accounts.gates import GateClosed
from accounts.models import Membership
from accounts.permissions import Member, Principal
from accounts.requests import LocatedRequest
from accounts.sso import arrivals, queries
from accounts.sso.queries import Standing
from tenants import links
from tenants.scope import WorkspaceRef

NOTED = "sso_break_glass"
Records = Iterable[Mapping[str, Any]]


class SingleSignOnRequired(GateClosed):
    def __init__(self, workspace: WorkspaceRef, connection_id: UUID, back: str) -> None:
        super().__init__(
            f"{workspace.name} asks for single sign-on.",
            code="sso_required",
            door=links.main_url("sso-door", connection_id=connection_id) + back,
        )


def single_sign_on(request: LocatedRequest, workspace: WorkspaceRef, member: Member) -> None:
    """Raises GateClosed. One query in an enforced workspace, none elsewhere."""
    if not workspace.requires_single_sign_on:
        return
    found = queries.standing(workspace.id, member.user_id)
    if found is None or not found.must_use_it:
        return
    records = get_authentication_records(request, request.user)
    if is_signed_in_by(found, records):
        return
    if is_break_glass(member.role, records):
        _note_once(request, workspace, member)
        return
    raise SingleSignOnRequired(workspace, found.connection_id, _way_back(request, workspace))


def is_signed_in_by(found: Standing, records: Records) -> bool:
    """By this connection as it is set up now."""
    since = found.changed_at.timestamp()
    return any(
        row.get("provider") == str(found.connection_id)
        and row.get("method") == "socialaccount"
        and row.get("at", 0) >= since
        for row in records
    )


def is_break_glass(role: str, records: Records) -> bool:
    """An owner who has proven a second factor in this session: their way in when the provider fails."""
    return role == Membership.Role.OWNER and any(row.get("method") == "mfa" for row in records)


def _way_back(request: LocatedRequest, workspace: WorkspaceRef) -> str:
    """The page that was asked for, on the main host."""
    if request.method != "GET" or not request.names_workspace:
        return ""
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    path = f"/w/{workspace.slug}{request.get_full_path()}" if own else request.get_full_path()
    return f"?{urlencode({'next': path})}"


def _note_once(request: LocatedRequest, workspace: WorkspaceRef, member: Member) -> None:
    """Once per session and workspace; its pages say so."""
    request.came_by_break_glass = True
    noted = request.session.get(NOTED, [])
    if str(workspace.id) not in noted:
        arrivals.note_break_glass(member=member)
        request.session[NOTED] = [*noted, str(workspace.id)]
        # The session of a token is not saved by itself.
        request.session.save()


def list_lost(principals: Collection[Principal]) -> set[Principal]:
    """Of open streams of sessions in enforced workspaces: those that would not be let in any more.

    For who missed the announcement. Two queries and one for each stream.
    """
    places = Membership.objects.in_bulk({p.membership_id for p in principals})
    keys = {p.session_key for p in principals}
    sessions = {row.session_key: row.get_decoded() for row in Session.objects.filter(session_key__in=keys)}
    return {
        p
        for p in principals
        if p.membership_id in places
        and not _still_stands(places[p.membership_id], sessions.get(p.session_key or "", {}))
    }


def _still_stands(place: Membership, session: dict[str, Any]) -> bool:
    found = queries.standing(place.workspace_id, place.user_id)
    records = session.get(AUTHENTICATION_METHODS_SESSION_KEY) or []
    return (
        found is None
        or not found.must_use_it
        or is_signed_in_by(found, records)
        or is_break_glass(place.role, records)
    )
