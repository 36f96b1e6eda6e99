"""At most once: who came first with a key, what it answered, and which run it started (docs/api-idempotency.md)."""

import hashlib
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse

from accounts.idempotency.models import IdempotentCall
from config import errors, sealing

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)
LONGEST_BODY = 1024 * 1024
HEADERS = ("Content-Type", "Location", "ETag", "Retry-After", "x-should-retry")
PURPOSE = b"idempotent answers"


class InProgress(errors.DomainError):
    code = "idempotency_in_progress"
    status = 409
    message = "The first call with this Idempotency-Key is still being answered. Send it again in a moment."


class Mismatch(errors.DomainError):
    code = "idempotency_mismatch"
    status = 422
    message = "This Idempotency-Key came with another body before. Use a new key for a new call."


class AnswerLost(errors.DomainError):
    code = "idempotency_answer_lost"
    status = 409
    message = (
        "The first call with this Idempotency-Key was carried out, and its answer is not there any more."
    )


@dataclass(frozen=True)
class Call:
    """`workspace_id` None: of a person outside of any workspace. `principal`: a key's or a person's own mark."""

    principal: str
    user_id: UUID
    workspace_id: UUID | None
    method: str
    path: str
    key: str
    body_hash: bytes

    @property
    def scope(self) -> bytes:
        parts = (self.principal, str(self.workspace_id), self.method, self.path, self.key)
        return hashlib.sha256("\n".join(parts).encode()).digest()


@dataclass
class Claim:
    """The right to answer a key. `run_id`: what an earlier call started, to be answered from; `is_bound`: this one
    started a run itself."""

    row_id: int
    token: UUID
    run_id: UUID | None = None
    is_bound: bool = False


_current: ContextVar[Claim | None] = ContextVar("idempotency_claim", default=None)


def claim(call: Call, *, attaches: bool, now: datetime) -> Claim | HttpResponse:
    """The right to carry it out, or the first answer. Outside of a transaction. `attaches`: the view answers from a
    run that was started before. Raises InProgress, Mismatch, AnswerLost."""
    row, is_new = _first(call, now)
    if is_new:
        return Claim(row.pk, row.token)
    if row.created_at <= now - KEPT:
        return _take_over(row, call, now)
    is_same = bytes(row.body_hash) == call.body_hash
    if row.status is None and row.run_id is None and row.leased_until <= now:
        return _take_over(row, call, now)
    if not is_same:
        raise Mismatch()
    if row.status is not None:
        return _kept_answer(row)
    if row.run_id is None or not (attaches or row.leased_until <= now):
        raise InProgress(data={"retry_after_s": 1})
    if not attaches:
        raise AnswerLost(data={"run": str(row.run_id)})
    return Claim(row.pk, row.token, run_id=row.run_id)


def _first(call: Call, now: datetime) -> tuple[IdempotentCall, bool]:
    """The row of this key, and whether this call made it: of many at once, one does."""
    return IdempotentCall.objects.get_or_create(scope=call.scope, defaults=_fields(call, now))


def _fields(call: Call, now: datetime) -> dict[str, Any]:
    return {
        "workspace_id": call.workspace_id,
        "user_id": call.user_id,
        "method": call.method,
        "path": call.path[:300],
        "body_hash": call.body_hash,
        "token": uuid.uuid4(),
        "leased_until": now + LEASE,
        "created_at": now,
    }


def _take_over(row: IdempotentCall, call: Call, now: datetime) -> Claim:
    """What lost its worker, or is over. Of many at once, one gets it."""
    fresh = {**_fields(call, now), "run_id": None, "status": None, "headers": {}, "body": None}
    # The run, too: a worker that is only late may have started one meanwhile.
    if not IdempotentCall.objects.filter(pk=row.pk, token=row.token, run_id=row.run_id).update(**fresh):
        raise InProgress(data={"retry_after_s": 1})
    return Claim(row.pk, fresh["token"])


def _kept_answer(row: IdempotentCall) -> HttpResponse:
    if row.body is None:
        raise AnswerLost(data={"status_then": row.status})
    body = sealing.unseal(bytes(row.body), purpose=PURPOSE, bound_to=bytes(row.scope))
    answer = HttpResponse(body, status=row.status, headers=row.headers)
    if "Content-Type" not in row.headers:
        del answer["Content-Type"]
    return answer


def enter(found: Claim) -> None:
    """From here to `leave`, runs that this thread starts are bound to the claim."""
    _current.set(found)


def leave() -> Claim | None:
    found = _current.get()
    _current.set(None)
    return found


def earlier_run() -> UUID | None:
    """The run that the first call with this key started: to be answered from."""
    found = _current.get()
    return found.run_id if found else None


def bind_run(run_id: UUID) -> None:
    """In the transaction that starts the run, so that a key has its run however the worker ends. Nothing without a key.

    Raises InProgress when the claim is lost: another call has it, and this run must not be.
    """
    found = _current.get()
    if found is None or found.is_bound:
        return
    rows = IdempotentCall.objects.filter(pk=found.row_id, token=found.token, run_id=found.run_id)
    if not rows.update(run_id=run_id):
        raise InProgress(data={"retry_after_s": 1})
    found.is_bound = True


def finish(found: Claim, response: HttpResponse) -> None:
    """Keeps what was done. A refusal that changed nothing frees the key: no run was started, and services are one
    transaction each. An answer from an earlier run changes nothing here."""
    if found.run_id is not None and not found.is_bound:
        return
    rows = IdempotentCall.objects.filter(pk=found.row_id, token=found.token)
    is_done = response.status_code < 400
    if not is_done and rows.filter(run_id=None).delete()[0]:
        return
    row = rows.first()
    if row is None:
        return
    fits = len(response.content) <= LONGEST_BODY
    sealed = sealing.seal(response.content, purpose=PURPOSE, bound_to=bytes(row.scope)) if fits else None
    headers = {name: response[name] for name in HEADERS if name in response}
    rows.update(status=response.status_code, headers=headers, body=sealed)


def wait_on(found: Claim, *, now: datetime) -> None:
    """Of a call whose answer comes when its run has ended: the lease lasts as long as a run may."""
    until = now + LEASE + timedelta(seconds=settings.RUN_DEADLINE_S)
    IdempotentCall.objects.filter(pk=found.row_id, token=found.token).update(leased_until=until)


def free(found: Claim) -> None:
    """Of a call whose answer cannot be kept and that started nothing."""
    IdempotentCall.objects.filter(pk=found.row_id, token=found.token, run_id=None).delete()


def forget_old(*, now: datetime) -> int:
    """Returns how many."""
    return IdempotentCall.objects.filter(created_at__lte=now - KEPT).delete()[0]
