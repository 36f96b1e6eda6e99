"""Which sessions stand on which hosts, and how those on own domains end."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts import gates
from accounts.handoff.models import HostSession
from accounts.models import User

BINDING = "bound_to"


@dataclass(frozen=True)
class Binding:
    """Where a session is good. On the main hosts sessions have none."""

    host: str
    workspace_id: str
    parent_key: str


def binding_of(session: SessionBase) -> Binding | None:
    found = session.get(BINDING)
    return Binding(**found) if found else None


def make(session: SessionBase, parent: dict[str, Any], user: User, binding: Binding) -> None:
    """Signs `user` in to an empty session, inside a transaction. It is no sign-in of its own: nothing hears of one."""
    session[SESSION_KEY] = parent[SESSION_KEY]
    session[BACKEND_SESSION_KEY] = parent[BACKEND_SESSION_KEY]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[BINDING] = asdict(binding)
    carry(parent, session)
    session.create()
    _forget_ended(user.id)
    HostSession.objects.create(
        session_key=session.session_key or "",
        parent_key=binding.parent_key,
        user=user,
        workspace_id=binding.workspace_id,
        host=binding.host,
    )


def carry(parent: dict[str, Any], session: SessionBase) -> None:
    """What gates read is as it is in the session on the main host."""
    for key in gates.SESSION_KEYS:
        if key not in parent:
            session.pop(key, None)
        elif session.get(key) != parent[key]:
            session[key] = parent[key]


def read(key: str) -> dict[str, Any] | None:
    """What a session that stands holds. One query."""
    row = Session.objects.filter(session_key=key, expire_date__gt=timezone.now()).first()
    data: dict[str, Any] | None = row.get_decoded() if row else None
    return data if data and SESSION_KEY in data else None


def end_under(parent_key: str) -> list[str]:
    """Ends those that came from this session; their keys."""
    keys = list(HostSession.objects.filter(parent_key=parent_key).values_list("session_key", flat=True))
    if keys:
        Session.objects.filter(session_key__in=keys).delete()
        HostSession.objects.filter(session_key__in=keys).delete()
    return keys


def orphans() -> QuerySet[HostSession]:
    """Those whose session on the main host is over, however it ended."""
    parents = Session.objects.filter(session_key=OuterRef("parent_key"), expire_date__gt=timezone.now())
    return HostSession.objects.exclude(Exists(parents))


def _forget_ended(user_id: UUID) -> None:
    own = Session.objects.filter(session_key=OuterRef("session_key"))
    HostSession.objects.filter(user_id=user_id).exclude(Exists(own)).delete()
