"""Redis clients: one sync pool and one per event loop. Pools block when full instead of raising."""

import functools

import redis
import redis.asyncio
from django.conf import settings


@functools.cache
def client() -> redis.Redis:
    """The process's sync client. Raises redis.RedisError when Redis is away; each call waits 2 s at most."""
    pool = redis.BlockingConnectionPool.from_url(
        settings.REDIS_URL, max_connections=16, timeout=2, socket_timeout=2, socket_connect_timeout=2
    )
    return redis.Redis(connection_pool=pool)


def async_client(*, max_connections: int = 16) -> redis.asyncio.Redis:
    """A client for the running loop; the caller keeps it and closes it."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=max_connections,
        timeout=5,
        socket_timeout=5,
        socket_connect_timeout=2,
    )
    return redis.asyncio.Redis(connection_pool=pool)


def async_subscriber() -> redis.asyncio.Redis:
    """A client whose one connection waits for messages without a read timeout."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=None, socket_connect_timeout=2, health_check_interval=10
    )
