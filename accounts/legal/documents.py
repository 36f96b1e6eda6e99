"""The legal pages: Markdown files with a version and a date, in `legal/` or where LEGAL_DIR says."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from config import errors, markdown

SLUGS = ("terms", "privacy", "data-processing", "cookies")
MUST_ACCEPT = ("terms", "privacy")
"""What signing up accepts, and what is asked again after a change of version."""
FRONT = re.compile(r"\A---\n(?P<front>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)


class DocumentUnreadable(Exception):
    """A file that is missing or has no title, version and date."""


@dataclass(frozen=True)
class Document:
    slug: str
    title: str
    version: str
    date: date
    html: str
    """Sanitised."""


def get(slug: str) -> Document:
    """Read again when the file changes. Raises NotFound, DocumentUnreadable."""
    if slug not in SLUGS:
        raise errors.NotFound()
    path = Path(settings.LEGAL_DIR) / f"{slug}.md"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise DocumentUnreadable(f"{path} cannot be read") from error


def list_all() -> list[Document]:
    return [get(slug) for slug in SLUGS]


def current() -> dict[str, str]:
    """Version by slug of what has to be accepted."""
    return {slug: get(slug).version for slug in MUST_ACCEPT}


def list_missing(accepted: dict[str, str]) -> list[Document]:
    """What somebody who accepted these versions has not accepted yet. No query."""
    return [get(slug) for slug, version in current().items() if accepted.get(slug) != version]


@lru_cache(maxsize=32)
def _read(path: Path, changed_ns: int) -> Document:
    found = FRONT.match(path.read_text(encoding="utf-8").replace("\r\n", "\n"))
    front: Any = yaml.safe_load(found["front"]) if found else None
    if not found or not isinstance(front, dict) or not isinstance(front.get("date"), date):
        raise DocumentUnreadable(f"{path} does not begin with title, version and date between two lines ---")
    title, version = str(front.get("title", "")), str(front.get("version", ""))
    if not title or not version or len(version) > 40:
        raise DocumentUnreadable(f"{path} needs a title, and a version of up to 40 characters")
    return Document(path.stem, title, version, front["date"], markdown.render(found["body"]))
