"""The link of a person and the cookie it leaves: which code somebody came by."""

import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from billing.referrals.models import ReferralCode

COOKIE = "__Host-referral" if settings.HTTPS else "referral"
KEPT_FOR = timedelta(days=30)
SALT = "billing.referral"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH = 10


def code_of(person_ref: UUID) -> str:
    """The person's code, made at first use; two first uses at once make one."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    row, _ = ReferralCode.objects.get_or_create(person_ref=person_ref, defaults={"code": code})
    return row.code


def address_of(code: str) -> str:
    # From configuration, never from a request's Host: people paste it into mails.
    return settings.BASE_URL + reverse("referral", kwargs={"code": code})


def remember(response: HttpResponse, code: str) -> None:
    response.set_signed_cookie(
        COOKIE,
        code,
        salt=SALT,
        max_age=KEPT_FOR,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def remembered(request: HttpRequest) -> str:
    """The code of the link that was followed in the last 30 days; empty for none, an old or a made-up one."""
    code = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=KEPT_FOR)
    return code or ""
