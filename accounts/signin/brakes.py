"""How often a secret may be tried: per account and per address, decided for both in one step of Redis.

A try is counted before the secret is looked at, and given back when it was right: 200 at once at a limit of 5 let
exactly 5 through. The window slides. Without Redis nobody signs in (503): a brake that is off is no brake.
"""

import functools
import hashlib
import hmac
import ipaddress
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from django.conf import settings
from django.http import HttpRequest
from redis.commands.core import Script

from config import errors
from config import redis as redis_clients

MINUTE = 60
MICRO = 1_000_000
IPV6_PREFIX = 64
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = 0
for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
    local count = redis.call('ZCARD', key)
    if count >= limit then
        local freeing = redis.call('ZRANGE', key, count - limit, count - limit, 'WITHSCORES')
        wait = math.max(wait, freeing[2] + window - now)
    end
end
if wait == 0 then
    for i, key in ipairs(KEYS) do
        redis.call('ZADD', key, string.format('%.0f', now), ARGV[1])
        redis.call('PEXPIRE', key, ARGV[2 * i + 1] / 1000 + 1000)
    end
end
return wait
"""
logger = logging.getLogger(__name__)


class TooManyTries(errors.DomainError):
    """`data`: retry_after_s."""

    code = "too_many_tries"
    status = 429


class BrakesAway(errors.DomainError):
    code = "sign_in_unavailable"
    status = 503
    message = "Signing in is not possible for a moment. Try again in a minute."


@dataclass(frozen=True)
class Limit:
    """At most `amount` tries within any `seconds`."""

    amount: int
    seconds: int


@dataclass(frozen=True)
class Limits:
    account: Limit | None
    address: Limit | None


@dataclass(frozen=True)
class Taken:
    """One try that was counted. Given back by `give_back`."""

    name: str
    keys: tuple[str, ...]


LIMITS = {
    # A password, on the page and at the API.
    "sign_in": Limits(account=Limit(5, 5 * MINUTE), address=Limit(30, MINUTE)),
    # A mailed code: asking for one, and typing it.
    "code": Limits(account=Limit(5, 15 * MINUTE), address=Limit(20, 5 * MINUTE)),
    "code_entry": Limits(account=Limit(10, 15 * MINUTE), address=Limit(30, 5 * MINUTE)),
    "reset": Limits(account=Limit(5, 15 * MINUTE), address=Limit(20, 5 * MINUTE)),
    "reset_link": Limits(account=None, address=Limit(20, 5 * MINUTE)),
    "sign_up": Limits(account=Limit(5, 15 * MINUTE), address=Limit(20, 5 * MINUTE)),
    "second_factor": Limits(account=Limit(5, 5 * MINUTE), address=Limit(30, MINUTE)),
    "passkey": Limits(account=None, address=Limit(30, MINUTE)),
    # Of somebody signed in, before a change of the account.
    "proof": Limits(account=Limit(10, 5 * MINUTE), address=Limit(30, MINUTE)),
    # A link that was mailed: an invitation.
    "invitation": Limits(account=Limit(20, 5 * MINUTE), address=Limit(30, MINUTE)),
}


def allow(name: str, *, account: str | None, address: str, limits: Limits | None = None) -> Taken:
    """Counts one try, for the account and the address or for neither. One round trip.

    `account`: what was typed, or whom the try is about; an unknown one is counted like a known one. Raises
    TooManyTries, or BrakesAway without Redis.
    """
    chosen = limits or LIMITS[name]
    rows = [
        (_key(name, kind, subject), limit)
        for kind, subject, limit in (
            ("account", account and account.strip().lower(), chosen.account),
            ("address", network(address), chosen.address),
        )
        if subject and limit
    ]
    taken = Taken(secrets.token_hex(8), tuple(key for key, _ in rows))
    wait = _take(taken, [limit for _, limit in rows]) if rows else 0
    if wait:
        raise _refusal(-(-wait // MICRO))
    return taken


def give_back(taken: Taken) -> None:
    """The try was right: it counts for nothing. What failed before stays counted."""
    try:
        with redis_clients.client().pipeline(transaction=False) as pipeline:
            for key in taken.keys:
                pipeline.zrem(key, taken.name)
            pipeline.execute()
    except redis.RedisError:
        logger.warning("a successful try stays counted: Redis is away")


def network(address: str) -> str:
    """What counts as one address: of IPv6 the network that one customer gets."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, IPV6_PREFIX), strict=False).network_address)
    return address


def refusal_of(request: HttpRequest | None) -> TooManyTries | None:
    """Why the form of this request is refused before it is read; set by the middleware."""
    return getattr(request, "brake_refusal", None)


def _take(taken: Taken, limits: Sequence[Limit]) -> int:
    values = [value for limit in limits for value in (limit.amount, limit.seconds * MICRO)]
    try:
        return int(_script()(keys=list(taken.keys), args=[taken.name, *values]))
    except redis.RedisError as error:
        logger.warning("tries cannot be counted: Redis is away")
        raise BrakesAway() from error


def _refusal(seconds: int) -> TooManyTries:
    wait = f"{-(-seconds // 60)} minutes" if seconds > 60 else f"{seconds} seconds"
    message = f"There were too many tries. Nothing was checked this time: try again in {wait}."
    return TooManyTries(message, data={"retry_after_s": seconds})


def _key(name: str, kind: str, subject: str) -> str:
    # Nobody reads an address off Redis. The braces keep both keys of a try in one slot of a cluster.
    digest = hmac.new(settings.SECRET_KEY.encode(), subject.encode(), hashlib.sha256).hexdigest()[:32]
    return f"{{brakes}}:{name}:{kind}:{digest}"


@functools.cache
def _script() -> Script:
    return redis_clients.client().register_script(TAKE)
