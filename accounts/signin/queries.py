"""Reads of sessions and second factors."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import Membership, User
from accounts.signin.devices import Device, device_of
from config import errors

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What counts as a second factor. Recovery codes only stand in for one."""


@dataclass(frozen=True)
class OpenSession:
    """`id`: for pages; the key itself never leaves the server."""

    id: int
    key: str
    device: Device
    address: str
    since: datetime
    last_seen_at: datetime


def list_sessions(user: Any) -> list[OpenSession]:
    """Those that stand, the one seen last first. One query."""
    rows = UserSession.objects.filter(_stands(), user_id=user.pk).order_by("-last_seen_at", "-id")
    return [
        OpenSession(
            row.pk, row.session_key, device_of(row.user_agent), row.ip, row.created_at, row.last_seen_at
        )
        for row in rows
    ]


def access_session(user: Any, session_id: int) -> OpenSession:
    """Raises NotFound, also for somebody else's."""
    found = next((row for row in list_sessions(user) if row.id == session_id), None)
    if found is None:
        raise errors.NotFound()
    return found


def _stands() -> Exists:
    alive = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    return Exists(alive)


def has_second_factor(user_id: UUID) -> bool:
    """One query."""
    return Authenticator.objects.filter(user_id=user_id, type__in=FACTORS).exists()


def list_memberships_without_factor(workspace_id: UUID) -> list[UUID]:
    """Whom a workspace that asks for two factors would keep out. One query."""
    has = Authenticator.objects.filter(user_id=OuterRef("user_id"), type__in=FACTORS)
    rows = Membership.objects.filter(~Exists(has), workspace_id=workspace_id)
    return list(rows.values_list("id", flat=True))


@dataclass(frozen=True)
class Security:
    """What the page about it sums up."""

    has_password: bool
    has_app: bool
    passkeys: list[str]
    recovery_left: int | None
    connections: list[str]
    sessions: list[OpenSession]

    @property
    def has_second_factor(self) -> bool:
        return self.has_app or bool(self.passkeys)


def get_security(user: User) -> Security:
    """Three queries."""
    factors = list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at"))
    left = [row.wrap() for row in factors if row.type == Authenticator.Type.RECOVERY_CODES]
    return Security(
        has_password=user.has_usable_password(),
        has_app=any(row.type == Authenticator.Type.TOTP for row in factors),
        passkeys=[row.wrap().name for row in factors if row.type == Authenticator.Type.WEBAUTHN],
        recovery_left=len(left[0].get_unused_codes()) if left else None,
        connections=list(
            SocialAccount.objects.filter(user_id=user.pk)
            .order_by("provider")
            .values_list("provider", flat=True)
        ),
        sessions=list_sessions(user),
    )
