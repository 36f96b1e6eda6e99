"""Tokens of programs: allauth's JWT strategy. Each pair stands on a session, and dies with it (docs/api-auth.md)."""

from dataclasses import dataclass
from typing import Any

from allauth.core.internal.sessionkit import get_session_user
from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from config import errors

ACCESS, REFRESH = "access", "refresh"
REFRESH_TOKENS = "headless_refresh_tokens"
"""Where allauth keeps the ids of a session's good refresh tokens."""
_strategy = JWTTokenStrategy()


class InvalidToken(errors.DomainError):
    code = "invalid_token"
    status = 401
    message = (
        "This token is not valid: it has expired, or its session was ended. Refresh it, or sign in again."
    )


class TokenSession(SessionStore):
    """The session behind a token: gates and records ask it, and may note something in it by `save`.

    SECURITY: it never counts as modified, else Django would answer with its key as a cookie; and it never writes
    refresh tokens, else a request would bring back one that was used meanwhile.
    """

    # Signed as what Django itself saved.
    key_salt = "django.contrib.sessions.SessionStore"

    @property
    def modified(self) -> bool:
        return False

    @modified.setter
    def modified(self, value: bool) -> None:
        self.is_noted = value

    is_noted = False
    """Whether something was put into it and not saved since."""

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002  Django's signature
        """Notes everything but the refresh tokens. Nothing for a session that was ended meanwhile."""
        with transaction.atomic():
            row = Session.objects.select_for_update().filter(session_key=self.session_key).first()
            if row is None:
                return
            tokens = row.get_decoded().get(REFRESH_TOKENS, {})
            row.session_data = self.encode({**self._get_session(), REFRESH_TOKENS: tokens})  # type: ignore[attr-defined]
            row.save(update_fields=["session_data"])
        self.is_noted = False


@dataclass(frozen=True)
class Pair:
    access: str
    refresh: str


@dataclass(frozen=True)
class Claim:
    """What a token says that our key has signed and that is not over. That its session stands is another question."""

    user_id: str
    session_key: str


def looks_like_token(text: str) -> bool:
    """A JWT has two dots, an API key has none."""
    return text.count(".") == 2


def issue(request: HttpRequest) -> Pair:
    """For the session and the person of `request`. The caller saves the session, which keeps the id of the refresh."""
    made: dict[str, Any] = _strategy.create_access_token_payload(request) or {}
    return Pair(made["access_token"], made["refresh_token"])


def find(text: str) -> tuple[User, TokenSession]:
    """Person and session of an access token, in two queries. Raises InvalidToken."""
    claim = read(text, ACCESS)
    session = TokenSession(claim.session_key)
    user = get_session_user(session)
    if user is None or str(user.pk) != claim.user_id:
        raise InvalidToken()
    return user, session


def read(text: str, use: str) -> Claim:
    """Raises InvalidToken. No query."""
    payload = internal.decode_token(text, use)
    key = internal.session_key_from_sid(payload["sid"]) if payload else None
    if payload is None or not key:
        raise InvalidToken()
    return Claim(user_id=payload["sub"], session_key=key)


def renew(text: str) -> Pair | None:
    """A new pair for a refresh token that is its session's present one; it is used up. None for any other.

    SECURITY: the caller holds the lock of the session's row, else two of the same would both find it unused.
    """
    renewed = _strategy.refresh_token(text)
    return Pair(*renewed) if renewed else None
