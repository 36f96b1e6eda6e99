"""What looking and coming in write to the audit log."""

from allauth.account.authentication import get_authentication_records
from django.contrib.sessions.models import Session
from django.db import transaction

from accounts.auditlog.middleware import short_of
from accounts.permissions import Member
from accounts.requests import LocatedRequest
from tenants import audit

ENTERED = "entered_workspaces"


def note_entry(request: LocatedRequest, member: Member) -> None:
    """`session.entered`, once for each session and workspace: the session itself keeps where it was. So later requests
    ask nothing, and two first requests at the same moment write one entry."""
    place = str(member.workspace_id)
    session_key = request.session.session_key
    if session_key is None or place in request.session.get(ENTERED, ()):
        return
    was_modified = request.session.modified
    with transaction.atomic():
        row = Session.objects.select_for_update().filter(session_key=session_key).first()
        if row is None:  # it was ended meanwhile
            return
        places = row.get_decoded().get(ENTERED, [])
        request.session[ENTERED] = [*places, place] if place not in places else places
        if place not in places:
            audit.record(
                "session.entered",
                actor=member.actor,
                workspace_id=member.workspace_id,
                target=("session", short_of(session_key)),
                signed_in_by=_means(request),
            )
            request.session.save()
    request.session.modified = was_modified


def _means(request: LocatedRequest) -> list[str]:
    """How the session was signed in, in order, without addresses."""
    records = get_authentication_records(request, request.user)
    return [str(each.get("provider") or each.get("type") or each["method"]) for each in records]


def note_export(*, member: Member, form: str, filters: dict[str, str]) -> None:
    """`filters`: those that are set."""
    with transaction.atomic():
        audit.record(
            "audit.exported",
            actor=member.actor,
            workspace_id=member.workspace_id,
            form=form,
            filters=filters,
        )
