"""The control: a second settlement and a lost run, put into the books, must be seen. All of it is taken back."""

from typing import Any, cast

import psycopg
from django.db import connection, transaction
from psycopg import sql

from bench import books
from bench.trials import Case, Tally, judge
from bench.turns import Seen, Turn
from tenants.models import Workspace
from usage.reconciliation import invariants

SETTLED = """
SELECT hold_id::text FROM usage_ledgerentry WHERE workspace_id = %s AND kind = 'settlement' AND account = 'workspace'
ORDER BY id DESC LIMIT 2
"""
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = 'usage_ledgerentry' AND column_name <> 'id'
"""
LOSE_HOLD = "UPDATE usage_hold SET state = 'held', resolved_at = NULL WHERE id = %s"
LOSE_RUN = "UPDATE {} SET state = 'running', finished_at = NULL WHERE id = %s"


def seen() -> dict[str, int]:
    """How many of what was put in the judge and the invariants see. Needs two settled runs of acme."""
    workspace = Workspace.objects.get(slug="acme")
    with transaction.atomic():
        connection.ensure_connection()
        raw = cast("psycopg.Connection[Any]", connection.connection)
        twice, lost = (row[0] for row in raw.execute(SETTLED, [workspace.id]).fetchall())
        _settle_again(raw, twice)
        raw.execute(LOSE_HOLD, [lost])
        raw.execute(sql.SQL(LOSE_RUN).format(sql.Identifier(workspace.schema_name, "assistants_run")), [lost])
        found = books.read_from(raw, workspace.schema_name, [twice, lost])
        tally = Tally("injected")
        for entry in found.values():
            case = Case(Turn("", run_id=entry.run_id), entry.text, 0.0)
            case.turn.seen = Seen(text=entry.text, state=entry.state)
            judge(tally, case, entry, killed_at=0.0)
        broken = invariants.check(workspace_ids=[workspace.id])
        transaction.set_rollback(True)
    return {"charged_twice": tally.charged_twice, "lost": tally.lost, "broken_invariants": len(broken)}


def _settle_again(raw: "psycopg.Connection[Any]", run_id: str) -> None:
    """What the unique index would refuse."""
    raw.execute("DROP INDEX ledger_one_settlement")
    names = sql.SQL(", ").join(sql.Identifier(row[0]) for row in raw.execute(COLUMNS).fetchall())
    copy = "INSERT INTO usage_ledgerentry ({0}) SELECT {0} FROM usage_ledgerentry WHERE hold_id = %s"
    raw.execute(sql.SQL(copy).format(names), [run_id])
