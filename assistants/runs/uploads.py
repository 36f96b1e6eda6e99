"""Files that go with a call to the provider: kept until its run has ended, whichever way."""

import logging
import re
from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from tenants import keys

FOLDER = "calls"
MOST_NAME = 80
# Servers tell the format by the end of the name.
STRANGE = re.compile(r"[^\w.-]+", re.ASCII)
logger = logging.getLogger(__name__)


def keep(workspace_id: UUID, content: bytes) -> str:
    """Its name in the storage of files."""
    name: str = default_storage.save(keys.file_name(workspace_id, FOLDER, str(uuid4())), ContentFile(content))
    return name


def told_name(name: str) -> str:
    """As the provider is told: without what people called it but for its end."""
    suffix = STRANGE.sub("", PurePath(name).suffix.lower())
    return f"sound{suffix[:MOST_NAME]}" if len(suffix) > 1 else "sound.wav"


def delete(name: str) -> None:
    try:
        default_storage.delete(name)
    except OSError:
        logger.exception("a file that went with a call could not be deleted", extra={"file": name})


def of_request(request: dict[str, Any]) -> str:
    """The name of what goes with a run; empty for nothing."""
    upload: str = request.get("call", {}).get("upload", "")
    return upload
