"""Takes in what somebody exported elsewhere: the upload in the request, the reading in a worker.

A worker that dies leaves the row as it was; it is woken again by whoever looks at the page, or at night.
"""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Any
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import queries as accounts_queries
from accounts.permissions import Member
from assistants.builder import queries as builder
from assistants.library.importing import chatgpt, claude, files, writing
from assistants.library.importing.types import Talk
from assistants.models import Assistant, ConversationImport
from config import errors
from tenants import audit, keys
from tenants.scope import current_workspace, workspace_scope

FOLDER = "imports"
BATCH = 25
STALE = timedelta(minutes=3)
State = ConversationImport.State
logger = logging.getLogger(__name__)


class ImportRunning(errors.DomainError):
    code = "import_running"
    status = 409
    message = "Another file of yours is being read. Wait for its end."


class PersonGone(errors.DomainError):
    code = "person_gone"
    status = 409
    message = "Whoever uploaded this file is not in the workspace any more."


REFUSALS: tuple[type[errors.DomainError], ...] = (
    files.NotAnExport,
    files.ExportTooLarge,
    files.ConversationTooLarge,
    files.DecompressionBomb,
    PersonGone,
)
"""Why reading may end early, by their codes; what was added before stays."""


def start(*, member: Member, upload: UploadedFile) -> ConversationImport:
    """Keeps the file and wakes a worker. Raises NotAnExport, ExportTooLarge, DecompressionBomb for what shows at once,
    ImportRunning, and NotFound when the workspace has no assistant to go on with."""
    builder.get_default_assistant(member)
    if (upload.size or 0) > files.MAX_UPLOAD:
        raise files.ExportTooLarge()
    _look(upload)
    import_id, now = uuid4(), timezone.now()
    name = keys.file_name(member.workspace_id, FOLDER, str(import_id))
    stored = default_storage.save(name, upload)
    try:
        with transaction.atomic():
            return _enter(member, upload, ConversationImport(id=import_id, file=stored), now)
    except (errors.DomainError, DatabaseError):
        default_storage.delete(stored)
        raise


def _enter(
    member: Member, upload: UploadedFile, row: ConversationImport, now: datetime
) -> ConversationImport:
    running = ConversationImport.objects.filter(owner_id=member.user_id, finished_at=None)
    if running.exists():
        raise ImportRunning()
    row.owner_id, row.size_bytes = member.user_id, upload.size or 0
    row.name = " ".join((upload.name or "file").split())[:200]
    row.created_at = row.touched_at = now
    row.save(force_insert=True)
    audit.record(
        "conversations.import_started",
        actor=member.actor,
        workspace_id=member.workspace_id,
        target=("import", row.id),
        bytes=row.size_bytes,
    )
    transaction.on_commit(partial(_wake, member.workspace_id, row.id), robust=True)
    return row


def _look(upload: IO[bytes]) -> None:
    """The first conversation: a file that is none is refused while its owner still looks at the form."""
    upload.seek(0)
    first = next(files.conversations(upload), None)
    upload.seek(0)
    if first is not None and _reader(first[0]) is None:
        raise files.NotAnExport()


def wake_stale(row: ConversationImport, *, now: datetime) -> bool:
    """Whether it had to be woken: nothing came of its worker for a while."""
    if row.is_final or now - row.touched_at < STALE:
        return False
    ConversationImport.objects.filter(id=row.id, finished_at=None).update(touched_at=now)
    _wake(current_workspace().id, row.id)
    return True


def wake_all_stale(workspace_id: UUID, *, now: datetime) -> int:
    """What a worker left behind. Outside every workspace."""
    with workspace_scope(workspace_id, allow_suspended=True) as workspace:
        if not workspace.is_active:
            return 0
        rows = ConversationImport.objects.filter(finished_at=None, touched_at__lt=now - STALE)
        return sum(wake_stale(row, now=now) for row in rows)


def _wake(workspace_id: UUID, import_id: UUID) -> None:
    from assistants.library.tasks import read_import  # noqa: PLC0415  tasks call services

    read_import.delay(workspace_id=str(workspace_id), import_id=str(import_id))


def run(workspace_id: UUID, import_id: UUID) -> None:
    """For the worker; outside every workspace. Safe to run again: what was added is known then."""
    with workspace_scope(workspace_id):
        row = _claim(import_id, timezone.now())
        if row is None:
            return
        try:
            _read(row, _assistant_of(row))
        except REFUSALS as refusal:
            _end(row, State.FAILED, refusal.code)
        except FileNotFoundError:
            _end(row, State.FAILED, "file_gone")
        else:
            _end(row, State.DONE, "")


def _claim(import_id: UUID, now: datetime) -> ConversationImport | None:
    """None when another worker has it."""
    free = Q(state=State.WAITING) | Q(state=State.RUNNING, touched_at__lte=now - STALE / 2)
    counts = {"done": 0, "known": 0, "left_out": 0}
    taken = ConversationImport.objects.filter(free, id=import_id).update(
        state=State.RUNNING, touched_at=now, **counts
    )
    return ConversationImport.objects.get(id=import_id) if taken else None


def _assistant_of(row: ConversationImport) -> Assistant:
    member = accounts_queries.get_member(
        user_id=row.owner_id, workspace_id=current_workspace().id, session_key=None
    )
    if member is None:
        raise PersonGone()
    return builder.get_default_assistant(member)


def _read(row: ConversationImport, assistant: Assistant) -> None:
    with default_storage.open(row.file) as file:
        total = max(files.total_size(file), 1)
        batch: list[Talk] = []
        for item, position in files.conversations(file):
            row.done += 1
            talk = _talk(item)
            if talk is None:
                row.left_out += 1
            else:
                row.source = talk.source
                batch.append(talk)
            if len(batch) >= BATCH or row.done % 200 == 0:
                _write(row, assistant, batch, min(99, 100 * position // total))
                batch = []
        _write(row, assistant, batch, 99)


def _reader(item: Any) -> Any:
    return next((module for module in (chatgpt, claude) if module.looks_like(item)), None)


def _talk(item: Any) -> Talk | None:
    """None for what is none, or has no text; one bad conversation does not keep the others out."""
    reader = _reader(item)
    if reader is None:
        return None
    try:
        talk = writing.merged(reader.read(item))
    except (ValueError, TypeError, KeyError, AttributeError):
        logger.warning("a conversation of an import could not be read", exc_info=False)
        return None
    return talk if 0 < len(talk.nodes) <= writing.MAX_NODES else None


def _write(row: ConversationImport, assistant: Assistant, batch: list[Talk], progress: int) -> None:
    written = writing.write(row.owner_id, assistant, batch) if batch else writing.Written(0, 0, 0)
    row.added += written.added
    row.known += written.known
    row.messages += written.messages
    row.progress, row.touched_at = progress, timezone.now()
    row.save(
        update_fields=["done", "added", "known", "left_out", "messages", "source", "progress", "touched_at"]
    )


def _end(row: ConversationImport, state: str, code: str) -> None:
    """The file goes; the row tells what came of it."""
    now = timezone.now()
    name, row.file = row.file, ""
    row.state, row.error_code, row.finished_at, row.touched_at = state, code, now, now
    row.progress = 100 if state == State.DONE else row.progress
    row.save(update_fields=["state", "error_code", "finished_at", "touched_at", "progress", "file"])
    default_storage.delete(name)


def list_imports(member: Member) -> list[ConversationImport]:
    """The last ones of a person."""
    return list(imports_of(member).order_by("-created_at")[:10])


def imports_of(member: Member) -> QuerySet[ConversationImport]:
    return ConversationImport.objects.filter(owner_id=member.user_id)


def access_import(member: Member, import_id: UUID) -> ConversationImport:
    """Raises NotFound."""
    row = imports_of(member).filter(id=import_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def message_of(code: str) -> str:
    """What the page says of a file that was not read to its end."""
    found = next((refusal for refusal in REFUSALS if refusal.code == code), None)
    return found.message if found else "The file was gone before it was read. Upload it again."
