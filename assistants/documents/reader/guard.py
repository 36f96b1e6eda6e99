"""Office files are looked through before a library sees them: all of every part, where `archives` saw its head."""

import io
import zipfile

from assistants.documents import texts
from assistants.documents.reader.parts import Refused

MAX_PART = 64 * 1024 * 1024


def guard(content: bytes) -> None:
    """Raises Refused for a part that declares entities, or that is too large."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if not entry.filename.casefold().endswith((".xml", ".rels", ".vml")):
                continue
            if entry.file_size > MAX_PART:
                raise Refused("too_much_text")
            if texts.declares(archive.read(entry)):
                raise Refused("file_unsafe")
