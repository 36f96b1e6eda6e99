"""The ZIP of an export: written row by row, so that its size is nobody's memory.

Each model becomes a file for programs (JSON, or JSON lines) and one for people (Markdown); `manifest.json` tells how
many rows each holds and its SHA-256.
"""

import base64
import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from typing import IO, Any

from django.db.models import QuerySet
from django.utils import timezone

from config.personal import Exported

BATCH = 500
SPOOLED = 2**20
Rows = Iterable[dict[str, Any]]


class _Hashed:
    """Writes on, and knows the sum and the length of what it wrote."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._sum = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._sum.update(data)
        self.size += len(data)
        return self._target.write(data)

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()


class Archive:
    """`as_lines`: JSON lines instead of a JSON array. `on_rows`: called after each batch of rows."""

    def __init__(self, file: IO[bytes], *, as_lines: bool, on_rows: Callable[[], None]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._as_lines, self._on_rows = as_lines, on_rows
        self._manifest: list[dict[str, Any]] = []

    def add_rows(self, folder: str, item: Exported, rows: Rows) -> int:
        """Both files of one model; nothing when it has no rows. Returns how many there were."""
        found = iter(rows)
        first = next(found, None)
        if first is None:
            return 0
        stem = f"{folder}/{item.model.replace('.', '-').lower()}"
        with tempfile.SpooledTemporaryFile(SPOOLED) as readable:
            readable.write(f"# {item.title}\n".encode())
            count = self._add_json(stem, _chain(first, found), readable)
            readable.seek(0)
            with self._entry(f"{stem}.md", count) as target:
                shutil.copyfileobj(readable, target)
        return count

    def _add_json(self, stem: str, rows: Iterator[dict[str, Any]], readable: IO[bytes]) -> int:
        """The rows for programs; those for people go to `readable` on the way."""
        count = 0
        name = f"{stem}.jsonl" if self._as_lines else f"{stem}.json"
        with self._entry(name, 0) as target:
            for row in rows:
                text = json.dumps(row, ensure_ascii=False, default=as_text)
                target.write(self._before(count).encode() + text.encode(errors="replace"))
                readable.write(as_markdown(row).encode(errors="replace"))
                count += 1
            target.write(b"\n" if self._as_lines else b"\n]\n")
        self._manifest[-1]["rows"] = count
        return count

    def _before(self, count: int) -> str:
        if self._as_lines:
            return "\n" if count else ""
        return ",\n" if count else "[\n"

    def add_file(self, name: str, source: IO[bytes]) -> None:
        with self._entry(name) as target:
            shutil.copyfileobj(source, target)

    def add_text(self, name: str, text: str) -> None:
        with self._entry(name) as target:
            target.write(text.encode())

    @contextmanager
    def _entry(self, name: str, rows: int | None = None) -> Iterator[_Hashed]:
        info = zipfile.ZipInfo(name, timezone.now().timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        with self._zip.open(info, "w", force_zip64=True) as raw:
            target = _Hashed(raw)
            yield target
        said: dict[str, Any] = {"file": name, "bytes": target.size, "sha256": target.digest}
        self._manifest.append(said if rows is None else {**said, "rows": rows})
        self._on_rows()

    def close(self, **about: Any) -> None:
        """Writes the manifest, which says everything but itself."""
        manifest = {**about, "made_at": timezone.now(), "files": self._manifest}
        self._zip.writestr("manifest.json", json.dumps(manifest, indent=2, default=as_text))
        self._zip.close()


def _chain(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def read(item: Exported, rows: QuerySet[Any], whose: Any) -> Iterator[dict[str, Any]]:
    """The exported fields of the rows, a batch at a time from the database."""
    ordered = rows if rows.ordered else rows.order_by("pk")
    found = ordered.values(*item.fields).iterator(chunk_size=BATCH)
    if item.shape is None:
        yield from found
        return
    while batch := list(islice(found, BATCH)):
        yield from item.shape(batch, whose)


def as_text(value: Any) -> str:
    """What JSON has no word for."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return str(value)


def as_markdown(row: dict[str, Any]) -> str:
    """A row as a list; texts of several lines as quotations."""
    lines = ["", "---", ""]
    for name, value in row.items():
        label = name.replace("__", " ").replace("_", " ").capitalize()
        text = _words(value)
        if "\n" in text or len(text) > 200:
            lines += [f"- **{label}:**", "", *(f"  > {line}".rstrip() for line in text.splitlines()), ""]
        elif text:
            lines.append(f"- **{label}:** {text}")
    return "\n".join(lines) + "\n"


def _words(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2, default=as_text)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    return as_text(value)
