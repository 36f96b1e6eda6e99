"""Writes to keys that are there: renamed, moved to other addresses, rotated, seen where they must not be."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import api_keys, queries, revocation
from accounts.keys import addresses, bounds
from accounts.mails import services as mails
from accounts.models import ApiKey
from accounts.permissions import Member
from accounts.services import refuse_past
from config import errors, ports
from tenants import audit, links

MAX_OVERLAP_H = 168
USE_GRAIN_S = 60
UNCHANGED: Any = object()


class OverlapRefused(errors.DomainError):
    code = "overlap_refused"
    status = 422
    message = f"The former secret can work on for 0 to {MAX_OVERLAP_H} hours."


def change(
    *,
    member: Member,
    key_id: UUID,
    name: str = UNCHANGED,
    allowed: Sequence[str] = UNCHANGED,
    expires_at: datetime | None = UNCHANGED,
) -> ApiKey:
    """`allowed`: addresses and networks. Raises NotFound for a key that is not theirs or is revoked, AddressesRefused,
    KeyExpiryPassed, BeyondOwnKey."""
    with transaction.atomic():
        key = _lock(member, key_id)
        wanted: dict[str, Any] = {}
        if name is not UNCHANGED:
            wanted["name"] = name
        if allowed is not UNCHANGED:
            wanted["addresses"] = addresses.networks(allowed)
        if expires_at is not UNCHANGED:
            refuse_past(expires_at)
            wanted["expires_at"] = expires_at
        changed = sorted(field for field, value in wanted.items() if getattr(key, field) != value)
        for field in changed:
            setattr(key, field, wanted[field])
        bounds.check(member, bounds.reach_of(key))
        if changed:
            key.save(update_fields=changed)
            audit.record("api_key.changed", **_about(member, key), fields=changed)
    return key


def rotate(*, member: Member, key_id: UUID, overlap_hours: int) -> tuple[ApiKey, str]:
    """A new secret for the same key, which is shown once; the one it had works on for `overlap_hours`.

    Of two former secrets only the last works. With no overlap, streams and answers of the key end at once. Raises
    NotFound, OverlapRefused, BeyondOwnKey, and what the port `key_limits_set` refuses.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_H:
        raise OverlapRefused()
    with transaction.atomic():
        key = _lock(member, key_id)
        _refuse_gain(member, key)
        now = timezone.now()
        new = api_keys.generate(prefix=key.prefix)
        key.former_hash = bytes(key.key_hash) if overlap_hours else None
        key.former_ends_at = now + timedelta(hours=overlap_hours) if overlap_hours else None
        key.key_hash, key.environment, key.rotated_at = new.key_hash, new.environment, now
        key.save(update_fields=["former_hash", "former_ends_at", "key_hash", "environment", "rotated_at"])
        audit.record("api_key.rotated", **_about(member, key), overlap_hours=overlap_hours)
        if not overlap_hours:
            revocation.announce_on_commit("api_key", str(key.id))
            transaction.on_commit(
                partial(ports.api_key_ended, workspace_id=member.workspace_id, key_id=key.id)
            )
    return key, new.text


def _refuse_gain(member: Member, key: ApiKey) -> None:
    """A key that rotates another one gets its secret."""
    bounds.check(member, bounds.reach_of(key))
    if member.api_key_id != key.id:
        wanted = ports.KeyLimits(member.workspace_id, key.id, (), made_by_key_id=member.api_key_id)
        ports.key_limits_set(wanted=wanted, actor=member.actor)


def _lock(member: Member, key_id: UUID) -> ApiKey:
    # SECURITY: a member changes their own keys only.
    found = queries.list_unrevoked_api_keys(member).filter(id=key_id).select_for_update().first()
    if found is None:
        raise errors.NotFound()
    return found


def _about(member: Member, key: ApiKey) -> dict[str, Any]:
    return {"actor": member.actor, "workspace_id": member.workspace_id, "target": ("api_key", key.id)}


def note_use(key: ApiKey, *, now: datetime, address: str) -> None:
    """Keeps the last use to the minute, so that a busy key does not write on each call."""
    if key.last_used_at is None or (now - key.last_used_at).total_seconds() > USE_GRAIN_S:
        ApiKey.objects.filter(id=key.id).update(last_used_at=now, last_used_address=address or None)


def note_exposure(text: str) -> None:
    """A key came in an address, where logs and histories keep it: whose it is gets a mail, once a day, and the audit
    log an entry. Nothing for what is no working key."""
    now = timezone.now()
    try:
        key = queries.find_key(text, now=now)
    except queries.InvalidApiKey:
        return
    workspace, user = key.membership.workspace, key.membership.user
    url = links.absolute_workspace_url(queries.ref_of(workspace), "keys")
    context = {
        "name": user.name,
        "key": key.name,
        "prefix": key.shown,
        "workspace": workspace.name,
        "url": url,
    }
    with transaction.atomic():
        is_new = mails.send_once(
            f"key_in_url:{key.id}:{now:%Y-%m-%d}", kind="key_in_url", to=[user.email], context=context
        )
        if is_new:
            audit.record(
                "api_key.exposed", actor=audit.SYSTEM, workspace_id=workspace.id, target=("api_key", key.id)
            )
