"""What a key may do to keys: nothing that would give its holder more than it has itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.keys import addresses
from accounts.models import ApiKey
from accounts.permissions import ROLE_PERMISSIONS, Member, permissions_of
from config import errors


class BeyondOwnKey(errors.DomainError):
    code = "beyond_own_key"
    status = 403
    message = "A key cannot make, change or rotate one that may do more, from more addresses or for longer than itself."


@dataclass(frozen=True)
class Reach:
    """What a key can do, from where, until when (None: for ever)."""

    scopes: Sequence[str]
    addresses: Sequence[str]
    expires_at: datetime | None


def reach_of(key: ApiKey) -> Reach:
    return Reach(key.scopes, key.addresses, key.expires_at)


def check(member: Member, reach: Reach) -> None:
    """For somebody who comes with a key. One query. Raises BeyondOwnKey."""
    if member.api_key_id is None:
        return
    own = ApiKey.objects.get(id=member.api_key_id)
    is_longer = own.expires_at is not None and (reach.expires_at is None or reach.expires_at > own.expires_at)
    may_more = not (permissions_of(reach.scopes) & ROLE_PERMISSIONS[member.role] <= member.permissions)
    # SECURITY: else a key could shed its own end or its addresses by making another one.
    if is_longer or may_more or not addresses.are_within(reach.addresses, own.addresses):
        raise BeyondOwnKey()
