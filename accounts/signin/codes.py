"""Codes of an authenticator app: each works once, and somebody else's form may check one."""

import hashlib

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from django.conf import settings

from config import redis as redis_clients


def is_first_use(authenticator: Authenticator, code: str) -> bool:
    """Notes it as used for as long as it could be right. Raises redis.RedisError."""
    if authenticator.type != Authenticator.Type.TOTP:
        return True  # a recovery code is struck off in the database
    text = f"{settings.SECRET_KEY}:{authenticator.pk}:{code.strip()}"
    key = f"used-code:{hashlib.sha256(text.encode()).hexdigest()}"
    seconds = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
    return bool(redis_clients.client().set(key, "1", nx=True, ex=seconds))


def is_right(user_id: object, code: str) -> bool:
    """Whether it is a current code of the person's app, or one of their recovery codes, which is used up by that.

    For sign-ins without pages. The caller has braked (`brakes.allow("second_factor", …)`).
    """
    rows = Authenticator.objects.filter(user_id=user_id).exclude(type=Authenticator.Type.WEBAUTHN)
    for row in rows.order_by("type"):
        if row.wrap().validate_code(code) and is_first_use(row, code):
            row.record_usage()
            return True
    return False
