"""Real erasure, step by step. Each step can be done again; what is done is noted, so that a kill costs one step.

Until its last days are over, a workspace is only closed. From `begin` on nothing brings it back. The row of the
workspace and its schema go in one transaction: whoever finds the one finds the other.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, transaction
from django.utils import timezone

from config import errors, personal, ports
from tenants import audit, sealing
from tenants.connection import connection
from tenants.lifecycle import leftovers, slugs
from tenants.lifecycle.models import Erasure
from tenants.models import FormerSlug, Workspace

OWN_SCHEMA = re.compile(r"ws_[0-9a-f]{32}")
LOCK_WAIT = "5s"
Counts = dict[str, int]
logger = logging.getLogger(__name__)


class Unfinished(Exception):
    """A step waits for somebody else (a worker that ends its run, a lock); the next look goes on."""


@dataclass(frozen=True)
class Step:
    name: str
    title: str
    run: Callable[[Erasure], Counts]


def _end_runs(erasure: Erasure) -> Counts:
    """Workers see the stop within a second; what nobody runs is closed here."""
    if live := ports.workspace_stopped(workspace_id=erasure.workspace_id):
        raise Unfinished(f"{live} runs are being ended")
    return {}


def _end_plan(erasure: Erasure) -> Counts:
    """Asks the payment service. Raises what it raises when it is away."""
    ports.payments_forget_workspace(workspace_id=erasure.workspace_id)
    return {}


def _erase_rows(erasure: Erasure) -> Counts:
    """By the registry of personal data: what stays there says why."""
    return personal.erase_workspace(erasure.workspace_id)


def _drop(erasure: Erasure) -> Counts:
    """Row and schema, in one transaction: no other code ever meets a workspace without its tables."""
    if not OWN_SCHEMA.fullmatch(erasure.schema_name):
        raise RuntimeError("only a schema of a workspace is dropped")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            # The name is checked above. A statement of a late visitor is waited for, not cut off.
            cursor.execute(f'DROP SCHEMA IF EXISTS "{erasure.schema_name}" CASCADE')
            _, by_model = Workspace.objects.filter(id=erasure.workspace_id).delete()
    except OperationalError as error:
        raise Unfinished("the schema is still in use") from error
    return by_model


def _remove_files(erasure: Erasure) -> Counts:
    return {"files": leftovers.remove_files(erasure.workspace_id)}


def _purge_queue(erasure: Erasure) -> Counts:
    return {"queue entries": leftovers.purge_queue(erasure.workspace_id)}


def _purge_redis(erasure: Erasure) -> Counts:
    return {"keys in Redis": leftovers.purge_keys(erasure.workspace_id, erasure.schema_name)}


STEPS = (
    Step("runs", "Running answers ended", _end_runs),
    Step("plan", "Plan ended at the payment service", _end_plan),
    Step("rows", "Members, keys, settings and books erased", _erase_rows),
    Step("workspace", "Conversations and assistants erased", _drop),
    # From here on nobody can enter any more: nothing comes after these.
    Step("files", "Files removed", _remove_files),
    Step("queue", "Waiting work taken out of the queue", _purge_queue),
    Step("redis", "Caches and streams emptied", _purge_redis),
    Step("rest", "What was written meanwhile erased", _erase_rows),
)


def run(workspace_id: UUID, *, now: datetime) -> bool:
    """See `services.erase`. False: not due, somebody else is at it, or a step is not finished yet."""
    with _alone(workspace_id) as is_alone:
        if not is_alone:
            return False
        erasure = Erasure.objects.filter(workspace_id=workspace_id).first() or begin(workspace_id, now)
        if erasure is None:
            return False
        if erasure.finished_at is None:
            if not all(_do(erasure, step) for step in STEPS):
                return False
            _finish(erasure)
    return True


def _do(erasure: Erasure, step: Step) -> bool:
    """False when it could not be done yet."""
    if step.name in erasure.done:
        return True
    try:
        counts = step.run(erasure)
    except (Unfinished, errors.DomainError) as reason:
        about = {
            "workspace_id": str(erasure.workspace_id),
            "step": step.name,
            "reason": type(reason).__name__,
        }
        logger.warning("a step of an erasure waits; the next look goes on", extra=about)
        return False
    _note(erasure, step, counts)
    return True


def begin(workspace_id: UUID, now: datetime) -> Erasure | None:
    """From its commit on the deletion cannot be undone. None when it is not due."""
    with transaction.atomic():
        rows = Workspace.objects.select_for_update().filter(id=workspace_id)
        workspace = rows.filter(state=Workspace.State.DELETING, delete_at__lte=now).first()
        if workspace is None:
            return None
        former = FormerSlug.objects.filter(workspace_id=workspace_id).values_list("slug", flat=True)
        slugs.reserve([workspace.slug, *former], now=now)
        to = ports.owner_addresses(workspace_id=workspace_id)
        return Erasure.objects.create(
            workspace_id=workspace_id,
            schema_name=workspace.schema_name,
            farewell={"to": to, "workspace": workspace.name},
            begun_at=now,
        )


def _note(erasure: Erasure, step: Step, counts: Counts) -> None:
    for what, count in counts.items():
        if count:
            erasure.erased[what] = erasure.erased.get(what, 0) + count
    erasure.done.append(step.name)
    erasure.save(update_fields=["done", "erased"])


def _finish(erasure: Erasure) -> None:
    """The last entry of its audit log, the last mail, and the key that opens what was sealed about the workspace."""
    with transaction.atomic():
        found = Erasure.objects.select_for_update().get(workspace_id=erasure.workspace_id)
        if found.finished_at is not None:
            return
        if found.farewell.get("to"):
            ports.mail_owed(
                key=f"workspace_deletion_done:{found.workspace_id}",
                kind="workspace_deletion_done",
                to=found.farewell["to"],
                context={"workspace": found.farewell["workspace"]},
            )
        audit.record(
            "workspace.erased",
            actor=audit.SYSTEM,
            workspace_id=found.workspace_id,
            target=("workspace", found.workspace_id),
            steps=found.done,
        )
        sealing.destroy([found.workspace_id])
        found.finished_at, found.farewell = timezone.now(), {}
        found.save(update_fields=["finished_at", "farewell"])


@contextmanager
def _alone(workspace_id: UUID) -> Iterator[bool]:
    """One at a time, for as long as this connection lives: a killed worker's lock goes with its connection."""
    key = workspace_id.int % 2**63
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        taken: bool = cursor.fetchone()[0]
    try:
        yield taken
    finally:
        if taken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
