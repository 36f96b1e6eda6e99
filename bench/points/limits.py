"""Limits of the workspace under test, written as rows: loads at points need wide ones, or ones that fill."""

from bench.target import Target

WIDE = 10**15
METERS = ("messages", "tokens", "cost_micro")
WIDEN = "UPDATE usage_limit SET amount = %s WHERE workspace_id = %s"
PUT = """
INSERT INTO usage_limit (workspace_id, subject_kind, subject_id, meter, "window", amount, warn_percent, block_percent,
                         source, created_at)
VALUES (%s, 'workspace', '', %s, 'total', %s, 100, 100, 'plan', now())
ON CONFLICT (workspace_id, subject_kind, subject_id, meter, "window") DO UPDATE SET amount = EXCLUDED.amount
"""
USED = """
SELECT COALESCE(max(used), 0) FROM usage_counter
WHERE workspace_id = %s AND subject_kind = 'workspace' AND meter = %s AND "window" = 'total'
"""
INPUT = """
SELECT (request #>> '{meters,tokens,0}')::bigint / 1000000 FROM usage_hold WHERE workspace_id = %s
ORDER BY created_at DESC LIMIT 1
"""


def widen(target: Target) -> None:
    """Nothing is refused, and runs are counted from now on against each limit that loads fill."""
    workspace_id, _ = target.workspace()
    with target.database() as connection:
        connection.execute(WIDEN, [WIDE, workspace_id])
        for meter in METERS:
            connection.execute(PUT, [workspace_id, meter, WIDE])


def leave(target: Target, meter: str, spare: int) -> None:
    """So much of a meter is left."""
    workspace_id, _ = target.workspace()
    with target.database() as connection:
        used = connection.execute(USED, [workspace_id, meter]).fetchone()
        assert used is not None
        connection.execute(PUT, [workspace_id, meter, int(used[0]) + spare])


def last_input(target: Target) -> int:
    """How many tokens the last question had."""
    workspace_id, _ = target.workspace()
    with target.database() as connection:
        row = connection.execute(INPUT, [workspace_id]).fetchone()
    assert row is not None
    return int(row[0])
