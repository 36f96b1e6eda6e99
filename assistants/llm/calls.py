"""Requests of OpenAI's protocol that are no chat: vectors, pictures, speech, transcriptions. Each is answered whole."""

from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai

from assistants.llm.errors import ProviderFailure, from_sdk

# Nothing comes until the answer is made: a picture takes a minute, an hour of speech is heard in as long.
ANSWER_TIMEOUT_S = 240
MOST_BYTES = 96 * 1024 * 1024
MOST_TYPE = 100


@dataclass(frozen=True)
class Call:
    """`path` below the provider's address; its JSON `body`, or the fields of a form beside an `upload`.

    `upload`: name of the file in the storage of files; `upload_name`: what the provider is told that it is called.
    """

    path: str
    body: dict[str, Any]
    request_id: str
    upload: str = ""
    upload_name: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the answer's measure needs to know of the request, such as what was held."""


@dataclass(frozen=True)
class Answer:
    content: bytes
    content_type: str


async def ask(client: openai.AsyncOpenAI, call: Call, model: str, upload: bytes | None = None) -> Answer:
    """Raises ProviderFailure."""
    options: Any = {
        "headers": {"X-Client-Request-Id": call.request_id, "Accept": "*/*"},
        "timeout": httpx2.Timeout(ANSWER_TIMEOUT_S, connect=client.timeout.connect),  # type: ignore[union-attr]
    }
    files = None
    if upload is not None:
        options["headers"]["Content-Type"] = "multipart/form-data"
        files = {"file": (call.upload_name, upload)}
    try:
        response = await client.post(
            f"/{call.path}",
            cast_to=httpx2.Response,
            body={**call.body, "model": model},
            files=files,
            options=options,
        )
    except openai.OpenAIError as error:
        raise from_sdk(error) from error
    if len(response.content) > MOST_BYTES:
        raise ProviderFailure("provider_protocol")
    return Answer(response.content, response.headers.get("content-type", "")[:MOST_TYPE])
