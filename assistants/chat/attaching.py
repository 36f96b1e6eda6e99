"""Files that are given with a question. Each is its owner's alone until the question is sent; then whoever sees the
conversation sees it.

Pictures are for models that see. Everything else is read as a document of this conversation (assistants/documents).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.permissions import Member
from assistants.chat import images, queries
from assistants.documents import intake
from assistants.documents import queries as document_queries
from assistants.documents import services as documents
from assistants.models import Attachment, Document, FollowUp, Message
from assistants.retention import erasing
from config import errors
from tenants import keys
from tenants.scope import workspace_scope
from usage import gauges
from usage.models import Meter

MOST_PER_QUESTION = 10
MOST_UNSENT = 20
"""Of one person in a workspace."""
UNSENT_HOURS = 24
FOLDER = "attachments"
BATCH = 500


class AttachmentRefused(errors.DomainError):
    """Nothing was sent; what was given is kept."""

    code = "attachment_refused"
    status = 422
    message = "This file cannot be given with a question."


class TooManyAttachments(AttachmentRefused):
    code = "attachments_too_many"
    message = f"A question can have {MOST_PER_QUESTION} files at most. Remove some first."


class TooManyUnsent(AttachmentRefused):
    code = "attachments_unsent"
    status = 409
    message = f"You have {MOST_UNSENT} files that were not sent yet. Send or remove some first."


class AttachmentGone(errors.NotFound):
    code = "attachment_gone"
    message = "A file of your question is not there any more. Remove it and give it again."


class StillReading(AttachmentRefused):
    code = "attachment_being_read"
    status = 409


class Unreadable(AttachmentRefused):
    code = "attachment_unreadable"


def upload(*, member: Member, file: UploadedFile) -> Attachment:
    """Takes a file in for a question that is not sent yet: a picture as its pixels, everything else as a document,
    which a worker reads.

    Raises FileRefused (see `intake.examine`), QuotaExceeded, TooManyUnsent.
    """
    examined = intake.examine(file)
    if examined.kind == "image":
        return _keep_image(member, file)
    with transaction.atomic():
        _require_room(member)
        document = documents.upload(member=member, file=file, kind=Document.Kind.GIVEN)
        return Attachment.objects.create(
            document=document,
            owner_id=member.user_id,
            name=document.name,
            media_type=document.media_type,
            size_bytes=document.size_bytes,
            created_at=timezone.now(),
        )


def _keep_image(member: Member, file: UploadedFile) -> Attachment:
    picture = images.normalise(file)
    name = f"{uuid4()}.{picture.extension}"
    stored: str = default_storage.save(
        keys.file_name(member.workspace_id, FOLDER, name), ContentFile(picture.content)
    )
    is_kept = False
    try:
        with transaction.atomic():
            row = _image_row(
                member, picture, stored, documents.clean_name(file.name or "", picture.extension)
            )
        is_kept = True
    finally:
        if not is_kept:
            default_storage.delete(stored)
    return row


def _image_row(member: Member, picture: images.Picture, stored: str, name: str) -> Attachment:
    size, present = len(picture.content), document_queries.stored_bytes
    _require_room(member)
    gauges.take(member.workspace_id, Meter.STORED_BYTES, present=present, wanted=size)
    return Attachment.objects.create(
        owner_id=member.user_id,
        name=name,
        media_type=picture.media_type,
        size_bytes=size,
        file=stored,
        width=picture.width,
        height=picture.height,
        created_at=timezone.now(),
    )


def _require_room(member: Member) -> None:
    # The counter's lock lets one upload in at a time.
    gauges.note(member.workspace_id, Meter.STORED_BYTES, present=document_queries.stored_bytes)
    if unsent_of(member).count() >= MOST_UNSENT:
        raise TooManyUnsent()


def unsent_of(member: Member) -> QuerySet[Attachment]:
    # SECURITY: what was not sent is its owner's alone, whatever the role of who asks.
    return Attachment.objects.filter(owner_id=member.user_id, message=None)


def access_unsent(member: Member, attachment_id: UUID) -> Attachment:
    """Raises NotFound."""
    row = unsent_of(member).select_related("document").filter(id=attachment_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def access(member: Member, attachment_id: UUID) -> Attachment:
    """Their own unsent one, or one of a conversation that they see. Raises NotFound."""
    mine = Q(owner_id=member.user_id, message=None)
    seen = Q(message__conversation__in=queries.visible_to(member))
    row = Attachment.objects.filter(mine | seen, id=attachment_id).select_related("document").first()
    if row is None:
        raise errors.NotFound()
    return row


def list_unsent(member: Member, ids: Iterable[UUID]) -> list[Attachment]:
    """Those of them that are there, as they were given. One query."""
    rows = unsent_of(member).filter(id__in=list(ids)).select_related("document")
    return list(rows.order_by("created_at", "id"))


def given_with(message_ids: Iterable[UUID]) -> dict[UUID, list[Attachment]]:
    """By question, as they were given. One query."""
    rows = Attachment.objects.filter(message_id__in=list(message_ids)).select_related("document")
    found: dict[UUID, list[Attachment]] = {}
    for row in rows.order_by("created_at", "id"):
        if row.message_id is not None:
            found.setdefault(row.message_id, []).append(row)
    return found


def remove(*, member: Member, attachment: Attachment) -> None:
    """One that was not sent, with its file and its document."""
    with transaction.atomic():
        _erase(member.workspace_id, unsent_of(member).filter(id=attachment.id))


def bind(*, member: Member, question: Message, ids: Iterable[UUID]) -> None:
    """The files go with the question. Inside the caller's transaction.

    Raises TooManyAttachments, AttachmentGone for what is not the member's own and unsent, StillReading, Unreadable.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return
    if len(wanted) > MOST_PER_QUESTION:
        raise TooManyAttachments()
    rows = list(
        unsent_of(member).select_for_update(of=("self",)).filter(id__in=wanted).select_related("document")
    )
    if len(rows) != len(wanted):
        raise AttachmentGone()
    for row in rows:
        require_ready(row)
    Attachment.objects.filter(id__in=wanted).update(message=question)


def require_ready(row: Attachment) -> None:
    """Raises StillReading, Unreadable: an answer that did not see the file would not say so."""
    state = row.document.state if row.document is not None else None
    if state in (Document.State.UPLOADED, Document.State.PARSING):
        raise StillReading(f"“{row.name}” is still being read. Send again in a moment; your text is kept.")
    if state == Document.State.FAILED or (state is None and not row.file):
        raise Unreadable(f"“{row.name}” could not be read. Remove it to send your question.")


def copy(*, member: Member, made: dict[UUID, Message]) -> None:
    """The files of questions go with their copies: an edited question, a fork. `made`: by the id of the original.

    Both show the same file. Inside the caller's transaction; two queries, one where there are none.
    """
    rows = [
        Attachment(
            message=made[message_id],
            document=row.document,
            owner_id=member.user_id,
            name=row.name,
            media_type=row.media_type,
            size_bytes=row.size_bytes,
            file=row.file,
            width=row.width,
            height=row.height,
            created_at=row.created_at,
        )
        for message_id, given in given_with(made).items()
        for row in given
    ]
    Attachment.objects.bulk_create(rows)


def sweep(workspace_id: UUID, *, now: datetime) -> int:
    """Erases what was not sent within UNSENT_HOURS. Outside every workspace; two queries where there is nothing."""
    with workspace_scope(workspace_id, allow_suspended=True):
        old = Attachment.objects.filter(message=None, created_at__lt=now - timedelta(hours=UNSENT_HOURS))
        ids = list(old.exclude(id__in=_waiting()).values_list("id", flat=True)[:BATCH])
        if not ids:
            return 0
        with transaction.atomic():
            # What is being sent at this moment is locked, and stays.
            rows = Attachment.objects.select_for_update(skip_locked=True).filter(id__in=ids, message=None)
            return _erase(workspace_id, Attachment.objects.filter(id__in=[row.id for row in rows]))


def _waiting() -> list[str]:
    """What goes with questions that wait for their turn."""
    rows = FollowUp.objects.exclude(attachments=[]).values_list("attachments", flat=True)
    return [each for given in rows for each in given]


def _erase(workspace_id: UUID, rows: QuerySet[Attachment]) -> int:
    files, given = erasing.what_hangs_on(rows)
    count, _ = rows.delete()
    erasing.erase_given(workspace_id, files, given)
    return count
