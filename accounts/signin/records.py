"""What allauth does, put on record: the audit log, the sessions that it ends, the mails that it owes.

allauth tells by Django's signals only; this is the one place that listens. Its changes are committed before it tells,
so each entry stands in a transaction of its own.
"""

from typing import Any
from uuid import uuid4

from allauth.account import signals as account
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social
from allauth.usersessions.models import UserSession
from django.contrib.auth import signals as auth
from django.db import transaction

from accounts import queries, services
from accounts.models import User
from accounts.signin import activity, braking
from accounts.signin import services as signin
from accounts.signin.devices import device_of
from accounts.signin.queries import FACTORS
from tenants import audit

FACTOR_WORDS = {
    Authenticator.Type.TOTP: "an authenticator app",
    Authenticator.Type.WEBAUTHN: "a passkey or security key",
    Authenticator.Type.RECOVERY_CODES: "recovery codes",
}


def connect() -> None:
    for signal, receiver in (
        (auth.user_logged_in, _list_session),
        (account.user_logged_in, _signed_in),
        (auth.user_logged_out, _signed_out),
        (account.authentication_step_completed, _secret_was_right),
        (account.login_code_rejected, _code_refused),
        (account.password_changed, _password_changed),
        (account.password_set, _password_changed),
        (account.password_reset, _password_reset),
        (account.email_added, _address_added),
        (account.email_removed, _address_removed),
        (account.email_changed, _address_changed),
        (mfa.authenticator_added, _factor_added),
        (mfa.authenticator_removed, _factor_removed),
        (mfa.authenticator_reset, _factor_renewed),
        (mfa.authentication_failed, _factor_refused),
        (social.social_account_added, _connected),
        (social.social_account_removed, _disconnected),
    ):
        signal.connect(receiver, dispatch_uid=f"accounts.signin.records.{receiver.__name__}")


def _record(user: User, action: str, **data: Any) -> None:
    ref = services.person_reference(user)
    actor = audit.Actor(kind="person", ref=ref)
    audit.record(action, actor=actor, workspace_id=None, target=("person", ref), **data)


# sessions


def _list_session(sender: object, request: Any, user: User, **_: Any) -> None:
    """Every session has a row by which it can be listed and ended, whatever began it."""
    if not request.session.session_key:
        request.session.save()
    key = request.session.session_key
    activity.is_due(key)
    if "REMOTE_ADDR" not in request.META:
        return  # no browser's: a script or a test made it
    agent = request.META.get("HTTP_USER_AGENT", "")[: UserSession._meta.get_field("user_agent").max_length]
    fields = {"user": user, "ip": get_adapter().get_client_ip(request), "user_agent": agent}
    UserSession.objects.update_or_create(session_key=key, defaults=fields)


def _signed_in(sender: object, request: Any, user: User, **_: Any) -> None:
    records = get_authentication_records(request, user)
    methods = [_method(row) for row in records if not row.get("reauthenticated")]
    with transaction.atomic():
        _record(user, "session.started", methods=methods)
        signin.note_device(
            user=user,
            device=device_of(request.META.get("HTTP_USER_AGENT", "")),
            address=get_adapter().get_client_ip(request),
        )


def _method(row: dict[str, Any]) -> str:
    """password | mail | totp | webauthn | the name of another service | …"""
    method = str(row["method"])
    if method == "mfa":
        return str(row.get("type", method))
    return str(row.get("provider", method)) if method == "socialaccount" else method


def _signed_out(sender: object, request: Any, user: Any, **_: Any) -> None:
    key = getattr(getattr(request, "session", None), "session_key", None)
    if key:
        activity.forget(key)
        UserSession.objects.filter(session_key=key).delete()
    if isinstance(user, User) and not user._state.adding:
        with transaction.atomic():
            _record(user, "session.ended", reason="signed_out", count=1)


def sign_in_refused(address: str, *, method: str = "password") -> None:
    """A wrong password for this e-mail address. Costs the same when nobody has it: then the entry is taken back."""
    with transaction.atomic():
        user = queries.get_user_by_email(address)
        ref = services.person_reference(user) if user else uuid4()
        target = ("person", ref)
        audit.record(
            "session.refused", actor=audit.SYSTEM, workspace_id=None, target=target, about=ref, method=method
        )
        if user is None:
            transaction.set_rollback(True)


def _code_refused(sender: object, request: Any, user: User, **_: Any) -> None:
    sign_in_refused(user.email, method="mail")


def _secret_was_right(sender: object, request: Any, **_: Any) -> None:
    braking.give_back(request)


# passwords and addresses


def _password_changed(sender: object, request: Any, user: User, **_: Any) -> None:
    with transaction.atomic():
        _record(user, "password.changed")
        signin.end_other_sessions(user_id=user.pk, request=request, reason="password_changed")


def _password_reset(sender: object, request: Any, user: User, **_: Any) -> None:
    with transaction.atomic():
        _record(user, "password.reset")
        signin.end_sessions(user_id=user.pk, reason="password_reset")


def _address_added(sender: object, user: User, email_address: Any, **_: Any) -> None:
    _about_address(user, "mail_address.added", email_address.email)


def _address_removed(sender: object, user: User, email_address: Any, **_: Any) -> None:
    _about_address(user, "mail_address.removed", email_address.email)


def _address_changed(sender: object, user: User, to_email_address: Any, **_: Any) -> None:
    _about_address(user, "mail_address.made_primary", to_email_address.email)


def _about_address(user: User, action: str, email: str) -> None:
    with transaction.atomic():
        _record(user, action, personal={"email": email}, about=services.person_reference(user))


# second factors and other services


def _factor_added(sender: object, request: Any, user: User, authenticator: Authenticator, **_: Any) -> None:
    with transaction.atomic():
        _record(user, "second_factor.added", kind=authenticator.type)
        if authenticator.type in FACTORS:
            signin.end_other_sessions(user_id=user.pk, request=request, reason="second_factor_added")
            signin.tell_factor_change(user=user, what=f"{FACTOR_WORDS[authenticator.type]} was added")


def _factor_removed(sender: object, request: Any, user: User, authenticator: Authenticator, **_: Any) -> None:
    with transaction.atomic():
        _record(user, "second_factor.removed", kind=authenticator.type)
        if authenticator.type in FACTORS:
            signin.end_other_sessions(user_id=user.pk, request=request, reason="second_factor_removed")
            signin.tell_factor_change(user=user, what=f"{FACTOR_WORDS[authenticator.type]} was removed")


def _factor_renewed(sender: object, request: Any, user: User, authenticator: Authenticator, **_: Any) -> None:
    with transaction.atomic():
        _record(user, "second_factor.renewed", kind=authenticator.type)
        signin.end_other_sessions(user_id=user.pk, request=request, reason="second_factor_renewed")
        signin.tell_factor_change(user=user, what="new recovery codes were made, and the old ones ended")


def _factor_refused(sender: object, user: User, authenticator: Authenticator, **data: Any) -> None:
    with transaction.atomic():
        _record(user, "second_factor.refused", kind=authenticator.type)


def _connected(sender: object, request: Any, sociallogin: Any, **_: Any) -> None:
    with transaction.atomic():
        _record(sociallogin.user, "connection.added", provider=sociallogin.account.provider)


def _disconnected(sender: object, request: Any, socialaccount: Any, **_: Any) -> None:
    with transaction.atomic():
        _record(socialaccount.user, "connection.removed", provider=socialaccount.provider)
