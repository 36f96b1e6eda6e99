"""Links to a read-only copy of a branch. Who has the link reads the copy, without an account.

A token is the workspace's id and a secret; only its hash is kept, so that a link is shown once, when it is made.
"""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.permissions import Member
from assistants.library import branches
from assistants.models import Conversation, ShareLink
from config import errors
from tenants import audit, links
from tenants.scope import WorkspaceNotFound, enter, get_ref

SECRET_BYTES = 24
ID_BYTES = 16
TOKEN_LENGTH = 54
LIFETIMES = {"1": 1, "7": 7, "30": 30, "365": 365, "": None}
"""What people choose: days, or until it is revoked."""
MAX_LINKS = 20


class NothingToShare(errors.DomainError):
    code = "nothing_to_share"
    status = 422
    message = "Nothing was said yet that a link could show."


class TooManyLinks(errors.DomainError):
    code = "too_many_links"
    status = 409
    message = f"This conversation has {MAX_LINKS} open links. Revoke one first."


@dataclass(frozen=True)
class Shared:
    """What a link shows."""

    title: str
    messages: list[dict[str, Any]]
    shared_at: datetime
    expires_at: datetime | None


def list_links(member: Member, conversation: Conversation | None = None) -> list[ShareLink]:
    """A person's own, newest first; the snapshots stay where they are. One query."""
    return list(links_of(member, conversation).order_by("-created_at", "-id")[:100])


def links_of(member: Member, conversation: Conversation | None = None) -> QuerySet[ShareLink]:
    rows = ShareLink.objects.filter(owner_id=member.user_id, conversation__deleted_at=None)
    if conversation is not None:
        rows = rows.filter(conversation=conversation)
    return rows.select_related("conversation").defer("snapshot")


def address_of(token: str) -> str:
    """The whole address that shows the copy."""
    return settings.BASE_URL + links.main_url("shared", token=token)


def access_link(member: Member, link_id: UUID) -> ShareLink:
    """Raises NotFound."""
    row = ShareLink.objects.defer("snapshot").filter(id=link_id, owner_id=member.user_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def share(*, member: Member, conversation: Conversation, days: int | None) -> tuple[ShareLink, str]:
    """The link and its token, which nobody can read again. What is said later is not in it.

    Only for the person who started it: the caller has looked it up by `access_own`. Raises NothingToShare,
    TooManyLinks.
    """
    said = branches.shown(conversation)
    if not said:
        raise NothingToShare()
    now = timezone.now()
    token = _new_token(member.workspace_id)
    with transaction.atomic():
        Conversation.objects.select_for_update().get(id=conversation.id)
        if _open(conversation, now).count() >= MAX_LINKS:
            raise TooManyLinks()
        link = ShareLink.objects.create(
            conversation=conversation,
            owner_id=member.user_id,
            secret_hash=_hash(token),
            snapshot={"title": conversation.title, "messages": [row.as_snapshot() for row in said]},
            created_at=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        audit.record(
            "conversation.shared",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("conversation", conversation.id),
            link=link.id,
            days=days,
        )
    return link, token


def _open(conversation: Conversation, now: datetime) -> Any:
    rows = ShareLink.objects.filter(conversation=conversation, revoked_at=None)
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=now))


def revoke(*, member: Member, link: ShareLink) -> None:
    """At once: every look at a link asks the database. Its copy is emptied."""
    with transaction.atomic():
        rows = ShareLink.objects.filter(id=link.id, revoked_at=None)
        if rows.update(revoked_at=timezone.now(), snapshot={}):
            audit.record(
                "conversation.link_revoked",
                actor=member.actor,
                workspace_id=member.workspace_id,
                target=("conversation", link.conversation_id),
                link=link.id,
            )


def open_link(token: str) -> Shared:
    """Outside every workspace; two queries, none for what is no token. Raises NotFound, always in the same words: for
    what is unknown, revoked, expired, deleted, and in a workspace that is not active."""
    workspace_id = _workspace_of(token)
    if workspace_id is None:
        raise LinkGone()
    try:
        workspace = get_ref(id=workspace_id)
    except WorkspaceNotFound as error:
        raise LinkGone() from error
    if not workspace.is_active:
        raise LinkGone()
    now = timezone.now()
    with enter(workspace):
        rows = ShareLink.objects.filter(secret_hash=_hash(token), revoked_at=None)
        link = rows.filter(Q(expires_at=None) | Q(expires_at__gt=now), conversation__deleted_at=None).first()
    if link is None:
        raise LinkGone()
    return Shared(link.snapshot["title"], link.snapshot["messages"], link.created_at, link.expires_at)


class LinkGone(errors.NotFound):
    code = "link_gone"
    message = "This link leads nowhere: it was revoked, has expired, or never existed."


def _new_token(workspace_id: UUID) -> str:
    return _coded(workspace_id.bytes + secrets.token_bytes(SECRET_BYTES))


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _workspace_of(token: str) -> UUID | None:
    if len(token) != TOKEN_LENGTH:
        return None
    try:
        data = base64.urlsafe_b64decode(token + "==")
    except (binascii.Error, ValueError):
        return None
    # One spelling for each: what differs in bits that are thrown away is no token.
    return UUID(bytes=data[:ID_BYTES]) if _coded(data) == token else None
