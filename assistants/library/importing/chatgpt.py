"""ChatGPT's export: `mapping` is a tree. Nodes without text for people (system, tools, hidden) are left out."""

from typing import Any

from assistants.library.importing import values
from assistants.library.importing.types import Node, Talk

SOURCE = "chatgpt"
ROLES = {"user": "user", "assistant": "assistant"}


def looks_like(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("mapping"), dict)


def read(item: dict[str, Any]) -> Talk:
    """Raises ValueError for a tree with a ring in it."""
    mapping = {str(key): value for key, value in item["mapping"].items() if isinstance(value, dict)}
    nodes: dict[str, Node] = {}
    kept: dict[str, str | None] = {}
    """Each node's nearest kept one: itself or above."""
    for key in _from_the_root(mapping):
        parent = mapping[key].get("parent")
        above = kept.get(parent) if isinstance(parent, str) else None
        node = _node(key, mapping[key].get("message"), above)
        if node is None:
            kept[key] = above
        else:
            nodes[key] = node
            kept[key] = key
    leaf = item.get("current_node")
    return Talk(
        source=SOURCE,
        key=values.text(item.get("conversation_id") or item.get("id")),
        title=values.text(item.get("title")),
        created_at=values.moment(item.get("create_time")),
        updated_at=values.moment(item.get("update_time")),
        nodes=list(nodes.values()),
        leaf=kept.get(leaf) if isinstance(leaf, str) else None,
    )


def _from_the_root(mapping: dict[str, dict[str, Any]]) -> list[str]:
    """Parents before children, siblings in their order. Raises ValueError where a node is met twice or never."""
    children: dict[str | None, list[str]] = {}
    for key, node in mapping.items():
        parent = node.get("parent")
        children.setdefault(parent if isinstance(parent, str) and parent in mapping else None, []).append(key)
    order: list[str] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        key = waiting.pop()
        order.append(key)
        told = mapping[key].get("children")
        rank = {child: place for place, child in enumerate(told)} if isinstance(told, list) else {}
        below = sorted(children.get(key, []), key=lambda child: rank.get(child, len(rank)))
        waiting += reversed(below)
    if len(order) != len(mapping):
        raise ValueError("the messages form a ring")
    return order


def _node(key: str, message: Any, above: str | None) -> Node | None:
    if not isinstance(message, dict):
        return None
    author, meta = message.get("author"), message.get("metadata")
    role = ROLES.get(author.get("role", "")) if isinstance(author, dict) else None
    is_hidden = isinstance(meta, dict) and meta.get("is_visually_hidden_from_conversation")
    said = _said(message.get("content"))
    if role is None or is_hidden or not said or message.get("recipient", "all") != "all":
        return None
    return Node(key, above, role, said, values.moment(message.get("create_time")))


def _said(content: Any) -> str:
    if not isinstance(content, dict) or content.get("content_type") not in (
        "text",
        "multimodal_text",
        "code",
    ):
        return ""
    if content.get("content_type") == "code":
        code = values.text(content.get("text"), length=None)
        return f"```\n{code}\n```" if code else ""
    parts = content.get("parts")
    texts = [_of_part(part) for part in parts] if isinstance(parts, list) else []
    return "\n\n".join(text for text in texts if text.strip())


def _of_part(part: Any) -> str:
    """A text; of a picture only that it was there."""
    if not isinstance(part, dict):
        return values.text(part, length=None)
    kind = part.get("content_type")
    if kind == "audio_transcription":
        return values.text(part.get("text"), length=None)
    return "*(a picture that is not in the export)*" if kind == "image_asset_pointer" else ""
