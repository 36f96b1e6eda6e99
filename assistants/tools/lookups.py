"""Searches of other areas, as the tools call them."""

from typing import Any

from accounts import queries as accounts
from assistants.documents import queries as documents
from assistants.documents.prompt import used_by
from assistants.memory import layers
from assistants.memory import queries as memory
from assistants.models import MemoryItem
from assistants.tools.types import Result, Tool, ToolContext

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


def _memories(context: ToolContext, query: str) -> list[MemoryItem]:
    asked = layers.allowed(context.workspace_id) & set(layers.RECALLED)
    if memory.others_read(context.conversation):
        # SECURITY: an answer that others read too must tell nothing of one of them.
        asked &= {"shared"}
    is_on = memory.is_on(
        person_id=context.person_id, assistant=context.assistant, conversation=context.conversation
    )
    if not asked or not is_on:
        return []
    payer = accounts.get_member(
        user_id=context.person_id, workspace_id=context.workspace_id, session_key=None
    )
    return memory.recall(
        person_id=context.person_id,
        assistant=context.assistant,
        query=query,
        layers=asked,
        limit=MOST_MEMORIES,
        payer=payer,
    )


def _search_documents(context: ToolContext, arguments: dict[str, Any]) -> Result:
    numbers, used, parts = dict(context.numbers), [], []
    for passage in _passages(context, arguments["query"]):
        number = numbers.setdefault(str(passage.id), max(numbers.values(), default=0) + 1)
        page = f"page {passage.page}" if passage.page else ""
        place = ", ".join(part for part in (passage.name, page, passage.heading) if part)
        parts.append(f"[{number}] {place}\n{passage.text}")
        used.append(used_by(passage, number))
    return Result("\n\n".join(parts) or NOTHING, used)


def _search_memory(context: ToolContext, arguments: dict[str, Any]) -> Result:
    found = _memories(context, arguments["query"])
    used = [{"kind": "memory", "id": str(item.id), "layer": item.layer} for item in found]
    return Result("\n".join(f"- {item.text}" for item in found) or NOTHING, used)


DOCUMENTS = Tool(
    name="documents",
    title="Search documents",
    description="Looks things up in the files that it was given and in the asker’s own.",
    told="Searches the files of the asker and of this assistant. Returns the passages that fit best, each"
    " with a number and its place. Put the number in square brackets right after what you take from it, like [1].",
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
