"""The response with a file as it was uploaded, for pages and REST."""

from django.core.files.storage import default_storage
from django.http import FileResponse

from assistants.models import Document
from config import errors


def response(row: Document) -> FileResponse:
    """To be saved: never shown by the browser as a page of ours. Raises NotFound for a file that is gone."""
    try:
        file = default_storage.open(row.file)
    except FileNotFoundError as error:
        raise errors.NotFound() from error
    found = FileResponse(file, as_attachment=True, filename=row.name, content_type="application/octet-stream")
    found["X-Content-Type-Options"] = "nosniff"
    found["Content-Security-Policy"] = "default-src 'none'; sandbox"
    found["Cache-Control"] = "private, no-store"
    return found
