"""A member's own keys, filtered."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts import queries
from accounts.models import ApiKey
from accounts.permissions import Member

STATES = ("active", "expired", "revoked")


@dataclass(frozen=True)
class Wanted:
    """`state`: one of STATES, or unrevoked; `text`: in the name or the beginning of a key; `scope`: by its name."""

    state: str = ""
    text: str = ""
    scope: str = ""


def list_keys(member: Member, wanted: Wanted, *, now: datetime) -> QuerySet[ApiKey]:
    rows = queries.list_api_keys(member)
    is_over = Q(expires_at__isnull=False, expires_at__lte=now)
    if wanted.state == "revoked":
        rows = rows.filter(revoked_at__isnull=False)
    elif wanted.state == "expired":
        rows = rows.filter(is_over, revoked_at__isnull=True)
    elif wanted.state == "active":
        rows = rows.filter(~is_over, revoked_at__isnull=True)
    elif wanted.state == "unrevoked":
        rows = rows.filter(revoked_at__isnull=True)
    if wanted.scope:
        rows = rows.filter(scopes__contains=[wanted.scope])
    text = wanted.text.replace("\x00", "").strip().removesuffix("…")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(prefix=text.rpartition("_")[2][:12]))
    return rows
