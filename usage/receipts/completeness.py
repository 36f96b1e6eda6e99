"""Is everything in a log that must be? Receipts are compared one to one with the ledger's settlements, audit leaves
with the audit entries."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from usage.receipts.models import PLATFORM, LogKind, Receipt
from usage.receipts.verdicts import Verdict

OVERLAP = timedelta(hours=1)
"""A settlement gets its instant before its commit; none takes longer."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
COUNTS = """
SELECT (SELECT count(*) FROM usage_ledgerentry
        WHERE workspace_id = %(workspace)s AND kind = 'settlement' AND account = 'workspace'
          AND created_at >= %(since)s),
       (SELECT count(*) FROM usage_receipt WHERE workspace_id = %(workspace)s AND state = 'pending')
"""
# For a workspace, from an instant on, or for one run of it: what either book has since then, beside what the other has
# of the same run. A body is read as JSON only where it is the one that was hashed: what was altered is a matter of
# integrity. MATERIALIZED: it is read once.
COMPARE = """
WITH run AS (
    SELECT hold_id FROM usage_ledgerentry
    WHERE workspace_id = %(workspace)s AND kind = 'settlement' AND account = 'workspace'
      AND created_at >= %(since)s AND (%(run)s::uuid IS NULL OR hold_id = %(run)s)
    UNION
    SELECT hold_id FROM usage_receipt
    WHERE workspace_id = %(workspace)s AND created_at >= %(since)s AND (%(run)s::uuid IS NULL OR hold_id = %(run)s)
), settled AS (
    SELECT e.* FROM usage_ledgerentry e JOIN run USING (hold_id)
    WHERE workspace_id = %(workspace)s AND kind = 'settlement' AND account = 'workspace'
), receipt AS MATERIALIZED (
    SELECT r.id, hold_id, CASE
        WHEN leaf_hash = sha256('\\x00'::bytea || convert_to(body, 'UTF8')) THEN body::jsonb END AS body
    FROM usage_receipt r JOIN run USING (hold_id) WHERE workspace_id = %(workspace)s
), compared AS (
    SELECT settled.hold_id AS run, receipt.id AS receipt, receipt.body IS NOT NULL AND
        (body #>> '{cost,micro}', body #>> '{cost,priced_as}', body #>> '{model,provider}',
         body #>> '{usage,input_tokens}', body #>> '{usage,output_tokens}')
        IS DISTINCT FROM
        (settled.cost_micro::text, settled.model::text, settled.provider::text,
         settled.input_tokens::text, settled.output_tokens::text) AS differs
    FROM settled FULL JOIN receipt ON receipt.hold_id = settled.hold_id
)
SELECT run, receipt FROM compared WHERE run IS NULL OR receipt IS NULL OR differs
"""
LATE_RECEIPTS = """
SELECT id FROM usage_receipt WHERE workspace_id = %(workspace)s AND state = 'pending'
AND created_at < statement_timestamp() - interval '1 minute'
"""
# An entry without a workspace is the platform's.
MINE = (
    f"""(e.workspace_id = %(workspace)s OR e.workspace_id IS NULL AND %(workspace)s = '{PLATFORM}'::uuid)"""
)
AUDIT_COUNTS = f"""
SELECT (SELECT count(*) FROM tenants_auditentry e WHERE {MINE} AND e.created_at >= %(since)s),
       (SELECT count(*) FROM usage_auditpending WHERE workspace_id = %(workspace)s)
"""  # noqa: S608  put together from constants
LATE_ENTRIES = f"""
SELECT e.id FROM tenants_auditentry e LEFT JOIN usage_logleaf l ON l.entry_id = e.id
WHERE {MINE} AND l.id IS NULL AND e.created_at >= %(since)s
AND e.created_at < statement_timestamp() - interval '1 minute'
"""  # noqa: S608  put together from constants
LOST_ENTRIES = """
SELECT p.entry_id FROM usage_auditpending p LEFT JOIN tenants_auditentry e ON e.id = p.entry_id
WHERE p.workspace_id = %(workspace)s AND e.id IS NULL
"""


def examine(workspace_id: UUID, kind: LogKind, *, since: datetime = BEGINNING) -> tuple[Verdict, int]:
    """The verdict on what was recorded from then on, and how many leaves wait for their number."""
    values = {"workspace": workspace_id, "run": None, "since": since}
    if kind == LogKind.AUDIT:
        ((checked, pending),) = _ask(AUDIT_COUNTS, values)
        verdict = Verdict(checked=checked)
        late = (entry for (entry,) in _ask(LATE_ENTRIES, values))
        verdict.note("entry_not_logged", "Audit entry {} has no leaf.", late)
        lost = (entry for (entry,) in _ask(LOST_ENTRIES, values))
        verdict.note("entry_missing", "Audit entry {} is gone before it got its leaf.", lost)
        return verdict, pending
    ((checked, pending),) = _ask(COUNTS, values)
    verdict = Verdict(checked=checked)
    _compare(verdict, {**values, "since": since - OVERLAP if since > BEGINNING else since})
    waiting = (receipt for (receipt,) in _ask(LATE_RECEIPTS, values))
    verdict.note("receipt_not_numbered", "Receipt {} still waits for its number.", waiting)
    return verdict, pending


def examine_one(receipt: Receipt) -> Verdict:
    verdict = Verdict(checked=1)
    _compare(verdict, {"workspace": receipt.workspace_id, "run": receipt.hold_id, "since": BEGINNING})
    return verdict


def _compare(verdict: Verdict, values: dict[str, Any]) -> None:
    rows = _ask(COMPARE, values)
    without = (run for run, receipt in rows if receipt is None)
    verdict.note("settlement_without_receipt", "Run {} was settled and has no receipt.", without)
    extra = (receipt for run, receipt in rows if run is None)
    verdict.note("receipt_without_settlement", "Receipt {} has no settlement in the ledger.", extra)
    different = (receipt for run, receipt in rows if run is not None and receipt is not None)
    verdict.note("receipt_differs", "Receipt {} says something else than the ledger.", different)


def _ask(statement: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
