"""Responses that a browser saves."""

from typing import IO

from django.http import FileResponse
from django.utils import timezone

TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


def attachment(file: IO[bytes], form: str, slug: str) -> FileResponse:
    name = f"audit-{slug}-{timezone.now():%Y-%m-%d}.{form}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=TYPES[form])
