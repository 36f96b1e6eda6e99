"""The response with a picture that was given with a question, for pages and REST."""

from django.core.files.storage import default_storage
from django.http import FileResponse

from assistants.models import Attachment
from config import errors

SHOWN = ("image/png", "image/jpeg")
"""What `images` writes. Nothing else is shown by the browser as a picture of ours, SVG least of all."""


def response(row: Attachment) -> FileResponse:
    """The caller may see it. Raises NotFound for a document, and for a file that is gone."""
    if not row.file or row.media_type not in SHOWN:
        raise errors.NotFound()
    try:
        file = default_storage.open(row.file)
    except FileNotFoundError as error:
        raise errors.NotFound() from error
    found = FileResponse(file, filename=row.name, content_type=row.media_type)
    found["X-Content-Type-Options"] = "nosniff"
    found["Content-Security-Policy"] = "default-src 'none'; sandbox"
    found["Cache-Control"] = "private, max-age=3600, immutable"
    return found
