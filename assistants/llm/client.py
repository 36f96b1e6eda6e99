"""The one place that makes provider clients."""

import functools

import httpx2
import openai
from django.conf import settings

MAX_CONNECTIONS = 2000
SYNC_CONNECTIONS = 20


Client = openai.AsyncOpenAI


def make_client() -> openai.AsyncOpenAI:
    """A client for the running loop. It never retries by itself: attempts are counted by the run (docs/turns.md)."""
    limits = httpx2.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=200, keepalive_expiry=30
    )
    timeout = _timeout()
    return openai.AsyncOpenAI(
        api_key=settings.OPENAI_API_KEY,
        base_url=settings.OPENAI_BASE_URL,
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultAsyncHttpx2Client(limits=limits, timeout=timeout),
    )


def sync_client() -> openai.OpenAI:
    """For short calls of a thread that waits for them (embeddings). Kept as long as the settings say the same."""
    return _sync_client(settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL)


@functools.lru_cache(maxsize=4)
def _sync_client(api_key: str, base_url: str) -> openai.OpenAI:
    limits = httpx2.Limits(max_connections=SYNC_CONNECTIONS, keepalive_expiry=30)
    timeout = _timeout()
    return openai.OpenAI(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultHttpx2Client(limits=limits, timeout=timeout),
    )


def _timeout() -> httpx2.Timeout:
    return httpx2.Timeout(
        connect=settings.PROVIDER_CONNECT_TIMEOUT_S,
        read=settings.PROVIDER_SILENCE_TIMEOUT_S,
        write=settings.PROVIDER_SILENCE_TIMEOUT_S,
        pool=settings.PROVIDER_CONNECT_TIMEOUT_S,
    )
