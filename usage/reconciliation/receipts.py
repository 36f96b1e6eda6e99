"""How the closing compares the ledger with receipts: settlement by settlement, summed by model.

A receipt is written in its settlement's transaction, so they are joined by run and not by the clock. A body is read as
JSON only where it is the one that was hashed; what was altered says nothing, and so differs.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

SUMS = """
WITH settled AS (
    SELECT hold_id, model, cost_micro, input_tokens, output_tokens FROM usage_ledgerentry
    WHERE workspace_id = %(workspace)s AND account = 'workspace' AND kind = 'settlement'
      AND created_at >= %(begins)s AND created_at < %(ends)s
), receipt AS MATERIALIZED (
    SELECT r.id, r.hold_id, r.model, CASE WHEN r.leaf_hash IS NULL
        OR r.leaf_hash = sha256('\\x00'::bytea || convert_to(r.body, 'UTF8')) THEN r.body::jsonb END AS body
    FROM usage_receipt r JOIN settled USING (hold_id)
), alone AS (
    SELECT r.model, count(*) AS found FROM usage_receipt r
    WHERE r.workspace_id = %(workspace)s AND r.created_at >= %(begins)s AND r.created_at < %(ends)s
      AND NOT EXISTS (SELECT 1 FROM usage_ledgerentry e
                      WHERE e.hold_id = r.hold_id AND e.account = 'workspace' AND e.kind = 'settlement')
    GROUP BY 1
)
SELECT s.model, count(*), count(r.id),
       sum(s.cost_micro)::bigint, COALESCE(sum((r.body #>> '{cost,micro}')::bigint), 0)::bigint,
       sum(s.input_tokens)::bigint, COALESCE(sum((r.body #>> '{usage,input_tokens}')::bigint), 0)::bigint,
       sum(s.output_tokens)::bigint, COALESCE(sum((r.body #>> '{usage,output_tokens}')::bigint), 0)::bigint
FROM settled s LEFT JOIN receipt r USING (hold_id) GROUP BY 1
UNION ALL SELECT model, 0, found, 0, 0, 0, 0, 0, 0 FROM alone
"""
SUBJECTS = ("receipts", "cost_micro", "input_tokens", "output_tokens")


@dataclass(frozen=True)
class Difference:
    """`expected` by the ledger, `found` in receipts."""

    model: str
    subject: str
    expected: int
    found: int


def differences(*, workspace_id: UUID, begins_at: datetime, ends_at: datetime) -> list[Difference]:
    """Of the settlements written in [begins_at, ends_at). One query."""
    with connection.cursor() as cursor:
        cursor.execute(SUMS, {"workspace": workspace_id, "begins": begins_at, "ends": ends_at})
        rows = cursor.fetchall()
    return [
        Difference(model, subject, expected, found)
        for model, *sums in sorted(rows)
        for subject, expected, found in zip(SUBJECTS, sums[::2], sums[1::2], strict=True)
        if expected != found
    ]
