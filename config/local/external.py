"""Servers that the person brought along (``DATABASE_URL``, ``REDIS_URL``): checked, never started."""

import psycopg
import redis

from config.local.failures import LocalFailure
from config.local.postgres_binaries import OLDEST_MAJOR
from config.local.redis_server import OLDEST_VERSION


def require_postgres(url: str) -> str:
    """Its version; raises ``LocalFailure`` when it does not answer or is too old."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            number = connection.info.server_version
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = (str(error).strip().splitlines() or ["no answer"])[-1]
        raise LocalFailure(f"The PostgreSQL in DATABASE_URL cannot be used: {reason}") from None
    major = number // 10_000
    if major < OLDEST_MAJOR:
        raise LocalFailure(
            f"The PostgreSQL in DATABASE_URL has version {major}; {OLDEST_MAJOR} or newer is needed. "
            "Unset DATABASE_URL to use a private one."
        )
    return f"{major}.{number % 10_000}"


def require_redis(url: str) -> str:
    """Its version; raises ``LocalFailure`` when it does not answer or is too old."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            version = str(client.info("server")["redis_version"])
    except (redis.RedisError, ValueError) as error:
        raise LocalFailure(f"The Redis in REDIS_URL cannot be used: {error}") from None
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        needed = ".".join(map(str, OLDEST_VERSION))
        raise LocalFailure(
            f"The Redis in REDIS_URL has version {version}; {needed} or newer is needed. "
            "Unset REDIS_URL to use a private one."
        )
    return version
