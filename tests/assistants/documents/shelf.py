"""Uploads and readings without Celery: what a worker would do is called."""

from accounts.permissions import Member
from assistants.documents import parsing, services
from assistants.models import Document
from tenants.scope import current_workspace
from tests.assistants.documents import files

LEAVE = b"Everybody has 30 days of leave."


def upload(
    member: Member, content: bytes = b"Everybody has 30 days of leave.", name: str = "leave.txt", **fields
):
    """Taken in, and not read yet. Inside the member's workspace."""
    return services.upload(member=member, file=files.upload(name, content), **fields)


def read(document: Document) -> Document:
    parsing.parse(workspace_id=current_workspace().id, document_id=document.id)
    document.refresh_from_db()
    return document


def texts(document: Document) -> list[str]:
    return list(document.chunks.order_by("number").values_list("text", flat=True))
