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

from assistants.models import Attachment, Conversation, Run
from config import redis as redis_clients
from tenants import keys
from tenants.connection import connection

logger = logging.getLogger(__name__)


def erase_conversations(workspace_id: UUID, ids: list[UUID]) -> None:
    """Inside the caller's transaction, in the workspace; none of them has a run under way. Files and streams go when it
    has committed. The caller enters it in the audit log."""
    if not ids:
        return
    runs = list(Run.objects.filter(message__conversation_id__in=ids).values_list("id", flat=True))
    given = Attachment.objects.filter(message__conversation_id__in=ids).exclude(file="")
    files = set(given.values_list("file", flat=True))
    _erase(Conversation, '"id" = ANY (%s)', ids)
    # A fork shows the same files.
    files -= set(Attachment.objects.filter(file__in=files).values_list("file", flat=True))
    transaction.on_commit(partial(forget_streams, workspace_id, runs))
    transaction.on_commit(partial(delete_files, sorted(files)))


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
