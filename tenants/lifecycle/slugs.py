"""Addresses of deleted workspaces: nobody gets them for a while, and nothing here tells what they were."""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.conf import settings

from tenants.lifecycle.models import ReservedSlug

RESERVED_FOR = timedelta(days=90)


def reserve(slugs: Iterable[str], *, now: datetime) -> None:
    rows = [
        ReservedSlug(slug_hash=_hash(slug, settings.SECRET_KEY), until=now + RESERVED_FOR) for slug in slugs
    ]
    ReservedSlug.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["slug_hash"], update_fields=["until"]
    )


def reserved_of(slugs: Collection[str], *, now: datetime) -> set[str]:
    """Of these, those that nobody gets yet. One query."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    by_hash = {_hash(slug, secret): slug for slug in slugs for secret in secrets}
    found = ReservedSlug.objects.filter(slug_hash__in=list(by_hash), until__gt=now)
    return {by_hash[value] for value in found.values_list("slug_hash", flat=True)}


def forget_expired(*, now: datetime) -> int:
    return ReservedSlug.objects.filter(until__lte=now).delete()[0]


def _hash(slug: str, secret: str) -> str:
    key = hashlib.sha256(b"steward reserved slugs\0" + secret.encode()).digest()
    return hmac.new(key, slug.encode(), hashlib.sha256).hexdigest()
