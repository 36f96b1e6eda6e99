"""The audit log as a file: CSV for spreadsheets, JSON lines for programs."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import IO, Any
from uuid import UUID

from accounts.auditlog import presenters, queries
from accounts.auditlog.presenters import Line
from accounts.auditlog.queries import Known, Wanted
from tenants.models import AuditEntry

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    "id", "at", "action", "what", "who", "actor_kind", "actor_ref", "address", "device", "agent", "session",
    "target_type", "target_id", "target", "before", "after", "data", "personal", "request_id",
)  # fmt: skip


def as_json(entry: AuditEntry, known: Known) -> dict[str, Any]:
    """One entry as the API and JSON lines tell it; `from` and `personal` are null where they were erased."""
    line = presenters.line(entry, known)
    data = dict(entry.data)
    return {
        "id": entry.id,
        "at": entry.created_at.isoformat(),
        "action": entry.action,
        "what": line.what,
        "actor": {"kind": entry.actor_kind, "ref": _text(entry.actor_ref), "name": line.who},
        "from": _origin(line),
        "target": {"type": entry.target_type, "id": entry.target_id, "name": line.target}
        if entry.target_type
        else None,
        "before": data.pop("before", None),
        "after": data.pop("after", None),
        "data": data,
        "personal": {fact.name: fact.value for fact in line.personal} or None,
        "request_id": entry.request_id,
    }


def write(form: str, workspace_id: UUID, wanted: Wanted) -> IO[bytes]:
    """`form`: csv or jsonl. To a temporary file, a batch at a time: it is sent without a database connection, whatever
    its size. Inside the workspace."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    for line in FORMS[form](workspace_id, wanted):
        file.write(line.encode())
    file.seek(0)
    return file


def _entries(workspace_id: UUID, wanted: Wanted) -> Iterator[dict[str, Any]]:
    for rows in queries.batches_of_entries(workspace_id, wanted):
        known = queries.know(workspace_id, rows)
        yield from (as_json(row, known) for row in rows)


def _json_lines(workspace_id: UUID, wanted: Wanted) -> Iterator[str]:
    for entry in _entries(workspace_id, wanted):
        yield json.dumps(entry, ensure_ascii=False) + "\n"


def _csv(workspace_id: UUID, wanted: Wanted) -> Iterator[str]:
    yield _row(COLUMNS)
    for entry in _entries(workspace_id, wanted):
        origin, target = entry["from"] or {}, entry["target"] or {}
        values = {
            **entry,
            "who": entry["actor"]["name"],
            "actor_kind": entry["actor"]["kind"],
            "actor_ref": entry["actor"]["ref"],
            **{name: origin.get(name, "") for name in ("address", "device", "agent", "session")},
            "target_type": target.get("type", ""),
            "target_id": target.get("id", ""),
            "target": target.get("name", ""),
        }
        yield _row([_cell(values[name]) for name in COLUMNS])


FORMS: dict[str, Callable[[UUID, Wanted], Iterator[str]]] = {"csv": _csv, "jsonl": _json_lines}


def _row(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    """Nested values as JSON. What a spreadsheet would run begins with an apostrophe."""
    if value is None or value == {}:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # SECURITY: names, reasons and browsers are other people's texts.
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _origin(line: Line) -> dict[str, str] | None:
    if line.origin is None or line.origin.is_erased:
        return None
    said = asdict(line.origin)
    del said["is_erased"]
    return said


def _text(ref: UUID | None) -> str | None:
    return str(ref) if ref else None
