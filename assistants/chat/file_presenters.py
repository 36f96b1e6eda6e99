"""Files of questions as pages show them: plain values."""

from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.documents import words
from assistants.models import Attachment, Document

LIVE = (Document.State.UPLOADED, Document.State.PARSING)
READY, READING, FAILED = "ready", "reading", "failed"


@dataclass(frozen=True)
class FileView:
    """`url`: where it is seen; empty when it was deleted since. `state`: ready, reading or failed."""

    id: UUID
    name: str
    url: str
    is_image: bool
    width: int
    height: int
    size_bytes: int
    kind: str
    state: str
    progress: int = 0
    problem: str = ""
    row_url: str = ""
    remove_url: str = ""


def shown(request: MemberRequest, row: Attachment) -> FileView:
    """With its document, which is loaded."""
    document = row.document
    is_image = document is None and bool(row.file)
    return FileView(
        id=row.id,
        name=row.name,
        url=_url(request, row),
        is_image=is_image,
        width=row.width,
        height=row.height,
        size_bytes=row.size_bytes,
        kind="Picture" if is_image else words.KINDS.get(row.media_type, "Text"),
        state=state_of(row),
        progress=document.progress if document is not None else 0,
        problem=words.of_failure(document.error_code) if document is not None and document.error_code else "",
        row_url=page_url(request, "attachment-row", attachment_id=row.id),
        remove_url=page_url(request, "attachment-remove", attachment_id=row.id),
    )


def content_url(row: Attachment) -> str | None:
    """Where the REST API has a picture itself; None for a document."""
    return reverse("api:attachment-content", args=[row.id]) if row.file else None


def _url(request: MemberRequest, row: Attachment) -> str:
    if row.document_id is not None:
        return page_url(request, "document", document_id=row.document_id)
    return page_url(request, "attachment", attachment_id=row.id) if row.file else ""


def state_of(row: Attachment) -> str:
    """`ready`, `reading` or `failed`. With its document, which is loaded."""
    document = row.document
    if document is None:
        return READY if row.file else FAILED
    if document.state in LIVE:
        return READING
    return FAILED if document.state == Document.State.FAILED else READY
