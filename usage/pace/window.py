"""The window of request rates: at most N within any minute, decided for all subjects in one step of Redis.

Each subject has the list of its last requests' instants by Redis' own clock, at most N of them. A script runs alone, so
however many come at once, exactly N pass; a refused request counts for none. Costs one round trip.
"""

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from redis.commands.core import Script

from config import redis as redis_clients

WINDOW_S = 60
MICRO = 1_000_000
TAKE = """
local time, window = redis.call('TIME'), tonumber(ARGV[1])
local now = time[1] * 1000000 + time[2]
local wait, tightest, left, reset = 0, 1, nil, 0
for i, key in ipairs(KEYS) do
    local limit = tonumber(ARGV[i + 1])
    local oldest = redis.call('LINDEX', key, 0)
    while oldest and tonumber(oldest) <= now - window do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
    end
    local count = redis.call('LLEN', key)
    local ends = (oldest and tonumber(oldest) or now) + window - now
    if count >= limit then
        ends = redis.call('LINDEX', key, count - limit) + window - now
        if ends > wait then
            wait, tightest, left, reset = ends, i, 0, ends
        end
    elseif wait == 0 and (not left or limit - count - 1 < left) then
        tightest, left, reset = i, limit - count - 1, ends
    end
end
if wait == 0 then
    for _, key in ipairs(KEYS) do
        redis.call('RPUSH', key, string.format('%.0f', now))
        redis.call('PEXPIRE', key, window / 1000 + 1000)
    end
end
return {wait, tightest, left, reset}
"""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """`name`: the key in Redis; `limit`: requests in a window."""

    kind: str
    name: str
    limit: int


@dataclass(frozen=True)
class Answer:
    """`subject`: the one that is nearest to its limit, or beyond it. `remaining`: what it has left after this request.

    `retry_after_s` None: the request may pass. `reset_s`: until it has more again.
    """

    subject: Subject
    remaining: int
    reset_s: int
    retry_after_s: int | None


def take(subjects: Sequence[Subject]) -> Answer | None:
    """Counts a request for all of these or for none. None when Redis is away: limits of what is used still hold."""
    if not subjects:
        return None
    keys = [subject.name for subject in subjects]
    limits = [subject.limit for subject in subjects]
    try:
        wait, tightest, left, reset = _script()(keys=keys, args=[WINDOW_S * MICRO, *limits])
    except redis.RedisError:
        logger.warning("request rates are not counted: Redis is away")
        return None
    return Answer(
        subject=subjects[tightest - 1],
        remaining=left,
        reset_s=_seconds(reset),
        retry_after_s=_seconds(wait) if wait else None,
    )


@functools.cache
def _script() -> Script:
    return redis_clients.client().register_script(TAKE)


def _seconds(micro: int) -> int:
    """Rounded up: who comes back then is let in."""
    return -(-micro // MICRO)
