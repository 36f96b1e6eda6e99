"""Reads a chat completion request of OpenAI's protocol; says which field is wrong, as OpenAI does."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from accounts.permissions import Member
from accounts.requests import MemberRequest
from assistants.builder import queries as builder_queries
from assistants.llm import catalogue
from assistants.models import Assistant
from assistants.openai import bodies
from assistants.openai.bodies import ModelNotFound, wrong

ASSISTANT_MARK = "assistant:"
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
PASSED_ON = (
    "tools", "tool_choice", "parallel_tool_calls", "response_format", "stop", "seed", "top_p", "frequency_penalty",
    "presence_penalty", "logit_bias", "reasoning_effort",
)  # fmt: skip
DEFAULT_OUTPUT_TOKENS = 2048
MAX_OUTPUT_TOKENS = 32_000


@dataclass(frozen=True)
class ChatCall:
    model: str
    asked_model: str
    messages: list[dict[str, Any]]
    max_output_tokens: int
    is_stream: bool
    includes_usage: bool
    assistant: Assistant | None = None
    temperature: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def read(request: MemberRequest) -> ChatCall:
    """Raises InvalidRequest or ModelNotFound."""
    body = bodies.read(request)
    if not isinstance(body.get("stream_options") or {}, dict):
        raise wrong("stream_options", "must be an object")
    asked = body.get("model")
    if not isinstance(asked, str) or not asked:
        raise wrong("model", "must be the name of a model or assistant:<slug>")
    assistant = _assistant(request.member, asked)
    messages = _messages(body.get("messages"))
    if assistant is not None and assistant.instructions:
        messages = [{"role": "system", "content": assistant.instructions}, *messages]
    if body.get("n") not in (None, 1):
        raise wrong("n", "only 1 is supported")
    temperature = body.get("temperature")
    if temperature is not None and not _is_number(temperature, 0, 2):
        raise wrong("temperature", "must be a number from 0 to 2")
    if temperature is None and assistant is not None:
        temperature = float(assistant.temperature)
    return ChatCall(
        model=assistant.model if assistant else asked,
        asked_model=asked,
        messages=messages,
        max_output_tokens=_output_tokens(body, assistant),
        is_stream=bool(body.get("stream")),
        includes_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        assistant=assistant,
        temperature=temperature,
        extra={name: body[name] for name in PASSED_ON if body.get(name) is not None},
    )


def _assistant(member: Member, asked: str) -> Assistant | None:
    if not asked.startswith(ASSISTANT_MARK):
        if not _is_offered(asked):
            raise bodies.not_here(asked)
        return None
    assistant = (
        builder_queries.list_assistants(member).filter(slug=asked.removeprefix(ASSISTANT_MARK)).first()
    )
    if assistant is None:
        raise ModelNotFound(f"There is no {asked!r} in this workspace.", data={"param": "model"})
    return assistant


def _is_offered(asked: str) -> bool:
    """One of the platform's, or `provider/model` of the workspace's own. What the plan allows is decided later."""
    if asked in settings.CHAT_MODELS:
        return True
    try:
        return catalogue.resolve(asked).is_own
    except catalogue.ModelNotOffered:
        return False


def _messages(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise wrong("messages", "must be a list with at least one message")
    for index, message in enumerate(value):
        where = f"messages[{index}]"
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in ROLES:
            raise wrong(where, f"needs a role, one of {', '.join(sorted(ROLES))}")
        content = message.get("content")
        if content is None and role == "assistant" and message.get("tool_calls"):
            continue
        if not isinstance(content, str) and not _are_parts(content):
            raise wrong(f"{where}.content", "must be text or a list of parts")
    return value


def _are_parts(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(part, dict) and "type" in part and isinstance(part.get("text", ""), str)
        for part in content
    )


def _output_tokens(body: dict[str, Any], assistant: Assistant | None) -> int:
    asked = body.get("max_completion_tokens", body.get("max_tokens"))
    ceiling = assistant.max_output_tokens if assistant else MAX_OUTPUT_TOKENS
    if asked is None:
        return min(DEFAULT_OUTPUT_TOKENS, ceiling)
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise wrong("max_completion_tokens", "must be a whole number from 1")
    return min(asked, ceiling)


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
