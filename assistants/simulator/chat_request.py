"""A chat completion request, checked and reduced to what the simulation looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assistants.simulator import catalogue, directives
from assistants.simulator.errors import bad_request
from assistants.simulator.wire import read_json

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
PARTS = frozenset({"text", "image_url", "input_audio", "file", "refusal"})
MAX_STOPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    model: str
    messages: list[dict[str, Any]]
    stream: bool
    include_usage: bool
    limit: int | None
    stops: list[str]
    tools: list[dict[str, Any]]
    tool_choice: Any
    response_format: dict[str, Any]
    asked: directives.Directives

    @property
    def question(self) -> str:
        return self.asked.prompt

    @property
    def round(self) -> int:
        """Which call of the turn this is: 1 is the question, each answer that called tools is behind a further one."""
        number = 1
        for message in reversed(self.messages):
            if message["role"] == "user":
                break
            number += message["role"] == "assistant" and bool(message.get("tool_calls"))
        return max(number, 2) if self.tool_results else number

    @property
    def tool_results(self) -> list[dict[str, Any]]:
        """Results of tools since the last user message."""
        results: list[dict[str, Any]] = []
        for message in reversed(self.messages):
            if message["role"] == "user":
                break
            if message["role"] == "tool":
                results.insert(0, message)
        return results


def read_chat(body: bytes) -> ChatRequest:
    data = read_json(body)
    model = catalogue.require(data.get("model"), "chat")
    messages = _read_messages(data.get("messages"))
    stream = _read_flag(data, "stream")
    options = data.get("stream_options") or {}
    if not isinstance(options, dict) or (options and not stream):
        raise bad_request("`stream_options` is only allowed when `stream` is true.", param="stream_options")
    if data.get("n") not in (None, 1):
        raise bad_request("The simulated provider gives one choice: `n` must be 1.", param="n")
    tools = _read_tools(data.get("tools"))
    return ChatRequest(
        model=model,
        messages=messages,
        stream=stream,
        include_usage=bool(options.get("include_usage")),
        limit=_read_limit(data),
        stops=_read_stops(data.get("stop")),
        tools=tools,
        tool_choice=_read_tool_choice(data.get("tool_choice"), tools),
        response_format=_read_format(data.get("response_format")),
        asked=directives.parse(_last_question(messages)),
    )


def text_of(content: object) -> str:
    """The text of a message, whether given as a string or as parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def _last_question(messages: list[dict[str, Any]]) -> str:
    return next((text_of(each["content"]) for each in reversed(messages) if each["role"] == "user"), "")


def _read_messages(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise bad_request("`messages` must be a non-empty array.", param="messages")
    for at, message in enumerate(value):
        where = f"messages[{at}]"
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise bad_request(f"Invalid value: '{where}.role'.", param=f"{where}.role", code="invalid_value")
        content = message.setdefault("content", None)
        if content is None and message["role"] != "assistant":
            raise bad_request(f"Missing content in '{where}'.", param=f"{where}.content")
        if content is not None and not isinstance(content, str):
            _check_parts(content, f"{where}.content")
    return value


def _check_parts(content: object, where: str) -> None:
    if not isinstance(content, list):
        raise bad_request(f"'{where}' must be a string or an array of parts.", param=where)
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in PARTS or (kind == "text" and not isinstance(part.get("text"), str)):
            raise bad_request(f"Invalid content part in '{where}'.", param=where, code="invalid_value")


def _read_flag(data: dict[str, Any], name: str) -> bool:
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"`{name}` must be a boolean.", param=name, code="invalid_type")
    return bool(value)


def _read_limit(data: dict[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = data.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise bad_request(f"`{name}` must be an integer of at least 1.", param=name, code="invalid_value")
        return value
    return None


def _read_stops(value: object) -> list[str]:
    stops = [value] if isinstance(value, str) else value or []
    valid = isinstance(stops, list) and all(isinstance(stop, str) for stop in stops)
    if not isinstance(stops, list) or not valid or len(stops) > MAX_STOPS:
        raise bad_request(f"`stop` must be a string or at most {MAX_STOPS} strings.", param="stop")
    return [stop for stop in stops if stop]


def _read_tools(value: object) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_request("`tools` must be an array.", param="tools")
    for tool in value:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise bad_request("Each tool must be a function with a name.", param="tools")
    return value


def _read_tool_choice(value: object, tools: list[dict[str, Any]]) -> object:
    """One of "none", "auto" and "required", or a list with the name of the function to call."""
    if value is None:
        return "auto"
    if value in ("none", "auto", "required"):
        if value == "required" and not tools:
            raise bad_request("`tool_choice` needs `tools`.", param="tool_choice")
        return value
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if name not in [tool["function"]["name"] for tool in tools]:
        raise bad_request("`tool_choice` names a function that is not in `tools`.", param="tool_choice")
    return [name]


def _read_format(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in ("text", "json_object", "json_schema"):
        raise bad_request("Invalid `response_format`.", param="response_format", code="invalid_value")
    if kind == "json_schema":
        described = value.get("json_schema")
        if not isinstance(described, dict) or not isinstance(described.get("schema"), dict):
            raise bad_request("Missing `response_format.json_schema.schema`.", param="response_format")
    return value
