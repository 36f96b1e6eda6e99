"""Reads a chat completion request of OpenAI's protocol; says which field is wrong, as OpenAI does."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from accounts.permissions import Member
from accounts.requests import MemberRequest
from assistants.builder import queries as builder_queries
from assistants.llm import catalogue
from assistants.models import Assistant
from assistants.openai import bodies, options
from assistants.openai.bodies import ModelNotFound, wrong
from assistants.prompting import given

ASSISTANT_MARK = "assistant:"
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
TEXT_PARTS, USER_PARTS = frozenset({"text", "refusal"}), frozenset({"text", "image_url"})
ADDRESSES = ("https://", "http://", "data:image/")
DEFAULT_OUTPUT_TOKENS = 2048
MAX_OUTPUT_TOKENS = 32_000


@dataclass(frozen=True)
class ChatCall:
    """`messages`: the client's. An assistant's own come before them when its prompt is built (assistants/prompting)."""

    model: str
    asked_model: str
    messages: list[dict[str, Any]]
    max_output_tokens: int
    is_stream: bool
    includes_usage: bool
    assistant: Assistant | None = None
    temperature: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What memory and documents are searched for: the last text of a user."""
        said = [message["content"] for message in self.messages if message["role"] == "user"]
        last = said[-1] if said else ""
        if isinstance(last, str):
            return last
        return "\n".join(part["text"] for part in last if part["type"] == "text")

    @property
    def uses_own_tools(self) -> bool:
        """Whether the assistant's tools are used, here. A client that brings its own runs those, and no others."""
        return self.assistant is not None and "tools" not in self.extra


def read(request: MemberRequest) -> ChatCall:
    """Raises InvalidRequest or ModelNotFound."""
    body = bodies.read(request)
    if not isinstance(body.get("stream_options") or {}, dict):
        raise wrong("stream_options", "must be an object")
    asked = body.get("model")
    if not isinstance(asked, str) or not asked:
        raise wrong("model", "must be the name of a model or assistant:<slug>")
    assistant = _assistant(request.member, asked)
    model = assistant.model if assistant else asked
    messages = _messages(body.get("messages"))
    _require_sight(messages, model)
    if body.get("n") not in (None, 1):
        raise wrong("n", "only 1 is supported")
    temperature = bodies.number(body, "temperature", 0, 2)
    if temperature is None and assistant is not None:
        temperature = float(assistant.temperature)
    return ChatCall(
        model=model,
        asked_model=asked,
        messages=messages,
        max_output_tokens=_output_tokens(body, assistant),
        is_stream=bool(body.get("stream")),
        includes_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        assistant=assistant,
        temperature=temperature,
        extra=options.read(body),
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
        if role == "tool" and not isinstance(message.get("tool_call_id"), str):
            raise wrong(f"{where}.tool_call_id", "must name the call that this answers")
        if role == "assistant" and message.get("tool_calls"):
            _check_tool_calls(where, message["tool_calls"])
            if content is None:
                continue
        if not isinstance(content, str):
            _check_parts(f"{where}.content", content, USER_PARTS if role == "user" else TEXT_PARTS)
    return value


def _check_tool_calls(where: str, value: Any) -> None:
    calls = value if isinstance(value, list) else [None]
    functions = [call.get("function") if isinstance(call, dict) else None for call in calls]
    if not all(
        isinstance(each, dict)
        and isinstance(each.get("name"), str)
        and isinstance(each.get("arguments"), str)
        for each in functions
    ):
        raise wrong(f"{where}.tool_calls", "must be calls of functions, each with name and arguments")


def _check_parts(where: str, content: Any, allowed: frozenset[str]) -> None:
    if not isinstance(content, list) or not content:
        raise wrong(where, "must be text or a list of parts")
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise wrong(where, "must be text or a list of parts, each with a type")
        if kind not in allowed:
            raise wrong(f"{where}[{number}]", f"must be of the type {' or '.join(sorted(allowed))}")
        if kind == "image_url":
            image = part["image_url"] if isinstance(part.get("image_url"), dict) else {}
            if not isinstance(image.get("url"), str) or not image["url"].startswith(ADDRESSES):
                raise wrong(
                    f"{where}[{number}].image_url.url", "must be an address, or data:image/…;base64,…"
                )
        elif not isinstance(part.get(kind), str):
            raise wrong(where, f"has a part of the type {kind} without text")


def _require_sight(messages: list[dict[str, Any]], model: str) -> None:
    """Before anything is held: a model without eyes would answer as if nothing had been shown."""
    for index, message in enumerate(messages):
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        if any(part["type"] == "image_url" for part in parts) and not given.sees(model):
            raise wrong(f"messages[{index}].content", f"the model {model} does not take images")


def _output_tokens(body: dict[str, Any], assistant: Assistant | None) -> int:
    asked = body.get("max_completion_tokens", body.get("max_tokens"))
    ceiling = assistant.max_output_tokens if assistant else MAX_OUTPUT_TOKENS
    if asked is None:
        return min(DEFAULT_OUTPUT_TOKENS, ceiling)
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise wrong("max_completion_tokens", "must be a whole number from 1")
    return min(asked, ceiling)
