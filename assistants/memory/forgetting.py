"""What is to be forgotten is gone: rows with their edges and vectors, and names that nothing else names."""

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from accounts.permissions import Member
from assistants.models import Conversation, Entity, MemoryItem, Message
from config import errors
from tenants.scope import current_workspace


class DayWrong(errors.DomainError):
    code = "memory_day"
    status = 422
    message = "Choose a day, at the latest today."


def today() -> date:
    """By the workspace's clock."""
    return timezone.localdate(timezone=ZoneInfo(current_workspace().timezone))


def forget_day(*, member: Member, day: date) -> int:
    """Everything that was said or kept on one day of the workspace's clock. Returns how many statements that was.

    What was said that day and was not read yet is not read any more. Transcripts stay: they are the conversations'.
    Raises DayWrong for one that is still to come.
    """
    if day > today():
        raise DayWrong()
    zone = ZoneInfo(current_workspace().timezone)
    begins = datetime.combine(day, datetime.min.time(), zone)
    ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
    with transaction.atomic():
        lock(member.user_id)
        kept = Q(created_at__gte=begins, created_at__lt=ends)
        said = Q(source_message__created_at__gte=begins, source_message__created_at__lt=ends)
        rows = MemoryItem.objects.filter(kept | said, person_id=member.user_id)
        ids = list(rows.values_list("id", flat=True))
        # What those replaced is true again: the day is as if nothing had been said.
        MemoryItem.objects.filter(superseded_by_id__in=ids).exclude(id__in=ids).update(
            superseded_at=None, superseded_by=None
        )
        erase(ids)
        _read_no_more(member.user_id, begins, ends)
    return len(ids)


def _read_no_more(person_id: UUID, begins: datetime, ends: datetime) -> None:
    until = min(ends, timezone.now())
    that_day = Message.objects.filter(
        conversation=OuterRef("pk"), created_at__gte=begins, created_at__lt=ends
    )
    Conversation.objects.filter(Exists(that_day), owner_id=person_id).update(
        remembered_at=Greatest(Coalesce("remembered_at", until), until)
    )


def forget_praise(*, person_id: UUID, answer: Message) -> None:
    """What a liked answer had left, when it is not liked any more."""
    with transaction.atomic():
        rows = MemoryItem.objects.filter(
            person_id=person_id, source_message=answer, layer=MemoryItem.Layer.PROCEDURAL
        )
        erase(list(rows.values_list("id", flat=True)))


def forget_documents(*, document_ids: list[UUID]) -> None:
    """Key facts go with their document, and when it is not everybody's any more."""
    with transaction.atomic():
        rows = MemoryItem.objects.filter(source_document_id__in=document_ids, layer=MemoryItem.Layer.SHARED)
        erase(list(rows.values_list("id", flat=True)))


def erase_person(*, person_id: UUID) -> int:
    """Everything that is remembered of somebody, for the erasure of their data."""
    with transaction.atomic():
        ids = list(MemoryItem.objects.filter(person_id=person_id).values_list("id", flat=True))
        erase(ids)
    return len(ids)


def erase(ids: list[UUID]) -> None:
    """With what hangs on them: edges and vectors go with their rows. In a transaction."""
    if not ids:
        return
    MemoryItem.objects.filter(id__in=ids).delete()
    # An entity that no statement names any more is gone: its name may have been what was to be forgotten.
    Entity.objects.filter(relations_from=None, relations_to=None).delete()


def lock(person_id: UUID | None) -> None:
    """One writer of a person's memory at a time: two extractions must not keep one statement twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || %s, 0))",
            [f"memory:{person_id}"],
        )
