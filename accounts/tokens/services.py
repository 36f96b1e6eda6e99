"""Signing in without a browser: a pair of tokens for a password, and for a second factor where the person has one."""

import copy
from uuid import UUID

from allauth.account import signals
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts import queries
from accounts.adapter import client_address
from accounts.models import User
from accounts.signin import brakes, codes
from accounts.signin import queries as signin_queries
from accounts.signin import services as signin
from accounts.tokens import sessions
from config import errors


class InvalidCredentials(errors.DomainError):
    """One answer for an address that nobody has, a wrong password and a closed account."""

    code = "invalid_credentials"
    status = 401
    message = "The e-mail address and the password do not belong together."


class EmailNotConfirmed(errors.DomainError):
    code = "email_not_confirmed"
    status = 403
    message = "Confirm your e-mail address first: open the link that was mailed to you."


class SignsInElsewhere(errors.DomainError):
    code = "sso_required"
    status = 403
    message = "This address signs in with single sign-on, which needs a browser."


class SecondFactorRequired(errors.DomainError):
    code = "second_factor_required"
    status = 401
    message = "Send the code of your authenticator app, or a recovery code, as `code` too."


class WrongCode(errors.DomainError):
    code = "invalid_code"
    status = 401
    message = "This code is wrong, or it was used already."


def sign_in(*, request: HttpRequest, email: str, password: str, code: str = "") -> sessions.Pair:
    """Begins a session of its own. Raises the refusals of this module, TooManyTries and BrakesAway of brakes."""
    address = client_address(request)
    taken = brakes.allow("sign_in", account=email, address=address)
    own = _request_of_its_own(request)
    user = _authenticate(own, email, password)
    if user is None or not user.is_active:
        raise InvalidCredentials()
    brakes.give_back(taken)
    if not queries.has_confirmed_address(user.pk):
        raise EmailNotConfirmed()
    has_proven = _prove_second_factor(user, code, address)
    with transaction.atomic():
        return _begin(own, user, by_code=has_proven)


def _authenticate(request: HttpRequest, email: str, password: str) -> User | None:
    """As the page does, with whoever refuses passwords there. Raises SignsInElsewhere."""
    try:
        user: User | None = get_adapter(request).authenticate(request, email=email, password=password)
    except ValidationError as refused:
        door = settings.BASE_URL + reverse("sso-start", urlconf="config.urls")
        raise SignsInElsewhere(data={"action_url": door}) from refused
    return user


def _request_of_its_own(request: HttpRequest) -> HttpRequest:
    """SECURITY: whatever signing in does to session and cookies, it does not do it to the caller's."""
    own = copy.copy(request)
    own.META = dict(request.META)
    own.session, own.user = SessionStore(), AnonymousUser()
    return own


def _prove_second_factor(user: User, code: str, address: str) -> bool:
    """False for a person without one."""
    if not signin_queries.has_second_factor(user.pk):
        return False
    if not code:
        raise SecondFactorRequired()
    taken = brakes.allow("second_factor", account=str(user.pk), address=address)
    if not codes.is_right(user.pk, code):
        raise WrongCode()
    brakes.give_back(taken)
    return True


def _begin(request: HttpRequest, user: User, *, by_code: bool) -> sessions.Pair:
    adapter = get_adapter(request)
    adapter.login(request, user)
    record_authentication(request, user, "password", email=user.email)
    if by_code:
        record_authentication(request, user, "mfa", type="code")
    request.session.set_expiry(settings.HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN)
    pair = sessions.issue(request)
    request.session.save()
    # Who listens lists the session, writes the entry and tells of a new device.
    signals.user_logged_in.send(sender=User, request=request, response=None, user=user)
    return pair


def refresh(*, token: str) -> sessions.Pair:
    """The next pair. One that was used before ends the session: of two who hold it, one is a thief.

    Raises InvalidToken.
    """
    claim = sessions.read(token, sessions.REFRESH)
    with transaction.atomic():
        # SECURITY: in turn. Without the lock twenty at once would all find the token unused.
        rows = Session.objects.select_for_update().filter(session_key=claim.session_key)
        stands = rows.filter(expire_date__gt=timezone.now()).exists()
        pair = sessions.renew(token) if stands else None
    if pair is not None:
        return pair
    if stands:
        _end(claim, reason="token_reused")
    raise sessions.InvalidToken()


def sign_out(*, token: str, use: str) -> None:
    """Ends the session of a token, with its tokens and open streams. Raises InvalidToken."""
    _end(sessions.read(token, use), reason="signed_out")


def _end(claim: sessions.Claim, *, reason: str) -> None:
    signin.end_sessions(user_id=UUID(claim.user_id), keys=[claim.session_key], reason=reason)
