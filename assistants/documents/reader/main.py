"""The process: file on stdin, media type as argument, one JSON object a line on stdout.

`{"progress": 40}` while it reads, then `{"pages": …, "chunks": [[page, heading, text, tokens], …]}` or
`{"refused": code}`. It ends with 0 after either; anything else is a death.
"""

import argparse
import csv
import json
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from typing import Any

from assistants.documents import formats, texts
from assistants.documents.reader import limits
from assistants.documents.reader.parts import Document, Progress, Refused

STEP = 5
PACKAGE = "assistants.documents.reader"
# Media type → module, function, whether it reads text.
READERS = {
    formats.PDF: ("pdf", "read", False),
    formats.DOCX: ("office", "read_word", False),
    formats.PPTX: ("office", "read_slides", False),
    formats.XLSX: ("workbook", "read_workbook", False),
    formats.CSV: ("rows", "read_csv", True),
    formats.MARKDOWN: ("markup", "read_markdown", True),
    formats.HTML: ("markup", "read_html", True),
    formats.PLAIN: ("markup", "read_plain", True),
}
# What libraries raise for files that are broken or lie. A failed import of ours is none of these.
BROKEN = (
    KeyError, ValueError, AttributeError, IndexError, TypeError, SyntaxError, OSError, EOFError, AssertionError,
    zipfile.BadZipFile, csv.Error, RecursionError, OverflowError,
)  # fmt: skip


def main() -> None:
    options = _options()
    limits.set_limits(memory=options.memory, cpu_s=options.cpu_s, wall_s=options.wall_s)
    try:
        answer = _read(sys.stdin.buffer.read(), options.media_type)
    except Refused as refused:
        answer = {"refused": refused.code}
    except MemoryError:
        answer = {"refused": "parser_memory"}
    _say(answer)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("media_type")
    for name in ("memory", "cpu-s", "wall-s"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser.parse_args()


def _read(content: bytes, media_type: str) -> dict[str, object]:
    read = _reader_of(media_type)
    from assistants.documents.reader.chunks import chunks_of  # noqa: PLC0415  under the limits

    limits.forbid()
    try:
        document = read(content, _teller())
        chunks = list(chunks_of(document.parts))
    except BROKEN as error:
        raise Refused("file_unreadable") from error
    if not chunks:
        raise Refused("no_text")
    return {
        "pages": document.pages,
        "chunks": [[chunk.page, chunk.heading, chunk.text, chunk.tokens] for chunk in chunks],
    }


def _reader_of(media_type: str) -> Callable[[bytes, Progress], Document]:
    """Only the library of what is read is loaded, and before files are closed to writing."""
    if media_type not in READERS:
        raise Refused("type_not_allowed")
    module, function, is_text = READERS[media_type]
    read: Callable[[Any, Progress], Document] = getattr(import_module(f"{PACKAGE}.{module}"), function)
    if not is_text:
        return read
    return lambda content, tell: read(_decoded(content), tell)


def _decoded(content: bytes) -> str:
    text = texts.decode(content)
    if text is None:
        raise Refused("file_unreadable")
    return text


def _teller() -> Progress:
    told = 0

    def tell(percent: int) -> None:
        nonlocal told
        if percent >= told + STEP:
            told = percent
            _say({"progress": min(percent, 99)})

    return tell


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what, ensure_ascii=True) + "\n")
    sys.stdout.flush()
