"""Documents as pages show them: plain values."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.documents import intake, queries, words
from assistants.models import Document, DocumentChunk

LIVE = (Document.State.UPLOADED, Document.State.PARSING)


@dataclass(frozen=True)
class Row:
    id: UUID
    name: str
    kind: str
    size_bytes: int
    place: str
    state: str
    state_label: str
    state_tone: str
    progress: int
    is_live: bool
    problem: str
    facts: str
    url: str
    row_url: str
    may_change: bool
    version: int


def row(request: MemberRequest, document: Document) -> Row:
    label, tone = words.STATES[Document.State(document.state)]
    where = {"document_id": document.id}
    return Row(
        id=document.id,
        name=document.name,
        kind=words.KINDS.get(document.media_type, "Text"),
        size_bytes=document.size_bytes,
        place=place_of(request, document),
        state=document.state,
        state_label=label,
        state_tone=tone,
        progress=document.progress,
        is_live=document.state in LIVE,
        problem=words.of_failure(document.error_code) if document.error_code else "",
        facts=_facts(document),
        url=page_url(request, "document", **where),
        row_url=page_url(request, "document-row", **where),
        may_change=request.member.can_chat and queries.may_change(request.member, document),
        version=document.version,
    )


def place_of(request: MemberRequest, document: Document) -> str:
    if document.project is not None:
        return document.project.name
    if document.kind == Document.Kind.GIVEN:
        return "Given with a question"
    if document.owner_id == request.member.user_id:
        return "Yours, shared with everyone" if document.is_shared else "Only you"
    return "Shared with everyone" if document.is_shared else "Knowledge of an assistant"


def _facts(document: Document) -> str:
    if not document.pages:
        return ""
    noun = "slide" if words.KINDS.get(document.media_type) == "PowerPoint" else "page"
    return f"{document.pages:,} {noun}{'' if document.pages == 1 else 's'}"


@dataclass(frozen=True)
class PassageView:
    id: UUID
    number: int
    page: int
    heading: str
    text: str
    url: str
    is_shown: bool


def passages(
    request: MemberRequest, document: Document, chunks: list[DocumentChunk], shown: DocumentChunk | None
) -> list[PassageView]:
    return [
        PassageView(
            chunk.id,
            chunk.number,
            chunk.page,
            chunk.heading,
            chunk.text,
            page_url(request, "document-passage", document_id=document.id, passage_id=chunk.id)
            + f"#passage-{chunk.id}",
            shown is not None and chunk.id == shown.id,
        )
        for chunk in chunks
    ]


def upload_context(request: MemberRequest) -> dict[str, Any]:
    """What the upload form asks."""
    return {
        "places": [
            ("", "Only me"),
            ("shared", f"Everyone in {request.workspace.name}"),
            *((str(row.id), f"Project: {row.name}") for row in queries.projects_of(request.member.user_id)),
        ],
        "limit_mb": intake.MAX_BYTES // intake.MIB,
        "text_limit_mb": intake.MAX_TEXT_BYTES // intake.MIB,
    }
