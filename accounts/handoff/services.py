"""Signing in on a workspace's own domain: on the main host, and back by a code that works once (docs/own-domain.md).

The code is bound to the host and to the browser: to a random text in a cookie that the own domain set before it sent
the browser away. Redis keeps it for 30 seconds, under its hash.
"""

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import redis
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import queries, revocation, services
from accounts.handoff import sessions
from accounts.models import User
from config import errors
from config import redis as redis_clients
from tenants import audit, keys, links
from tenants.domains import queries as domains
from tenants.scope import WorkspaceNotFound, WorkspaceRef

SECONDS = 30
NONCE = re.compile(r"[A-Za-z0-9_-]{43}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class HandoffRefused(errors.DomainError):
    code = "handoff_refused"
    status = 400
    message = "This way of signing in cannot be read. Open the workspace’s address again."

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message, code=code, data={"action_url": "/", "action_label": "Try again"})


class HandoffUnavailable(errors.DomainError):
    code = "handoff_unavailable"
    status = 503
    message = "Signing in is not possible for a moment. Please try again."


@dataclass(frozen=True)
class Asked:
    """Where somebody wants to be signed in: a verified domain, the browser's digest, and the page they came for."""

    host: str
    browser: str
    path: str


@dataclass(frozen=True)
class Ticket:
    """What a code stands for."""

    host: str
    browser: str
    path: str
    user_id: str
    parent_key: str


def fresh_nonce() -> str:
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def safe_path(path: str, host: str) -> str:
    """A path of this host, or its first page: never another address."""
    is_path = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_path else "/"


def address_on_main_host(asked: Asked, *, nonce: str) -> str:
    query = urlencode({"host": asked.host, "browser": digest(nonce), "next": asked.path})
    return f"{links.main_url('handoff', on_own_domain=True)}?{query}"


def read_wish(host: str, browser: str, path: str) -> tuple[Asked, WorkspaceRef]:
    """Checks what came in an address. Raises HandoffRefused."""
    domain = domains.get_served(host.lower())
    if domain is None or not DIGEST.fullmatch(browser):
        raise HandoffRefused()
    return Asked(domain.domain, browser, safe_path(path, host)), domains.get_workspace(domain)


def workspace_of(next_path: str) -> WorkspaceRef | None:
    """Whose own domain somebody signs in for, by the address that the sign-in page leads to afterwards."""
    parts = urlsplit(next_path)
    if parts.path != links.main_url("handoff"):
        return None
    host = parse_qs(parts.query).get("host", [""])[0]
    domain = domains.get_served(host.lower())
    return domains.get_workspace(domain) if domain else None


def give_code(*, user: User, session_key: str, asked: Asked, workspace: WorkspaceRef) -> str:
    """The address on the own domain that signs in there, for 30 seconds and once.

    Raises WorkspaceNotFound for who is not a member, HandoffUnavailable.
    """
    if queries.get_member(user_id=user.id, workspace_id=workspace.id, session_key=session_key) is None:
        raise WorkspaceNotFound()
    code = secrets.token_urlsafe(32)
    ticket = Ticket(asked.host, asked.browser, asked.path, str(user.id), session_key)
    try:
        redis_clients.client().set(
            keys.handoff_key(workspace.id, digest(code)), json.dumps(asdict(ticket)), ex=SECONDS
        )
    except redis.RedisError as error:
        raise HandoffUnavailable() from error
    return f"{links.own_origin(asked.host)}{links.domain_url('handoff-return')}?{urlencode({'code': code})}"


def redeem(*, code: str, nonce: str, host: str, workspace: WorkspaceRef, session: SessionBase) -> str:
    """Signs the person in to `session`, which is empty; the path to go to. A code is spent by the first try.

    Raises HandoffRefused (handoff_expired, handoff_other_browser, handoff_ended), WorkspaceNotFound,
    HandoffUnavailable.
    """
    ticket = _take(workspace.id, code)
    # SECURITY: without the browser's cookie, whoever sends somebody a code would sign them in as somebody else.
    if not NONCE.fullmatch(nonce) or not secrets.compare_digest(digest(nonce), ticket.browser):
        raise HandoffRefused(
            "This sign-in was begun in another browser, or your browser did not keep its cookie. "
            "Open the workspace’s address again.",
            code="handoff_other_browser",
        )
    # SECURITY: a code for one name must not open another.
    if ticket.host != host:
        raise HandoffRefused()
    parent, user = sessions.read(ticket.parent_key), queries.get_active_user(UUID(ticket.user_id))
    if parent is None or user is None or parent["_auth_user_id"] != ticket.user_id:
        raise HandoffRefused(
            "You signed out meanwhile. Open the workspace’s address again.", code="handoff_ended"
        )
    if queries.get_member(user_id=user.id, workspace_id=workspace.id, session_key=None) is None:
        raise WorkspaceNotFound()
    binding = sessions.Binding(host, str(workspace.id), ticket.parent_key)
    with transaction.atomic():
        sessions.make(session, parent, user, binding)
        audit.record(
            "session.handed_over",
            actor=services.person_actor(user),
            workspace_id=workspace.id,
            target=("domain", host),
        )
    return ticket.path


def _take(workspace_id: UUID, code: str) -> Ticket:
    try:
        found = redis_clients.client().getdel(keys.handoff_key(workspace_id, digest(code)))
    except redis.RedisError as error:
        raise HandoffUnavailable() from error
    if found is None:
        raise HandoffRefused(
            "This sign-in was used already, or is older than 30 seconds. Open the workspace’s address again.",
            code="handoff_expired",
        )
    return Ticket(**json.loads(found))


def sign_out(*, user: User, binding: sessions.Binding) -> None:
    """Ends the session on the main host, and so every one that came from it: nobody is signed in again by itself."""
    with transaction.atomic():
        Session.objects.filter(session_key=binding.parent_key).delete()
        UserSession.objects.filter(session_key=binding.parent_key).delete()
        audit.record(
            "session.ended_on_domain",
            actor=services.person_actor(user),
            workspace_id=UUID(binding.workspace_id),
            target=("domain", binding.host),
        )
        revocation.announce_on_commit("session", binding.parent_key)
