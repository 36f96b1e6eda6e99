"""Ends open streams whose session, key or membership is gone.

A revocation is announced on Redis after its commit; because an announcement can be lost, web processes also ask
`list_revoked` about all principals of their open streams every few seconds.
"""

import json
import logging
from collections.abc import Iterable
from typing import Any

import redis
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, Membership
from accounts.permissions import Principal
from config import redis as redis_clients

CHANNEL = "revocations"
logger = logging.getLogger(__name__)


def connect() -> None:
    user_logged_out.connect(_on_sign_out, dispatch_uid="announce_sign_out")


def _on_sign_out(sender: object, request: Any, **_: Any) -> None:
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    if session_key:
        announce_on_commit("session", session_key)


def announce_on_commit(kind: str, identifier: str) -> None:
    """`kind`: session | api_key | membership."""
    transaction.on_commit(lambda: _announce(kind, identifier))


def _announce(kind: str, identifier: str) -> None:
    try:
        redis_clients.client().publish(CHANNEL, json.dumps({"kind": kind, "id": identifier}))
    except redis.RedisError:
        logger.warning("a revocation was not announced; the periodic check will see it")


def is_hit(principal: Principal, kind: str, identifier: str) -> bool:
    """Whether an announced revocation concerns this principal."""
    mine = {
        "session": principal.session_key,
        "api_key": str(principal.api_key_id) if principal.api_key_id else None,
        "membership": str(principal.membership_id),
    }
    return mine.get(kind) == identifier


def list_revoked(principals: Iterable[Principal]) -> set[Principal]:
    """Those that no longer stand, in at most three queries."""
    asked = set(principals)
    now = timezone.now()
    memberships = set(
        Membership.objects.filter(
            id__in={p.membership_id for p in asked}, user__is_active=True, workspace__state="active"
        ).values_list("id", flat=True)
    )
    key_ids = {p.api_key_id for p in asked if p.api_key_id}
    keys = set(ApiKey.objects.filter(id__in=key_ids, revoked_at__isnull=True).values_list("id", "expires_at"))
    live_keys = {key_id for key_id, expires_at in keys if expires_at is None or expires_at > now}
    session_keys = {p.session_key for p in asked if p.session_key}
    sessions = set(
        Session.objects.filter(session_key__in=session_keys, expire_date__gt=now).values_list(
            "session_key", flat=True
        )
    )
    return {
        p
        for p in asked
        if p.membership_id not in memberships
        or (p.api_key_id and p.api_key_id not in live_keys)
        or (p.session_key and p.session_key not in sessions)
    }
