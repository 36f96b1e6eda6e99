"""Writes of sessions and of what a workspace asks of its members' sign-ins."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts import revocation
from accounts import services as accounts_services
from accounts.mails import services as mails
from accounts.models import User
from accounts.permissions import Member
from accounts.signin import activity
from accounts.signin.devices import Device
from accounts.signin.models import KnownDevice
from accounts.signin.queries import (  # noqa: F401  what other topics ask for by this module's name
    has_second_factor,
    list_memberships_without_factor,
    list_sessions,
)
from config import errors
from tenants import audit
from tenants.models import Workspace


class OwnSecondFactorMissing(errors.DomainError):
    code = "own_second_factor_missing"
    status = 409
    message = "Set up a second factor for yourself first: otherwise this would lock you out."


def end_sessions(
    *,
    user_id: UUID,
    except_key: str | None = None,
    keys: Iterable[str] | None = None,
    reason: str = "ended_by_person",
    actor: audit.Actor | None = None,
) -> int:
    """Ends the person's sessions, or these of them, with their open streams. Returns how many stood: 0 leaves no entry.

    `actor`: when it is not the person.
    """
    with transaction.atomic():
        rows = UserSession.objects.select_for_update().filter(user_id=user_id)
        if keys is not None:
            rows = rows.filter(session_key__in=list(keys))
        if except_key:
            rows = rows.exclude(session_key=except_key)
        listed = list(rows.values_list("session_key", flat=True))
        stood, _ = Session.objects.filter(session_key__in=listed).delete()
        UserSession.objects.filter(session_key__in=listed).delete()
        _forget(listed)
        if stood:
            ref = accounts_services.person_reference_of(user_id=user_id)
            audit.record(
                "session.ended",
                actor=actor or audit.Actor(kind="person", ref=ref),
                workspace_id=None,
                target=("person", ref),
                about=ref,
                reason=reason,
                count=stood,
            )
    return int(stood)


def _forget(keys: Iterable[str]) -> None:
    for key in keys:
        activity.forget(key)
        revocation.announce_on_commit("session", key)


def end_other_sessions(*, user_id: UUID, request: Any, reason: str) -> int:
    """All but the one that this request came with."""
    key = getattr(getattr(request, "session", None), "session_key", None)
    return end_sessions(user_id=user_id, except_key=key, reason=reason)


def note_device(*, user: User, device: Device, address: str) -> bool:
    """Whether the person signs in from it for the first time; from the second device on, a mail says so.

    In the caller's transaction, which is that of the sign-in's entry.
    """
    row, is_new = KnownDevice.objects.get_or_create(user=user, browser=device.browser, system=device.system)
    wants_mail = user.preferences.get("new_device_mails", True)
    if is_new and wants_mail and KnownDevice.objects.filter(user=user).exclude(id=row.id).exists():
        context = {
            "name": user.name,
            "device": device.label,
            "from_address": address,
            "at": f"{timezone.now():%d %B %Y, %H:%M} UTC",
            "url": settings.BASE_URL + reverse("security"),
        }
        mails.send_once(f"new_device:{row.id}", kind="new_device", to=[user.email], context=context)
    return is_new


def tell_factor_change(*, user: User, what: str) -> None:
    """Owes the mail; in the transaction of the entry about the change."""
    context = {"name": user.name, "what": what, "url": settings.BASE_URL + reverse("security")}
    key = f"two_factor_changed:{uuid4()}"
    mails.send_once(key, kind="two_factor_changed", to=[user.email], context=context)


def set_two_factors_required(*, member: Member, required: bool) -> None:
    """Whether members without a second factor are kept out of the workspace.

    Their open streams end. Raises OwnSecondFactorMissing when the member has none.
    """
    if required and not has_second_factor(member.user_id):
        raise OwnSecondFactorMissing()
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().get(id=member.workspace_id)
        before = workspace.requires_two_factors
        if before == required:
            return
        Workspace.objects.filter(id=workspace.id).update(requires_two_factors=required)
        audit.record(
            "workspace.two_factors_set",
            actor=member.actor,
            workspace_id=workspace.id,
            target=("workspace", workspace.id),
            before={"requires_two_factors": before},
            after={"requires_two_factors": required},
        )
        if required:
            for membership_id in list_memberships_without_factor(workspace.id):
                revocation.announce_on_commit("membership", str(membership_id))
