"""Export files as other products make them, in small."""

import io
import json
import zipfile
from typing import Any

SPRING = 1_709_290_000.25


def chatgpt(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A question with two answers, the second of them looked at last; a hidden and a tool's message between."""
    nodes = {
        "root": (None, None, None),
        "system": ("root", "system", ""),
        "q": ("system", "user", "Which database?"),
        "tool-call": ("q", "assistant", "search()"),
        "tool": ("tool-call", "tool", "results"),
        "a1": ("tool", "assistant", "PostgreSQL."),
        "a1b": ("a1", "assistant", "Version 18."),
        "a2": ("q", "assistant", "SQLite."),
        "q2": ("a2", "user", "Why?"),
        "a3": ("q2", "assistant", "It is small."),
    }
    mapping: dict[str, Any] = {
        key: {"id": key, "parent": parent, "children": [child for child, row in nodes.items() if row[0] == key],
              "message": None if role is None else _message(role, text, at)}
        for at, (key, (parent, role, text)) in enumerate(nodes.items())
    }  # fmt: skip
    mapping["tool-call"]["message"]["recipient"] = "web.search"
    return {
        "title": f"Databases {number}", "create_time": SPRING, "update_time": SPRING + 600, "mapping": mapping,
        "current_node": "a3", "conversation_id": f"chatgpt-{number}", **fields,
    }  # fmt: skip


def _message(role: str, text: str, at: int) -> dict[str, Any]:
    return {
        "author": {"role": role}, "create_time": SPRING + at, "recipient": "all",
        "content": {"content_type": "text", "parts": [text]},
    }  # fmt: skip


def claude(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "uuid": f"claude-{number}", "name": f"Gardens {number}", "created_at": "2025-04-01T10:00:00.123456Z",
        "updated_at": "2025-04-02T10:00:00Z",
        "chat_messages": [
            {"uuid": "m1", "sender": "human", "text": "When to sow?", "created_at": "2025-04-01T10:00:01Z",
             "content": [{"type": "text", "text": "When to sow?"}], "attachments": [{"file_name": "plan.txt"}],
             "files": []},
            {"uuid": "m2", "sender": "assistant", "text": "In May.", "created_at": "2025-04-01T10:00:05Z",
             "content": [{"type": "tool_use", "name": "x"}, {"type": "text", "text": "In May."}]},
        ],
        **fields,
    }  # fmt: skip


def zipped(*conversations: Any, name: str = "conversations.json", **others: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, json.dumps(list(conversations)))
        for other, content in others.items():
            archive.writestr(other, content)
    return named(file.getvalue(), "export.zip")


def named(content: bytes, name: str = "conversations.json") -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file
