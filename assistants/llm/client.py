"""The one place that makes provider clients."""

import httpx2
import openai
from django.conf import settings

MAX_CONNECTIONS = 2000


def make_client() -> openai.AsyncOpenAI:
    """A client for the running loop. It never retries by itself: attempts are counted by the run (docs/turns.md)."""
    limits = httpx2.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=200, keepalive_expiry=30
    )
    timeout = httpx2.Timeout(
        connect=settings.PROVIDER_CONNECT_TIMEOUT_S,
        read=settings.PROVIDER_SILENCE_TIMEOUT_S,
        write=settings.PROVIDER_SILENCE_TIMEOUT_S,
        pool=settings.PROVIDER_CONNECT_TIMEOUT_S,
    )
    return openai.AsyncOpenAI(
        api_key=settings.OPENAI_API_KEY,
        base_url=settings.OPENAI_BASE_URL,
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultAsyncHttpx2Client(limits=limits, timeout=timeout),
    )
