"""Responses that a browser saves."""

import json
import tempfile
from pathlib import Path
from typing import Any

from django.http import FileResponse, HttpResponse

from usage.receipts import documents
from usage.receipts.models import Checkpoint

VERIFIER = Path(__file__).with_name("verify.py")


def document(value: dict[str, Any], name: str) -> HttpResponse:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return _attachment(HttpResponse(text, content_type="application/json"), name)


def note(checkpoint: Checkpoint) -> HttpResponse:
    """The checkpoint as `verify.py --checkpoint` reads it."""
    response = HttpResponse(checkpoint.note, content_type="text/plain; charset=utf-8")
    return _attachment(response, f"{checkpoint.log.kind}-{checkpoint.size}.checkpoint.txt")


def log(checkpoint: Checkpoint) -> FileResponse:
    """Written to a temporary file first: the response is sent without a database connection, whatever its size."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    for line in documents.log_lines(checkpoint):
        file.write(line.encode())
    file.seek(0)
    name = f"{checkpoint.log.kind}-{checkpoint.size}.jsonl"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/jsonl")


def verifier() -> HttpResponse:
    return _attachment(HttpResponse(VERIFIER.read_bytes(), content_type="text/x-python"), VERIFIER.name)


def _attachment(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
