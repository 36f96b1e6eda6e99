"""Erases conversations with everything that hangs on them: messages, runs, tool calls, attachments, links, summaries.

What hangs on them is read from the models' relations, so that a new table is neither forgotten nor in the way.
"""

import logging
from functools import partial
from typing import Any
from uuid import UUID

import redis
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet

from assistants.documents import queries as document_queries
from assistants.documents import services as documents
from assistants.models import Attachment, Conversation, Document, Run
from config import redis as redis_clients
from tenants import keys
from tenants.connection import connection
from usage import gauges
from usage.models import Meter

logger = logging.getLogger(__name__)


def erase_conversations(workspace_id: UUID, ids: list[UUID]) -> None:
    """Inside the caller's transaction, in the workspace; none of them has a run under way. Files and streams go when it
    has committed. The caller enters it in the audit log."""
    if not ids:
        return
    runs = list(Run.objects.filter(message__conversation_id__in=ids).values_list("id", flat=True))
    files, given = what_hangs_on(Attachment.objects.filter(message__conversation_id__in=ids))
    _erase(Conversation, '"id" = ANY (%s)', ids)
    erase_given(workspace_id, files, given)
    transaction.on_commit(partial(forget_streams, workspace_id, runs))


def what_hangs_on(rows: QuerySet[Attachment]) -> tuple[set[str], set[UUID]]:
    """Names of files, ids of documents: asked before the rows go. One query."""
    found = list(rows.values_list("file", "document_id"))
    return {file for file, _ in found if file}, {document for _, document in found if document}


def erase_given(workspace_id: UUID, files: set[str], given: set[UUID]) -> None:
    """What nobody shows any more of files that were given with questions, when the rows that named them are gone.
    Inside the caller's transaction, in the workspace."""
    if given:
        documents.erase(list(_left_alone(given)))
    if files:
        # A fork and an edited question show the same files.
        files = files - set(Attachment.objects.filter(file__in=files).values_list("file", flat=True))
        gauges.note(workspace_id, Meter.STORED_BYTES, present=document_queries.stored_bytes)
        transaction.on_commit(partial(delete_files, sorted(files)))


def _left_alone(given: set[UUID]) -> QuerySet[Document, UUID]:
    still = Attachment.objects.filter(document=OuterRef("id"))
    rows = Document.objects.filter(~Exists(still), id__in=given, kind=Document.Kind.GIVEN)
    return rows.values_list("id", flat=True)


def _erase(model: type[models.Model], where: str, ids: list[UUID]) -> None:
    """In one statement per table, whatever the shape of the tree: Django would ask for each of its levels."""
    meta = model._meta
    for relation in meta.related_objects:
        other: Any = relation.related_model
        if other is model:
            continue  # The tree of messages: parents and children go together.
        inner = f'"{relation.field.column}" IN (SELECT "id" FROM "{meta.db_table}" WHERE {where})'  # noqa: S608
        if relation.on_delete is models.CASCADE:
            _erase(other, inner, ids)
        elif relation.on_delete is models.SET_NULL:
            _run(f'UPDATE "{other._meta.db_table}" SET "{relation.field.column}" = NULL WHERE {inner}', ids)  # noqa: S608
        else:
            raise RuntimeError(f"{other._meta.label} keeps {meta.label} from being erased")
    _run(f'DELETE FROM "{meta.db_table}" WHERE {where}', ids)  # noqa: S608  our own words


def _run(statement: str, ids: list[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [ids])


def delete_files(names: list[str]) -> None:
    for name in names:
        try:
            default_storage.delete(name)
        except OSError:
            logger.exception("a file of an erased conversation could not be deleted", extra={"file": name})


def forget_streams(workspace_id: UUID, run_ids: list[UUID]) -> None:
    """They would expire within the hour."""
    if not run_ids:
        return
    try:
        redis_clients.client().unlink(*(keys.stream_key(workspace_id, run_id) for run_id in run_ids))
    except redis.RedisError:
        logger.warning("streams of erased runs could not be removed; they expire")
