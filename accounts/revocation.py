"""Ends open streams whose session, key or membership is gone, or whose role no longer allows them.

A revocation is announced on Redis after its commit; because an announcement can be lost, web processes also ask
`list_revoked` about all principals of their open streams every few seconds.
"""

import json
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

import redis
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from accounts.handoff import sessions
from accounts.models import ApiKey, Membership
from accounts.permissions import ROLE_PERMISSIONS, Principal
from config import redis as redis_clients
from tenants.models import Workspace

CHANNEL = "revocations"
logger = logging.getLogger(__name__)


def connect() -> None:
    user_logged_out.connect(_on_sign_out, dispatch_uid="announce_sign_out")


def _on_sign_out(sender: object, request: Any, **_: Any) -> None:
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    if session_key:
        announce_on_commit("session", session_key)


def announce_on_commit(kind: str, identifier: str) -> None:
    """`kind`: session | api_key | membership (or widget, of visitors) | role (see `role_identifier`). A session takes
    those on own domains along that came from it."""
    transaction.on_commit(partial(_announce, kind, identifier))
    for key in sessions.end_under(identifier) if kind == "session" else ():
        transaction.on_commit(partial(_announce, "session", key))


def role_identifier(membership_id: UUID, role: str) -> str:
    """A membership that has this role from now on."""
    return f"{membership_id}:{role}"


def _announce(kind: str, identifier: str) -> None:
    try:
        redis_clients.client().publish(CHANNEL, json.dumps({"kind": kind, "id": identifier}))
    except redis.RedisError:
        logger.warning("a revocation was not announced; the periodic check will see it")


def is_hit(principal: Principal, kind: str, identifier: str) -> bool:
    """Whether an announced revocation concerns this principal."""
    if kind == "role":
        membership_id, _, role = identifier.partition(":")
        is_theirs = membership_id == str(principal.membership_id)
        return is_theirs and principal.needs not in ROLE_PERMISSIONS.get(role, ())
    mine = {
        "session": principal.session_key,
        "api_key": str(principal.api_key_id) if principal.api_key_id else None,
        "membership": str(principal.membership_id),
    }
    return mine.get(kind) == identifier


def list_revoked(principals: Iterable[Principal]) -> set[Principal]:
    """Those that no longer stand: in three queries, and more only where single sign-on is enforced."""
    from accounts.sso import gate  # noqa: PLC0415  which needs what needs this

    everybody = set(principals)
    guests = {p for p in everybody if p.guest_of is not None}
    asked = everybody - guests
    now = timezone.now()
    rows = list(
        Membership.objects.filter(
            id__in={p.membership_id for p in asked},
            user__is_active=True,
            workspace__state__in=["active", "archived"],
        ).values_list("id", "role", "workspace__requires_single_sign_on")
    )
    roles, enforced = {row[0]: row[1] for row in rows}, {row[0] for row in rows if row[2]}
    key_ids = {p.api_key_id for p in asked if p.api_key_id}
    keys = set(ApiKey.objects.filter(id__in=key_ids, revoked_at__isnull=True).values_list("id", "expires_at"))
    live_keys = {key_id for key_id, expires_at in keys if expires_at is None or expires_at > now}
    session_keys = {p.session_key for p in asked if p.session_key}
    standing = Session.objects.filter(session_key__in=session_keys, expire_date__gt=now)
    standing = standing.exclude(session_key__in=sessions.orphans().values("session_key"))
    live_sessions = set(standing.values_list("session_key", flat=True))
    gated = {p for p in asked if p.session_key and p.membership_id in enforced}
    return (
        (gate.list_lost(gated) if gated else set())
        | _list_unwelcome(guests)
        | {
            p
            for p in asked
            if p.needs not in ROLE_PERMISSIONS.get(roles.get(p.membership_id, ""), ())
            or (p.api_key_id and p.api_key_id not in live_keys)
            or (p.session_key and p.session_key not in live_sessions)
        }
    )


def _list_unwelcome(guests: set[Principal]) -> set[Principal]:
    """Visitors of workspaces that let nobody in any more. That a widget is switched off is announced (its id as a
    membership's); one query, and only where visitors watch."""
    if not guests:
        return set()
    rows = Workspace.objects.filter(id__in={p.guest_of for p in guests}, state=Workspace.State.ACTIVE)
    open_ids = set(rows.values_list("id", flat=True))
    return {p for p in guests if p.guest_of not in open_ids}
