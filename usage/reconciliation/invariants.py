"""What must be true of the books at every commit. Each check is one statement, so it sees one instant.

I1 counters are the sum of the ledger · I2 held is the sum of the holds · I3 no entry books more than was held ·
I4 one settlement per settled hold, none per released one · I5 pools are the sum of what workspaces drew ·
I6 no ended run holds anything · I7 every correction takes away what it replaces · I8 no window was used beyond the
largest amount that its limit had while it was used, corrections aside
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from config import ports
from tenants.scope import WorkspaceNotFound
from usage.models import Hold

SETTLING = timedelta(minutes=5)
"""A hold and its run end in one commit; the two reads of I6 are further apart than that only for a moment."""

COUNTERS = """
WITH booked AS (
    SELECT (l ->> 'counter')::bigint AS counter,
           sum((l ->> 'used_after')::bigint - (l ->> 'used_before')::bigint) AS amount
    FROM usage_ledgerentry e, jsonb_array_elements(e.lines) l
    WHERE e.created_at >= %(entries_since)s
      AND (%(workspaces)s::uuid[] IS NULL OR e.workspace_id = ANY (%(workspaces)s))
    GROUP BY 1
)
SELECT c.workspace_id, 'counter ' || c.id || ' ' || c.meter || ' ' || c.window || ' ' || c.window_start,
       COALESCE(b.amount, 0), c.used - c.opening
FROM usage_counter c LEFT JOIN booked b ON b.counter = c.id
WHERE c.workspace_id IS NOT NULL AND c.window_start >= %(counters_since)s
  AND (%(workspaces)s::uuid[] IS NULL OR c.workspace_id = ANY (%(workspaces)s))
  AND c.used - c.opening <> COALESCE(b.amount, 0)
"""
HELD = """
WITH live AS (
    SELECT (l ->> 'counter')::bigint AS counter, sum((l ->> 'held')::bigint) AS amount
    FROM usage_hold h, jsonb_array_elements(h.lines) l
    WHERE h.state = 'held' AND (%(workspaces)s::uuid[] IS NULL OR h.workspace_id = ANY (%(workspaces)s)) GROUP BY 1
)
SELECT c.workspace_id, 'counter ' || c.id || ' ' || c.meter || ' ' || c.window || ' ' || c.window_start,
       COALESCE(l.amount, 0), c.held
FROM usage_counter c LEFT JOIN live l ON l.counter = c.id
WHERE c.workspace_id IS NOT NULL AND (c.held <> 0 OR l.counter IS NOT NULL) AND c.held <> COALESCE(l.amount, 0)
  AND (%(workspaces)s::uuid[] IS NULL OR c.workspace_id = ANY (%(workspaces)s))
"""
WITHIN = """
SELECT e.workspace_id, 'entry ' || e.id, (l ->> 'held')::bigint,
       (l ->> 'used_after')::bigint - (l ->> 'used_before')::bigint
FROM usage_ledgerentry e, jsonb_array_elements(e.lines) l
WHERE e.kind = 'settlement' AND e.created_at >= %(entries_since)s
  AND (%(workspaces)s::uuid[] IS NULL OR e.workspace_id = ANY (%(workspaces)s))
  AND (l ->> 'used_after')::bigint - (l ->> 'used_before')::bigint > (l ->> 'held')::bigint
"""
SETTLED_ONCE = """
SELECT h.workspace_id, 'hold ' || h.id, (h.state = 'settled')::int, count(e.id)
FROM usage_hold h
LEFT JOIN usage_ledgerentry e ON e.hold_id = h.id AND e.kind = 'settlement' AND e.account = 'workspace'
WHERE h.created_at >= %(entries_since)s AND (%(workspaces)s::uuid[] IS NULL OR h.workspace_id = ANY (%(workspaces)s))
GROUP BY h.id HAVING count(e.id) <> (h.state = 'settled')::int
"""
POOLS = """
SELECT NULL::uuid, 'pool ' || p.meter || ' ' || p.window || ' ' || p.window_start, COALESCE(sum(s.granted), 0), p.held
FROM usage_counter p
LEFT JOIN usage_counter s ON s.subject_kind = 'platform' AND s.workspace_id IS NOT NULL AND s.meter = p.meter
     AND s.window = p.window AND s.window_start = p.window_start
WHERE p.subject_kind = 'platform' AND p.workspace_id IS NULL AND p.window_start >= %(counters_since)s
GROUP BY p.id HAVING p.held <> COALESCE(sum(s.granted), 0)
"""
CORRECTED = """
SELECT r.workspace_id, 'entry ' || r.id, -o.cost_micro, r.cost_micro
FROM usage_ledgerentry r JOIN usage_ledgerentry o ON o.id = r.corrects_id
LEFT JOIN usage_ledgerentry n ON n.corrects_id = r.corrects_id AND n.correction_id = r.correction_id
     AND n.kind = 're-rating'
WHERE r.kind = 'reversal' AND r.created_at >= %(entries_since)s
  AND (%(workspaces)s::uuid[] IS NULL OR r.workspace_id = ANY (%(workspaces)s))
  AND (r.cost_micro <> -o.cost_micro OR r.input_tokens <> -o.input_tokens OR r.output_tokens <> -o.output_tokens
       OR n.id IS NULL)
"""
BEYOND = """
WITH line AS (
    SELECT e.workspace_id, e.kind, (l ->> 'counter')::bigint AS counter, (l ->> 'used_after')::bigint AS used,
           (l ->> 'amount')::bigint AS amount
    FROM usage_ledgerentry e, jsonb_array_elements(e.lines) l
    WHERE e.created_at >= %(entries_since)s
      AND (%(workspaces)s::uuid[] IS NULL OR e.workspace_id = ANY (%(workspaces)s))
)
SELECT workspace_id, 'counter ' || counter, max(amount), max(used) FROM line GROUP BY workspace_id, counter
HAVING max(used) > max(amount) AND bool_and(kind = 'settlement')
"""
STATEMENTS = {
    "I1": COUNTERS, "I2": HELD, "I3": WITHIN, "I4": SETTLED_ONCE, "I5": POOLS, "I7": CORRECTED, "I8": BEYOND,
}  # fmt: skip
BEGINNING = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class Violation:
    """`where`: the counter, entry, hold or pool it is about."""

    invariant: str
    workspace_id: UUID | None
    where: str
    expected: int
    found: int


def check(*, since: datetime = BEGINNING, workspace_ids: Iterable[UUID] | None = None) -> list[Violation]:
    """Every violation in windows that began since then. A window of unlimited length needs `since` left out."""
    parameters = {
        "workspaces": None if workspace_ids is None else list(workspace_ids),
        "counters_since": since.date(),
        "entries_since": since - timedelta(days=2) if since > BEGINNING else since,
    }
    found = []
    with connection.cursor() as cursor:
        for name, statement in STATEMENTS.items():
            cursor.execute(statement, parameters)
            found += [Violation(name, *row) for row in cursor.fetchall()]
    return found + _ended_and_holding(parameters["workspaces"])


def _ended_and_holding(workspaces: Any) -> list[Violation]:
    held = Hold.objects.filter(state=Hold.State.HELD, created_at__lt=timezone.now() - SETTLING)
    if workspaces is not None:
        held = held.filter(workspace_id__in=workspaces)
    by_workspace: dict[UUID, list[UUID]] = defaultdict(list)
    for workspace_id, hold_id in held.values_list("workspace_id", "id"):
        by_workspace[workspace_id].append(hold_id)
    violations = []
    for workspace_id, hold_ids in by_workspace.items():
        ended = _ended(workspace_id, hold_ids)
        still_held = Hold.objects.filter(id__in=ended, state=Hold.State.HELD).values_list("id", flat=True)
        violations += [Violation("I6", workspace_id, f"hold {hold_id}", 0, 1) for hold_id in still_held]
    return violations


def _ended(workspace_id: UUID, hold_ids: list[UUID]) -> set[UUID]:
    """A hold whose workspace is gone has nothing left that could end it."""
    try:
        return ports.runs_ended(workspace_id=workspace_id, run_ids=hold_ids)
    except WorkspaceNotFound:
        return set(hold_ids)
