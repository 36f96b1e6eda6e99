"""The instructions of the conversation's project: written by its owner, so they are trusted."""

from assistants.llm import tokens
from assistants.prompting.types import Ask, Block

NAME = "project"


def reserve(ask: Ask) -> int:
    text = _text(ask)
    return tokens.count(text) if text else 0


def blocks(ask: Ask) -> list[Block]:
    text = _text(ask)
    return [Block(NAME, text, is_trusted=True)] if text else []


def _text(ask: Ask) -> str:
    """No query for a conversation outside projects, one for another."""
    conversation = ask.conversation
    if conversation is None or conversation.project_id is None or conversation.project is None:
        return ""
    return conversation.project.instructions.strip()
