"""What the definitions of tools take of a prompt. They are sent beside the messages, not as a block."""

import json

from assistants.llm import tokens
from assistants.prompting.types import Ask, Block
from assistants.tools import registry


def reserve(ask: Ask) -> int:
    """No query."""
    tools = registry.of_names(ask.assistant.tools) if ask.assistant is not None else []
    return tokens.count(json.dumps([tool.definition for tool in tools])) if tools else 0


def blocks(ask: Ask) -> list[Block]:
    return []
