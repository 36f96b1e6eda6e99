"""The instructions of the conversation's project."""

from assistants.prompting.types import Ask, Block


def reserve(ask: Ask) -> int:
    return 0


def blocks(ask: Ask) -> list[Block]:
    return []
