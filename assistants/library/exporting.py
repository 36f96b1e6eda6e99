"""A conversation as a file: Markdown and PDF of the shown branch, JSON of the whole tree."""

import json
import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.text import slugify

from assistants.chat import queries as chat
from assistants.library import branches, pdf
from assistants.library.pdf import blocks
from assistants.models import Conversation
from config import errors
from tenants.scope import WorkspaceRef

FORMAT = "steward.conversation/1"
MOMENT = "%Y-%m-%d %H:%M %Z"
MAX_PDF_CHARACTERS = 600_000


class UnknownFormat(errors.DomainError):
    code = "format_unknown"
    status = 422
    message = "Choose Markdown (md), JSON (json) or PDF (pdf)."


class TooLongForPdf(errors.DomainError):
    code = "too_long_for_pdf"
    status = 422
    message = (
        f"A PDF can have {MAX_PDF_CHARACTERS:,} characters at most, and this conversation has more. Export it as"
        " Markdown or JSON."
    )


@dataclass(frozen=True)
class Export:
    name: str
    media_type: str
    content: bytes


def export(conversation: Conversation, kind: str, workspace: WorkspaceRef) -> Export:
    """Three queries. Raises UnknownFormat, TooLongForPdf."""
    makers = {"md": as_markdown, "json": as_json, "pdf": as_pdf}
    if kind not in makers:
        raise UnknownFormat()
    return makers[kind](conversation, workspace)


def as_response(made: Export) -> HttpResponse:
    """As a file to be saved, for pages and REST."""
    response = HttpResponse(made.content, content_type=made.media_type)
    response["Content-Disposition"] = f'attachment; filename="{made.name}"'
    response["Cache-Control"] = "no-store"
    return response


def as_markdown(conversation: Conversation, workspace: WorkspaceRef) -> Export:
    """The texts as they were written."""
    zone = ZoneInfo(workspace.timezone)
    parts = [
        f"# {_line(conversation.title)}",
        f"{_line(conversation.assistant.name)}, {_when(conversation, zone)}",
    ]
    for said in branches.shown(conversation):
        moment = said.created_at.astimezone(zone).strftime(MOMENT)
        parts += [f"## {_line(said.author)}, {moment}", said.text.strip() + _files(said.files)]
    return Export(
        _name(conversation, "md"), "text/markdown; charset=utf-8", ("\n\n".join(parts) + "\n").encode()
    )


def as_json(conversation: Conversation, workspace: WorkspaceRef) -> Export:
    """Every message of every branch with its parent: what an import elsewhere needs."""
    rows = list(conversation.messages.defer("search").order_by("created_at", "id"))
    files = chat.file_names_of([row.id for row in rows])
    messages = [
        {
            "id": str(row.id),
            "parent_id": str(row.parent_id) if row.parent_id else None,
            "role": row.role,
            "text": row.text,
            "created_at": row.created_at.isoformat(),
            "files": files.get(row.id, []),
        }
        for row in rows
    ]
    body: dict[str, Any] = {
        "format": FORMAT,
        "id": str(conversation.id),
        "title": conversation.title,
        "assistant": conversation.assistant.name,
        "tags": conversation.tags,
        "created_at": conversation.created_at.isoformat(),
        "updated_at": conversation.updated_at.isoformat(),
        "current_leaf_id": str(conversation.current_leaf_id) if conversation.current_leaf_id else None,
        "messages": messages,
    }
    text = json.dumps(body, ensure_ascii=False, indent=1)
    return Export(_name(conversation, "json"), "application/json", text.encode())


def as_pdf(conversation: Conversation, workspace: WorkspaceRef) -> Export:
    zone = ZoneInfo(workspace.timezone)
    said = branches.shown(conversation)
    if sum(len(row.text) for row in said) > MAX_PDF_CHARACTERS:
        raise TooLongForPdf()
    messages = [
        {
            "author": row.author,
            "role": row.role,
            "moment": row.created_at.astimezone(zone).strftime(MOMENT),
            "blocks": blocks.read(row.text + _files(row.files)),
        }
        for row in said
    ]
    facts = f"{conversation.assistant.name} · {_when(conversation, zone)}"
    content = pdf.compose({"title": conversation.title, "facts": facts, "messages": messages})
    return Export(_name(conversation, "pdf"), "application/pdf", content)


def _files(names: tuple[str, ...]) -> str:
    return "\n\nFiles: " + ", ".join(_line(name) for name in names) if names else ""


def _when(conversation: Conversation, zone: ZoneInfo) -> str:
    return conversation.created_at.astimezone(zone).strftime(MOMENT)


def _line(text: str) -> str:
    """On one line, without starting anything in Markdown."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", " ".join(text.split()))


def _name(conversation: Conversation, extension: str) -> str:
    """Letters that every file system takes."""
    stem = slugify(conversation.title)[:60] or "conversation"
    return f"{stem}.{extension}"
