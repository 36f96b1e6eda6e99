"""The process: file on stdin, media type as argument, one JSON object a line on stdout.

`{"progress": 40}` while it reads, then `{"pages": …, "chunks": [[page, heading, text, tokens], …]}` or
`{"refused": code}`. It ends with 0 after either; anything else is a death.
"""

import argparse
import json
import sys
from collections.abc import Callable

from assistants.documents import formats, texts
from assistants.documents.reader import limits
from assistants.documents.reader.parts import Document, Progress, Refused

STEP = 5


def main() -> None:
    options = _options()
    limits.set_limits(memory=options.memory, cpu_s=options.cpu_s, wall_s=options.wall_s)
    try:
        answer = _read(sys.stdin.buffer.read(), options.media_type)
    except Refused as refused:
        answer = {"refused": refused.code}
    except MemoryError:
        answer = {"refused": "parser_memory"}
    except RecursionError:
        answer = {"refused": "file_unreadable"}
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
    except _broken() as error:
        raise Refused("file_unreadable") from error
    if not chunks:
        raise Refused("no_text")
    return {
        "pages": document.pages,
        "chunks": [[chunk.page, chunk.heading, chunk.text, chunk.tokens] for chunk in chunks],
    }


def _broken() -> tuple[type[Exception], ...]:
    from assistants.documents.reader.office import BROKEN  # noqa: PLC0415

    return BROKEN


def _reader_of(media_type: str) -> Callable[[bytes, Progress], Document]:
    """Libraries are loaded only for what they read, and before files are closed to writing."""
    from assistants.documents.reader import markup, office, pdf, rows  # noqa: PLC0415

    of_bytes = {
        formats.PDF: pdf.read,
        formats.DOCX: office.read_word,
        formats.PPTX: office.read_slides,
        formats.XLSX: office.read_workbook,
    }
    of_text = {
        formats.CSV: rows.read_csv,
        formats.MARKDOWN: markup.read_markdown,
        formats.HTML: markup.read_html,
        formats.PLAIN: markup.read_plain,
    }
    if media_type in of_bytes:
        return of_bytes[media_type]
    if media_type not in of_text:
        raise Refused("type_not_allowed")
    return lambda content, tell: of_text[media_type](_decoded(content), tell)


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
