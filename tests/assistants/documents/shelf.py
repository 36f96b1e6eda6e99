"""Uploads and readings without Celery: what a worker would do is called."""

from uuid import UUID

from django.utils import timezone

from accounts.permissions import Member
from assistants.chat import attaching
from assistants.documents import formats, parsing, sandbox, services
from assistants.models import Document, DocumentChunk, Project, ProjectMember
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


def read_plain_quickly(monkeypatch) -> None:
    """Plain text is read without a process: for tests of what comes before and after."""
    real = sandbox.read

    def read(file, media_type, tell, **options):
        if media_type != formats.PLAIN:
            return real(file, media_type, tell, **options)
        text = file.read().decode()
        return sandbox.Reading(0, [sandbox.Passage(0, "", text, len(text.split()))])

    monkeypatch.setattr(sandbox, "read", read)


def keep(member: Member, text: str, name: str = "leave.txt", **fields) -> Document:
    """A document that was read already, of one passage: nothing is started for it."""
    document = upload(member, text.encode(), name, **fields)
    Document.objects.filter(id=document.id).update(
        state=Document.State.READY, parsed_at=timezone.now(), progress=100
    )
    DocumentChunk.objects.create(document=document, number=1, text=text, tokens=len(text.split()))
    document.refresh_from_db()
    return document


def sweepable(member: Member, mark: str) -> dict[str, UUID]:
    """For the sweep: a document of the mark, its passage, and a picture that was not sent."""
    document = keep(member, f"Text {mark}", f"Document {mark}.txt")
    given = attaching.upload(member=member, file=files.upload(f"Picture {mark}.png", files.picture()))
    return {"document": document.id, "passage": document.chunks.get().id, "attachment": given.id}


def make_project(owner, *people) -> Project:
    now = timezone.now()
    project = Project.objects.create(name="P", owner_id=owner.user.id, created_at=now, updated_at=now)
    for person in people:
        ProjectMember.objects.create(project=project, user_id=person.user.id, created_at=now)
    return project
