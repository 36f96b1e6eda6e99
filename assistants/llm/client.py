"""The one place that makes provider clients."""

import functools
from collections import OrderedDict

import httpx2
import openai
from django.conf import settings

from assistants.llm import guard
from assistants.llm.access import Access

MAX_CONNECTIONS = 2000
SYNC_CONNECTIONS = 20
MOST_CLIENTS = 512


Client = openai.AsyncOpenAI


class Clients:
    """The clients of one running loop, by address and key. None retries by itself: the run counts (docs/turns.md).

    What workspaces named is reached through one guarded pool of connections (assistants/llm/guard.py), so that
    forgetting a client closes nobody's stream.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Access, Client] = OrderedDict()
        self._guarded = guard.http_client(limits=_limits(), timeout=_timeout())

    def of(self, access: Access) -> Client:
        client = self._known.get(access)
        if client is None:
            client = self._known[access] = (
                self._guarded_client(access) if access.is_own else make_client(access)
            )
        self._known.move_to_end(access)
        if len(self._known) > MOST_CLIENTS:
            self._known.popitem(last=False)
        return client

    def _guarded_client(self, access: Access) -> Client:
        client = openai.AsyncOpenAI(
            api_key=access.api_key,
            base_url=access.base_url,
            max_retries=0,
            timeout=_timeout(),
            http_client=self._guarded,
        )
        # SECURITY: the SDK reads the platform's account from the environment; other servers are not told of it.
        client.organization = client.project = client.admin_api_key = None
        client._custom_headers = {}  # noqa: SLF001  no argument keeps the environment's out
        return client


def make_client(access: Access | None = None) -> Client:
    """Of a server that the operator set up: the platform's by default."""
    access = access or Access(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY)
    limits, timeout = _limits(), _timeout()
    return openai.AsyncOpenAI(
        api_key=access.api_key,
        base_url=access.base_url,
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultAsyncHttpx2Client(limits=limits, timeout=timeout),
    )


def _limits() -> httpx2.Limits:
    return httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=200, keepalive_expiry=30)


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
