"""The life of a hold: open → (wait) → claim (lease) → renew → settle or release, each exactly once (docs/usage.md)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from config import ports
from usage import ledger, prices, stops
from usage.holds import explain, queries
from usage.holds.types import Actual, Amount, Claim, Held, Hold, HoldLost, HoldRequest, Settlement
from usage.limits import notices, windows
from usage.models import Hold as HoldRow
from usage.models import Meter, SubjectKind

LEASE_S = 15
FIRST_WAKE_S = 10
MAX_WAKE_S = 120
WAIT_S = 60
RESOLVE_BATCH = 20
"""How many waiting holds one settlement decides (usage/sql/holds.sql); more than that get a turn of their own."""
LET_IN_BATCH = 100

CLAIM = """
UPDATE usage_hold SET attempt = attempt + 1, is_claimed = TRUE,
       lease_expires_at = statement_timestamp() + make_interval(secs => %s)
WHERE id = %s AND state = 'held' AND (NOT is_claimed OR lease_expires_at < statement_timestamp())
RETURNING attempt, model, assistant_id, output_cap,
          CASE WHEN output_cap = (request ->> 'cap')::bigint THEN (request ->> 'wanted')::bigint ELSE output_cap END,
          stop_reason, stop_requested_at IS NOT NULL OR EXISTS (SELECT FROM usage_stop WHERE lifted_at IS NULL)
"""
RENEW = """
UPDATE usage_hold h SET lease_expires_at = statement_timestamp() + make_interval(secs => %s)
FROM unnest(%s::uuid[], %s::int[]) AS mine(id, attempt)
WHERE h.id = mine.id AND h.attempt = mine.attempt AND h.state = 'held'
RETURNING h.id
"""
END_WAITING = """
UPDATE usage_hold h SET state = 'released', resolved_at = statement_timestamp(), release_reason = %s
FROM (SELECT id, release_reason AS refusal FROM usage_hold WHERE id = %s FOR UPDATE) before
WHERE h.id = before.id AND h.state = 'waiting' RETURNING h.workspace_id, before.refusal
"""


def open_hold(request: HoldRequest, *, now: datetime | None = None) -> Hold:
    """Holds on all limits that apply or on none, in one round trip, inside the caller's transaction.

    Repeating it under the same id changes nothing. Raises RunsStopped, QuotaExceeded (also for a workspace without
    limits, and for a model without a price where money is limited).
    """
    _require_transaction()
    starts = windows.named(zone=request.zone, at=now or timezone.now(), anchor_day=request.anchor_day)
    answer = _call("SELECT usage_open_hold(%s)", json.dumps(_parameters(request, starts), default=str))
    if answer["decision"] == "refused":
        raise explain.refusal(request, answer)
    if answer["decision"] == "stopped":
        raise stops.refusal(answer["scope"], answer["reason"])
    return Hold(request.id, answer["cap"], is_waiting=answer.get("state", answer["decision"]) == "waiting")


def _parameters(request: HoldRequest, starts: windows.Named) -> dict[str, Any]:
    subjects = {
        SubjectKind.WORKSPACE: "",
        SubjectKind.PLATFORM: "",
        SubjectKind.PERSON: request.person_ref,
        SubjectKind.API_KEY: request.api_key_id,
        SubjectKind.ASSISTANT: request.assistant_id,
        SubjectKind.PROJECT: request.project_id,
        SubjectKind.WIDGET: request.widget_id,
        SubjectKind.VISITOR: request.visitor_id,
    }
    first_cap = min(request.cap, request.step) if request.step else request.cap
    return {
        "id": request.id,
        "workspace_id": request.workspace_id,
        "person_ref": request.person_ref,
        "api_key_id": request.api_key_id,
        "assistant_id": request.assistant_id,
        "project_id": request.project_id,
        "kind": request.kind,
        "model": request.model,
        "provider": request.provider or settings.PROVIDER_NAME,
        "subjects": {kind: str(value) for kind, value in subjects.items() if value is not None},
        "meters": {meter: amount and [amount.raw, amount.rate] for meter, amount in request.meters.items()},
        "windows": starts,
        "cap": first_cap,
        "wanted": request.cap,
        "min_cap": min(request.min_cap, request.cap),
        "wait_s": WAIT_S,
        "wake_s": FIRST_WAKE_S,
    }


def _call(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        value = cursor.fetchone()[0]
    return json.loads(value) if isinstance(value, str) else value


def claim(hold_id: UUID, *, lease_s: int = LEASE_S) -> Claim | None:
    """Takes the lease and a new attempt number, or None: somebody runs it, it waits, or it is resolved."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [lease_s, hold_id])
        row = cursor.fetchone()
    return None if row is None else Claim(hold_id, *row)


def renew(claims: Iterable[tuple[UUID, int]], *, lease_s: int = LEASE_S) -> set[UUID]:
    """Extends the leases of (hold, attempt) pairs; returns the holds that are still theirs. One statement."""
    pairs = list(claims)
    if not pairs:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(RENEW, [lease_s, [hold_id for hold_id, _ in pairs], [attempt for _, attempt in pairs]])
        return {row[0] for row in cursor.fetchall()}


def extend(hold_id: UUID, *, attempt: int, cap: int) -> int | None:
    """Covers more output of a started run, up to `cap`, against the full limits. Returns what is covered now.

    None when this attempt does not own the hold. A transaction of its own.
    """
    answer: int | None = _call("SELECT usage_extend(%s, %s, %s)", hold_id, attempt, cap)
    return answer


def widen(hold_id: UUID, *, attempt: int, input_tokens: int) -> int | None:
    """Covers so much more input of a started run, all of it or nothing, against the full limits.

    Returns what is covered of its output; 0 when the input does not fit. None when this attempt does not own the hold.
    A transaction of its own.
    """
    answer: int | None = _call("SELECT usage_widen(%s, %s, %s)", hold_id, attempt, input_tokens)
    return answer


def turn_to(hold_id: UUID, *, attempt: int, provider: str, model: str) -> bool:
    """From now on another server answers this run: what stops that one ends it.

    False, changing nothing, when a stop covers it already. In the caller's transaction. Raises HoldLost.
    """
    _require_transaction()
    held = HoldRow.objects.select_for_update().filter(id=hold_id, attempt=attempt, state=HoldRow.State.HELD)
    row = held.first()
    if row is None:
        raise HoldLost()
    stop = stops.find(
        workspace_id=row.workspace_id, assistant_id=row.assistant_id, model=model, provider=provider
    )
    if stop is not None:
        return False
    row.request = {**row.request, "provider": provider, "model": model}
    row.save(update_fields=["request"])
    return True


def give_back(hold_id: UUID, *, attempt: int) -> bool:
    """Ends this attempt without a result, so that another may claim at once. False when it was not the owner."""
    changed = HoldRow.objects.filter(id=hold_id, attempt=attempt, state=HoldRow.State.HELD).update(
        is_claimed=False, lease_expires_at=timezone.now() + timedelta(seconds=FIRST_WAKE_S)
    )
    return bool(changed)


def postpone_wake(hold_id: UUID, *, attempt: int, waited_s: float) -> None:
    """A queued run was enqueued again: ask next time when it has waited twice as long, so that one wake-up that is lost
    again costs less than half a minute."""
    wake_in = min(max(FIRST_WAKE_S, waited_s), MAX_WAKE_S)
    HoldRow.objects.filter(id=hold_id, attempt=attempt, state=HoldRow.State.HELD, is_claimed=False).update(
        lease_expires_at=timezone.now() + timedelta(seconds=wake_in)
    )


def settle(hold_id: UUID, *, attempt: int, actual: Actual) -> Settlement:
    """Resolves the hold with what was used and writes its one ledger entry, in the caller's transaction.

    Never books more than was held: what a provider bills beyond is the platform's own entry. Raises HoldLost when
    this attempt does not own the hold (then the caller must write nothing either).
    """
    _require_transaction()
    terms = _terms(hold_id)
    rates = prices.rates(
        provider=actual.provider, model=actual.model, at=terms.hold.created_at, variant=actual.variant
    )
    billed = covered(terms, actual)
    cost = terms.at_most(Meter.COST_MICRO, rates.cost(billed))
    entries = [ledger.entry(billed, cost_micro=cost)]
    if billed != actual:
        entries.append(ledger.overrun(billed, actual, cost_micro=max(0, rates.cost(actual) - cost)))
    answer = _call(
        "SELECT usage_settle(%s, %s, %s, %s, %s)",
        hold_id, attempt, json.dumps({**ledger.amounts(billed), "cost_micro": cost}), json.dumps(entries), FIRST_WAKE_S,
    )  # fmt: skip
    _announce_resolved(terms.hold.workspace_id, answer)
    notices.note_crossed(terms.hold.workspace_id, answer["lines"])
    at = datetime.fromisoformat(answer["at"])
    return Settlement(answer["entry"], cost, at, billed, held_of(terms.hold), answer["lines"])


def release(hold_id: UUID, *, attempt: int, reason: str) -> None:
    """Resolves the hold with nothing charged, in the caller's transaction. Raises HoldLost."""
    _require_transaction()
    workspace_id = HoldRow.objects.values_list("workspace_id", flat=True).get(id=hold_id)
    answer = _call(
        "SELECT usage_resolve(%s, %s, 'released', %s, '{}', %s)", hold_id, attempt, reason, FIRST_WAKE_S
    )
    _announce_resolved(workspace_id, answer)


@dataclass(frozen=True)
class Terms:
    """What a hold covers as it is now. A meter that it does not name is not limited by it."""

    hold: HoldRow

    def at_most(self, meter: str, value: int) -> int:
        found = self.hold.request["meters"].get(meter)
        return value if found is None else min(value, Amount(*found).at(self.hold.output_cap))


def held_of(row: HoldRow) -> Held:
    meters = row.request["meters"].items()
    return Held(
        id=row.id,
        workspace_id=row.workspace_id,
        person_ref=row.person_ref,
        api_key_id=row.api_key_id,
        assistant_id=row.assistant_id,
        kind=row.kind,
        model=row.model,
        created_at=row.created_at,
        amounts={meter: Amount(*found).at(row.output_cap) for meter, found in meters if found},
    )


def _terms(hold_id: UUID) -> Terms:
    """Locked: what the receipt says was held is what the settlement was measured by."""
    row = HoldRow.objects.select_for_update().filter(id=hold_id).first()
    if row is None:
        raise HoldLost()
    return Terms(row)


def covered(terms: Terms, actual: Actual) -> Actual:
    """What of `actual` the hold covers, meter by meter."""
    amounts = {meter: terms.at_most(meter, value) for meter, value in ledger.amounts(actual).items()}
    changes: dict[str, Any] = {meter: amounts[meter] for meter in ledger.BOOKED}
    changes["cached_tokens"] = min(actual.cached_tokens, changes["input_tokens"])
    changes["reasoning_tokens"] = min(actual.reasoning_tokens, changes["output_tokens"])
    return replace(actual, **changes)


def _announce_resolved(workspace_id: UUID, answer: dict[str, Any] | None) -> None:
    """Whoever waited and was let in, or must have a turn of their own. Raises HoldLost."""
    if answer is None:
        raise HoldLost()
    announce_decided(workspace_id, answer["decided"])
    if answer["more"] or len(answer["decided"]) >= RESOLVE_BATCH:
        let_in_after_commit(workspace_id)


def announce_decided(workspace_id: UUID, decided: list[list[str]]) -> None:
    """After the commit, tells each waiting run whether it was let in (held) or refused for good.

    If that fails, the sweeper does it: what was refused still waits, due at once.
    """

    def tell() -> None:
        for hold_id, decision in decided:
            refusal = "" if decision == "held" else "quota_exceeded"
            ports.hold_decided(hold_id=UUID(hold_id), workspace_id=workspace_id, refusal=refusal)

    if decided:
        transaction.on_commit(tell, robust=True)


def let_in_after_commit(workspace_id: UUID) -> None:
    transaction.on_commit(lambda: let_in_waiting(workspace_id), robust=True)


def let_in_waiting(workspace_id: UUID) -> None:
    """Lets in whose turn came without a settlement: a limit was changed, or another waiter gave up.

    Reads the limits anew. Several short transactions, so that many who wait do not hold the counters for long.
    """
    while True:
        with transaction.atomic():
            decided = _call("SELECT usage_let_in(%s, %s, %s)", workspace_id, LET_IN_BATCH, FIRST_WAKE_S)
            announce_decided(workspace_id, decided)
        if len(decided) < LET_IN_BATCH:
            return


def end_waiting(hold_id: UUID, *, reason: str) -> bool:
    """A waiting hold is over, in the transaction that closes its run. False when it was let in meanwhile."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(END_WAITING, [reason, hold_id])
        row = cursor.fetchone()
    if row is None:
        return False
    workspace_id, refusal = row
    if not refusal:
        # whoever waited behind it may go; one that was refused stood in nobody's way
        let_in_after_commit(workspace_id)
    return True


def stop_workspace(*, workspace_id: UUID, reason: str) -> None:
    """The workspace is not active any more: all that runs in it ends."""
    stop_all(queries.list_held(workspace_id=workspace_id), reason=reason)


def stop_all(hold_ids: Iterable[UUID], *, reason: str) -> None:
    for hold_id in hold_ids:
        with transaction.atomic():
            request_stop(hold_id, reason=reason)


def request_stop(hold_id: UUID, *, reason: str) -> bool:
    """Asks the run to end; its worker sees it within a second. False when it has ended already."""
    live = Q(id=hold_id, state__in=[HoldRow.State.HELD, HoldRow.State.WAITING])
    changed = HoldRow.objects.filter(live, stop_requested_at__isnull=True).update(
        stop_requested_at=timezone.now(), stop_reason=reason
    )
    if changed:
        stops.announce_on_commit()
        return True
    return HoldRow.objects.filter(live).exists()


def _require_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a hold changes in the transaction that saves its run's change")
