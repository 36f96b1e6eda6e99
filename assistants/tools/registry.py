"""Every tool there is, by its name. `Assistant.tools` is a list of these names."""

import json
from typing import Any

from assistants.tools import calculator, clock, lookups, web_page
from assistants.tools.types import Tool, ToolFailed

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (lookups.DOCUMENTS, lookups.MEMORY, calculator.TOOL, web_page.TOOL, clock.TOOL)
}
MOST_ARGUMENTS = 8000


def of_names(names: list[str]) -> list[Tool]:
    """Those that are there, in the registry's order: an assistant may name one that was taken away."""
    return [tool for name, tool in TOOLS.items() if name in names]


def read_arguments(tool: Tool, text: str) -> dict[str, Any]:
    """What the model wrote, if it fits the tool's schema. Raises ToolFailed with a message that helps to mend it."""
    try:
        value = json.loads(text or "{}") if len(text) <= MOST_ARGUMENTS else None
    except (ValueError, RecursionError):
        value = None
    properties = tool.parameters["properties"]
    if not isinstance(value, dict) or not set(value) <= set(properties):
        raise ToolFailed(
            "arguments_unreadable", f"The arguments must be a JSON object with {_words(properties)}."
        )
    for name in tool.parameters.get("required", ()):
        given = value.get(name)
        if not isinstance(given, str) or not given.strip():
            raise ToolFailed("arguments_unreadable", f"The argument {name} must be a text.")
    return {name: given.replace("\x00", "") for name, given in value.items() if isinstance(given, str)}


def _words(properties: dict[str, Any]) -> str:
    return ", ".join(properties) or "no fields"
