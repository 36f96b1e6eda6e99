"""The life of a hold: open → claim (lease) → renew → settle or release, each exactly once (docs/turns.md)."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from usage import prices, stops
from usage.holds import queries
from usage.holds.types import Actual, Claim, HoldLost, HoldRequest, Settlement
from usage.models import Hold, LedgerEntry

LEASE_S = 15
FIRST_WAKE_S = 10
MAX_WAKE_S = 120

CLAIM = """
UPDATE usage_hold SET attempt = attempt + 1, is_claimed = TRUE,
       lease_expires_at = statement_timestamp() + make_interval(secs => %s)
WHERE id = %s AND state = 'held' AND (NOT is_claimed OR lease_expires_at < statement_timestamp())
RETURNING attempt, model, assistant_id, (lines->>'output_tokens')::bigint, stop_reason
"""
RENEW = """
UPDATE usage_hold h SET lease_expires_at = statement_timestamp() + make_interval(secs => %s)
FROM unnest(%s::uuid[], %s::int[]) AS mine(id, attempt)
WHERE h.id = mine.id AND h.attempt = mine.attempt AND h.state = 'held'
RETURNING h.id
"""


def open_hold(request: HoldRequest) -> None:
    """Inside the caller's transaction. Repeating it under the same id changes nothing. Raises RunsStopped."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("open_hold needs the transaction that saves the run")
    stops.refuse_if_stopped(
        workspace_id=request.workspace_id, assistant_id=request.assistant_id, model=request.model
    )
    hold = Hold(
        id=request.id,
        workspace_id=request.workspace_id,
        person_ref=request.person_ref,
        api_key_id=request.api_key_id,
        assistant_id=request.assistant_id,
        kind=request.kind,
        model=request.model,
        lines=request.lines,
        lease_expires_at=timezone.now() + timedelta(seconds=FIRST_WAKE_S),
    )
    Hold.objects.bulk_create([hold], ignore_conflicts=True)


def claim(hold_id: UUID, *, lease_s: int = LEASE_S) -> Claim | None:
    """Takes the lease and a new attempt number, or None: somebody runs it, or it is resolved. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [lease_s, hold_id])
        row = cursor.fetchone()
    if row is None:
        return None
    attempt, model, assistant_id, output_tokens, stop_reason = row
    return Claim(hold_id, attempt, model, assistant_id, output_tokens or 0, stop_reason)


def renew(claims: Iterable[tuple[UUID, int]], *, lease_s: int = LEASE_S) -> set[UUID]:
    """Extends the leases of (hold, attempt) pairs; returns the holds that are still theirs. One statement."""
    pairs = list(claims)
    if not pairs:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(RENEW, [lease_s, [hold_id for hold_id, _ in pairs], [attempt for _, attempt in pairs]])
        return {row[0] for row in cursor.fetchall()}


def give_back(hold_id: UUID, *, attempt: int) -> bool:
    """Ends this attempt without a result, so that another may claim at once. False when it was not the owner."""
    changed = Hold.objects.filter(id=hold_id, attempt=attempt, state=Hold.State.HELD).update(
        is_claimed=False, lease_expires_at=timezone.now() + timedelta(seconds=FIRST_WAKE_S)
    )
    return bool(changed)


def postpone_wake(hold_id: UUID, *, attempt: int, waited_s: float) -> None:
    """A queued run was enqueued again: ask later next time, twice as long as it has waited."""
    wake_in = min(max(FIRST_WAKE_S, waited_s * 2), MAX_WAKE_S)
    Hold.objects.filter(id=hold_id, attempt=attempt, state=Hold.State.HELD, is_claimed=False).update(
        lease_expires_at=timezone.now() + timedelta(seconds=wake_in)
    )


def settle(hold_id: UUID, *, attempt: int, actual: Actual) -> Settlement:
    """Resolves the hold with what was used and writes its one ledger entry, in the caller's transaction.

    Raises HoldLost when this attempt does not own the hold (then the caller must write nothing either).
    """
    hold = _resolve(hold_id, attempt=attempt, state=Hold.State.SETTLED)
    now = hold.resolved_at or timezone.now()
    cost = prices.cost_micro(actual, at=hold.created_at)
    LedgerEntry.objects.create(
        hold_id=hold.id,
        workspace_id=hold.workspace_id,
        person_ref=hold.person_ref,
        api_key_id=hold.api_key_id,
        assistant_id=hold.assistant_id,
        kind=LedgerEntry.Kind.SETTLEMENT,
        run_kind=hold.kind,
        provider=actual.provider,
        model=actual.model,
        messages=actual.messages,
        input_tokens=actual.input_tokens,
        cached_tokens=actual.cached_tokens,
        output_tokens=actual.output_tokens,
        reasoning_tokens=actual.reasoning_tokens,
        cost_micro=cost,
        is_estimated=actual.is_estimated,
    )
    return Settlement(cost_micro=cost, settled_at=now, actual=actual)


def release(hold_id: UUID, *, attempt: int, reason: str) -> None:
    """Resolves the hold with nothing charged, in the caller's transaction. Raises HoldLost."""
    _resolve(hold_id, attempt=attempt, state=Hold.State.RELEASED, release_reason=reason)


def _resolve(hold_id: UUID, *, attempt: int, state: Hold.State, release_reason: str = "") -> Hold:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a hold is resolved in the transaction that saves the run's end")
    now = timezone.now()
    changed = Hold.objects.filter(id=hold_id, attempt=attempt, state=Hold.State.HELD).update(
        state=state, resolved_at=now, release_reason=release_reason
    )
    if not changed:
        raise HoldLost()
    return Hold.objects.get(id=hold_id)


def stop_workspace(*, workspace_id: UUID) -> None:
    """The workspace was suspended: all that runs in it ends."""
    stop_all(queries.list_held(workspace_id=workspace_id), reason="workspace_suspended")


def stop_all(hold_ids: Iterable[UUID], *, reason: str) -> None:
    for hold_id in hold_ids:
        with transaction.atomic():
            request_stop(hold_id, reason=reason)


def request_stop(hold_id: UUID, *, reason: str) -> bool:
    """Asks the run to end; its worker sees it within a second. False when it has ended already."""
    changed = Hold.objects.filter(
        Q(id=hold_id), Q(state=Hold.State.HELD), Q(stop_requested_at__isnull=True)
    ).update(stop_requested_at=timezone.now(), stop_reason=reason)
    if changed:
        stops.announce_on_commit()
        return True
    return Hold.objects.filter(id=hold_id, state=Hold.State.HELD).exists()
