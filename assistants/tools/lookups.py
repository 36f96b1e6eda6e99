"""Searches of other areas, as the tools call them."""

from typing import Any

from assistants.documents import queries as documents
from assistants.memory import layers
from assistants.memory import queries as memory
from assistants.tools.types import Tool, ToolContext
from tenants.scope import current_workspace

MOST_PASSAGES = 6
MOST_MEMORIES = 10
NOTHING = "Nothing was found."
QUERY = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "A few telling words, or a question"}},
    "required": ["query"],
    "additionalProperties": False,
}


def _passages(context: ToolContext, query: str) -> list[Any]:
    return list(
        documents.search(
            person_id=context.person_id,
            query=query,
            assistant=context.assistant,
            conversation=context.conversation,
            limit=MOST_PASSAGES,
        )
    )


def _memories(context: ToolContext, query: str) -> list[Any]:
    """Of the layers that the plan includes, and of none where a switch is off."""
    if not memory.is_on(
        person_id=context.person_id, assistant=context.assistant, conversation=context.conversation
    ):
        return []
    allowed = layers.allowed(current_workspace().id)
    return list(
        memory.recall(
            person_id=context.person_id,
            assistant=context.assistant,
            query=query,
            layers=[name for name in layers.KEPT if name in allowed],
            limit=MOST_MEMORIES,
        )
    )


def _search_documents(context: ToolContext, arguments: dict[str, Any]) -> str:
    parts = []
    for number, passage in enumerate(_passages(context, arguments["query"]), start=1):
        place = ", ".join(
            part
            for part in (passage.name, f"page {passage.page}" if passage.page else "", passage.heading)
            if part
        )
        parts.append(f"({number}) {place}\n{passage.text}")
    return "\n\n".join(parts) or NOTHING


def _search_memory(context: ToolContext, arguments: dict[str, Any]) -> str:
    if context.conversation is not None and context.conversation.is_temporary:
        return NOTHING
    return "\n".join(f"- {item.text}" for item in _memories(context, arguments["query"])) or NOTHING


DOCUMENTS = Tool(
    name="documents",
    title="Search documents",
    description="Looks things up in the files that it was given and in the asker’s own.",
    told="Searches the files of the asker and of this assistant. Returns the passages that fit best, with their place.",
    parameters=QUERY,
    run=_search_documents,
    is_data=True,
    uses_database=True,
)
MEMORY = Tool(
    name="memory",
    title="Search memory",
    description="Looks up what it was told in former conversations.",
    told="Searches what the asker told in former conversations: facts, preferences, what happened.",
    parameters=QUERY,
    run=_search_memory,
    is_data=True,
    uses_database=True,
)
