"""What a chat completion may ask besides its messages: passed on where it is well-formed, refused where nobody here
could keep it. What is not listed is neither.
"""

import re
from collections.abc import Callable
from typing import Any

from assistants.openai.bodies import wrong

MOST_TOOLS, MOST_STOPS = 128, 4
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
FORMATS = ("text", "json_object", "json_schema")
CHOICES = ("none", "auto", "required")


def read(body: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest."""
    for name, rule in REFUSED.items():
        if body.get(name):
            raise wrong(name, rule)
    if body.get("modalities") not in (None, ["text"]):
        raise wrong("modalities", "only text is answered here")
    if body.get("tool_choice") is not None and not body.get("tools"):
        raise wrong("tool_choice", "is only for calls with tools")
    found = {}
    for name, (is_good, rule) in PASSED_ON.items():
        value = body.get(name)
        if value is None:
            continue
        if not is_good(value):
            raise wrong(name, rule)
        found[name] = value
    return found


def is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _are_tools(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MOST_TOOLS and all(_is_tool(each) for each in value)


def _is_tool(value: Any) -> bool:
    function = value.get("function") if isinstance(value, dict) else None
    return (
        isinstance(function, dict)
        and value.get("type") == "function"
        and isinstance(function.get("name"), str)
        and bool(NAME.fullmatch(function["name"]))
        and isinstance(function.get("parameters", {}), dict)
    )


def _is_choice(value: Any) -> bool:
    if isinstance(value, str):
        return value in CHOICES
    return _is_tool(value)


def _is_format(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind != "json_schema":
        return kind in FORMATS
    schema = value.get("json_schema")
    return (
        isinstance(schema, dict)
        and isinstance(schema.get("name"), str)
        and isinstance(schema.get("schema", {}), dict)
    )


def _are_stops(value: Any) -> bool:
    words = [value] if isinstance(value, str) else value
    return (
        isinstance(words, list)
        and 0 < len(words) <= MOST_STOPS
        and all(isinstance(word, str) and word for word in words)
    )


def _is_bias(value: Any) -> bool:
    return isinstance(value, dict) and all(is_number(weight, -100, 100) for weight in value.values())


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_penalty(value: Any) -> bool:
    return is_number(value, -2, 2)


PENALTY = (_is_penalty, "must be a number from -2 to 2")
PASSED_ON: dict[str, tuple[Callable[[Any], bool], str]] = {
    "tools": (_are_tools, f"must be 1 to {MOST_TOOLS} tools of the type function, each with a name"),
    "tool_choice": (_is_choice, "must be none, auto, required, or a function by its name"),
    "parallel_tool_calls": (lambda value: isinstance(value, bool), "must be true or false"),
    "response_format": (_is_format, "must have the type text, json_object or json_schema, this with a name"),
    "stop": (_are_stops, f"must be a text, or 1 to {MOST_STOPS} of them"),
    "seed": (_is_whole, "must be a whole number"),
    "top_p": (lambda value: is_number(value, 0, 1), "must be a number from 0 to 1"),
    "frequency_penalty": PENALTY,
    "presence_penalty": PENALTY,
    "logit_bias": (_is_bias, "must give each token a number from -100 to 100"),
    "reasoning_effort": (lambda value: value in EFFORTS, f"must be one of {', '.join(EFFORTS)}"),
}
REFUSED = {
    "logprobs": "probabilities are not kept here",
    "top_logprobs": "probabilities are not kept here",
    "functions": "was replaced by tools",
    "function_call": "was replaced by tool_choice",
    "audio": "only text is answered here",
    "web_search_options": "is not offered here",
}
