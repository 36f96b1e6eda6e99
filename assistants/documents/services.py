"""Writes to documents. What is uploaded is examined first; what it holds is read later, by a worker (`parsing`)."""

import hashlib
import logging
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from accounts.permissions import Member
from assistants.documents import intake, queries
from assistants.documents.refusals import TypeNotAllowed
from assistants.memory import forgetting
from assistants.models import Document, DocumentChunk, Project, Run
from assistants.recall import index as recall
from config import errors
from tenants import audit
from tenants.scope import current_workspace
from usage import gauges
from usage.models import Meter

MAX_NAME = 200
GONE = "A deleted document"
REPLACED = [
    "name", "media_type", "size_bytes", "sha256", "file", "state", "error_code", "version", "tries", "progress",
    "lease_expires_at", "updated_at",
]  # fmt: skip
logger = logging.getLogger(__name__)


class NotShareable(errors.DomainError):
    code = "document_not_shareable"
    status = 422
    message = "Only a file of the library, in no project, can be shared with everyone."


def upload(
    *,
    member: Member,
    file: UploadedFile,
    project: Project | None = None,
    is_shared: bool = False,
    kind: str = Document.Kind.FILE,
) -> Document:
    """Takes a file in; a worker reads it afterwards. The member may use `project`.

    A file of the same name in the same place, uploaded by the same person, takes the former one's place: its passages
    stay until the new ones are there. The same content again changes nothing. Of résumés everybody has one; what
    is given with a question never takes the place of another one.
    Raises FileRefused (see `intake.examine`) and QuotaExceeded.
    """
    examined, values = _examined(file)
    where = {"owner_id": member.user_id, "project": project, "is_shared": is_shared, "kind": kind}
    same = where if kind == Document.Kind.RESUME else {**where, "name": values["name"]}
    with _stored(member.workspace_id, file, examined.extension) as stored, transaction.atomic():
        # The counter's lock lets one upload in at a time: nobody else makes a document of this name meanwhile.
        gauges.note(member.workspace_id, Meter.STORED_BYTES, present=queries.stored_bytes)
        former = _former(kind, same)
        if former is not None:
            return _replace(member, former, values, stored)
        _take(member.workspace_id, file.size or 0)
        now = timezone.now()
        document = Document.objects.create(
            **where, **values, file=stored.keep(), created_at=now, updated_at=now
        )
        _record(member, "document.uploaded", document)
        _enqueue_on_commit(member.workspace_id, document.id)
        return document


def _former(kind: str, same: Mapping[str, Any]) -> Document | None:
    if kind == Document.Kind.GIVEN:
        return None
    return Document.objects.select_for_update().filter(**same).order_by("-created_at").first()


def replace(*, member: Member, document: Document, file: UploadedFile) -> Document:
    """Another file in its place, under the new file's name. Raises as `upload` does."""
    examined, values = _examined(file)
    with _stored(member.workspace_id, file, examined.extension) as stored, transaction.atomic():
        gauges.note(member.workspace_id, Meter.STORED_BYTES, present=queries.stored_bytes)
        former = Document.objects.select_for_update().get(id=document.id)
        return _replace(member, former, values, stored)


def _replace(member: Member, former: Document, values: Mapping[str, Any], stored: "_Stored") -> Document:
    is_same = former.sha256 == values["sha256"] and former.state != Document.State.FAILED
    if is_same:
        return former
    _take(member.workspace_id, max(values["size_bytes"] - former.size_bytes, 0))
    old_file = former.file
    for name, value in values.items():
        setattr(former, name, value)
    former.file, former.version, former.tries = stored.keep(), former.version + 1, 0
    former.state, former.error_code, former.progress = Document.State.UPLOADED, "", 0
    former.lease_expires_at, former.updated_at = None, timezone.now()
    former.save(update_fields=REPLACED)
    forgetting.forget_documents(document_ids=[former.id])
    gauges.note(member.workspace_id, Meter.STORED_BYTES, present=queries.stored_bytes)
    _record(member, "document.replaced", former)
    transaction.on_commit(lambda: default_storage.delete(old_file), robust=True)
    _enqueue_on_commit(member.workspace_id, former.id)
    return former


def share(*, member: Member, document: Document, is_shared: bool) -> None:
    """With everyone in the workspace, or with nobody any more. Raises NotShareable."""
    if is_shared and (document.project_id is not None or document.kind != Document.Kind.FILE):
        raise NotShareable()
    if document.is_shared == is_shared:
        return
    with transaction.atomic():
        Document.objects.filter(id=document.id).update(is_shared=is_shared)
        if not is_shared:
            forgetting.forget_documents(document_ids=[document.id])
        _record(member, "document.shared" if is_shared else "document.unshared", document)


def delete(*, member: Member, document: Document) -> None:
    """With its passages, their vectors, and the file."""
    with transaction.atomic():
        _record(member, "document.deleted", document)
        erase([document.id])


def erase(ids: list[UUID]) -> int:
    """Rows, passages, vectors; the files once the transaction is committed. Returns how many documents. Inside a
    transaction, in the workspace."""
    if not ids:
        return 0
    rows = Document.objects.filter(id__in=ids)
    names = [name for name in rows.values_list("file", flat=True) if name]
    chunks = DocumentChunk.objects.filter(document_id__in=ids)
    recall.forget(kind="passage", ids=chunks.values_list("id", flat=True))
    forgetting.forget_documents(document_ids=ids)
    rows.delete()
    _forget_names(ids)
    gauges.note(current_workspace().id, Meter.STORED_BYTES, present=queries.stored_bytes)
    transaction.on_commit(lambda: _delete_files(names), robust=True)
    return len(names)


def _forget_names(ids: list[UUID]) -> None:
    """Answers keep that they had passages, and not what of."""
    for document_id in ids:
        for run in Run.objects.filter(context__used__contains=[{"document": str(document_id)}]).only(
            "context"
        ):
            for item in run.context["used"]:
                if item.get("document") == str(document_id):
                    item |= {"name": GONE, "heading": "", "page": 0}
            run.save(update_fields=["context"])


def retry(*, member: Member, document: Document) -> None:
    """Reads it again after it failed."""
    with transaction.atomic():
        waiting = {"state": Document.State.UPLOADED, "error_code": "", "tries": 0, "progress": 0}
        rows = Document.objects.filter(id=document.id, state=Document.State.FAILED)
        if rows.update(**waiting, lease_expires_at=None, updated_at=timezone.now()):
            _record(member, "document.read_again", document)
            _enqueue_on_commit(member.workspace_id, document.id)


def _examined(file: UploadedFile) -> tuple[intake.Examined, dict[str, Any]]:
    """What it is, and what its row says of it."""
    examined = intake.examine(file)
    if examined.kind != "document":
        raise TypeNotAllowed("Pictures hold no text that can be read. Give them with a question in the chat.")
    return examined, {
        "name": clean_name(file.name or "", examined.extension),
        "media_type": examined.media_type,
        "size_bytes": file.size,
        "sha256": _hash_of(file),
    }


def clean_name(name: str, extension: str) -> str:
    """What people see; never part of a path. Controls, directions and separators are taken out."""
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    kept = " ".join(kept.split()) or f"document.{extension}"
    if len(kept) <= MAX_NAME:
        return kept
    tail = f".{extension}"
    return kept[: MAX_NAME - len(tail)] + tail


def _hash_of(file: UploadedFile) -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


class _Stored:
    def __init__(self, name: str) -> None:
        self.name, self.is_kept = name, False

    def keep(self) -> str:
        self.is_kept = True
        return self.name


@contextmanager
def _stored(workspace_id: UUID, file: UploadedFile, extension: str) -> Iterator[_Stored]:
    """The file in the storage, before the transaction; gone again unless a row that was committed names it."""
    wanted = queries.file_name(workspace_id, f"{uuid4()}.{extension}")
    stored = _Stored(default_storage.save(wanted, file))
    is_whole = False
    try:
        yield stored
        is_whole = True
    finally:
        if not (is_whole and stored.is_kept):
            default_storage.delete(stored.name)


def _delete_files(names: list[str]) -> None:
    for name in names:
        default_storage.delete(name)


def _take(workspace_id: UUID, size: int) -> None:
    gauges.take(workspace_id, Meter.STORED_BYTES, present=queries.stored_bytes, wanted=size)


def _record(member: Member, action: str, document: Document) -> None:
    audit.record(
        action, actor=member.actor, workspace_id=member.workspace_id, target=("document", document.id)
    )


def _enqueue_on_commit(workspace_id: UUID, document_id: UUID) -> None:
    transaction.on_commit(lambda: enqueue(workspace_id=workspace_id, document_id=document_id))


def enqueue(*, workspace_id: UUID, document_id: UUID) -> None:
    """Wakes a worker. A broker that is away costs minutes, not the document: the sweep enqueues what nobody claimed."""
    from assistants.documents.tasks import parse_document  # noqa: PLC0415  tasks call services

    try:
        parse_document.apply_async(
            kwargs={"workspace_id": str(workspace_id), "document_id": str(document_id)}
        )
    except BrokerError:
        logger.warning("a document was not enqueued; the sweep will", extra={"document_id": str(document_id)})
