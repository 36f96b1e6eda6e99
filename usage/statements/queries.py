"""Reads of statements. Those of one workspace; another's is not found."""

import csv
import io
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from config import errors
from usage.statements.models import Statement
from usage.statements.services import SUMMED

COLUMNS = ("provider", "model", "kind", "run_kind", *SUMMED)


class StatementNotFound(errors.NotFound):
    code = "statement_not_found"
    message = "There is no statement of this month."


def list_statements(workspace_id: UUID) -> QuerySet[Statement]:
    """Newest month first."""
    return Statement.objects.filter(workspace_id=workspace_id).order_by("-month")


def access_statement(workspace_id: UUID, month: str) -> Statement:
    """`month` as 2026-03. Raises StatementNotFound."""
    try:
        day = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        raise StatementNotFound() from error
    statement = Statement.objects.filter(workspace_id=workspace_id, month=day).first()
    if statement is None:
        raise StatementNotFound()
    return statement


def as_json(statement: Statement) -> dict[str, Any]:
    return {
        "month": f"{statement.month:%Y-%m}",
        "zone": statement.zone,
        "begins_at": statement.begins_at.isoformat(),
        "ends_at": statement.ends_at.isoformat(),
        "messages": statement.messages,
        "tokens": statement.tokens,
        "cost_micro": statement.cost_micro,
        "lines": statement.lines,
    }


def as_csv(statement: Statement) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["month", *COLUMNS])
    writer.writeheader()
    for line in statement.lines:
        writer.writerow(
            {"month": f"{statement.month:%Y-%m}", **{name: _cell(line[name]) for name in COLUMNS}}
        )
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet must not read a name as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
