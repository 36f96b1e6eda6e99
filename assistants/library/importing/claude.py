"""Claude's export: `chat_messages` in order; newer files name each one's parent, older ones are a single branch."""

from typing import Any

from assistants.library.importing import values
from assistants.library.importing.types import Node, Talk

SOURCE = "claude"
ROLES = {"human": "user", "assistant": "assistant"}


def looks_like(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("chat_messages"), list)


def read(item: dict[str, Any]) -> Talk:
    nodes: list[Node] = []
    kept: dict[str, str | None] = {}
    former: str | None = None
    for number, message in enumerate(item["chat_messages"]):
        if not isinstance(message, dict):
            continue
        key = values.text(message.get("uuid")) or f"#{number}"
        parent = message.get("parent_message_uuid")
        above = kept.get(parent) if isinstance(parent, str) else former
        role, said = ROLES.get(message.get("sender", "")), _said(message)
        if role is None or not said or key in kept:
            kept.setdefault(key, above)
            continue
        nodes.append(Node(key, above, role, said, values.moment(message.get("created_at"))))
        kept[key] = former = key
    leaf = item.get("current_leaf_message_uuid")
    return Talk(
        source=SOURCE,
        key=values.text(item.get("uuid")),
        title=values.text(item.get("name")),
        created_at=values.moment(item.get("created_at")),
        updated_at=values.moment(item.get("updated_at")),
        nodes=nodes,
        leaf=(kept.get(leaf) if isinstance(leaf, str) else None) or former,
    )


def _said(message: dict[str, Any]) -> str:
    """The blocks of text; what only tools saw is left out. Attached texts are named, not taken along."""
    texts = [
        values.text(block.get("text"), length=None)
        for block in _list(message.get("content"))
        if isinstance(block, dict) and block.get("type") == "text"
    ]
    said = "\n\n".join(text for text in texts if text.strip()) or values.text(
        message.get("text"), length=None
    )
    names = [
        values.text(file.get("file_name"))
        for kind in ("attachments", "files")
        for file in _list(message.get(kind))
        if isinstance(file, dict) and file.get("file_name")
    ]
    note = f"*(attached: {', '.join(names)})*" if names else ""
    return "\n\n".join(part for part in (said.strip(), note) if part)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
