"""PDF by pypdf, which limits what a stream unpacks to: page by page, with the outline’s titles as headings."""

import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pypdf
from pypdf.errors import PyPdfError

from assistants.documents.reader.parts import Document, Headings, Part, Progress, Refused, clean, one_line

MAX_PAGES = 1_500
FULL_PERCENT = 70
SOFT_HYPHEN = "\u00ad\n"
MAX_OUTLINE = 5_000


def read(content: bytes, tell: Progress) -> Document:
    try:
        reader = pypdf.PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused("file_encrypted")
        pages = len(reader.pages)
    except PyPdfError as error:
        raise Refused("file_unreadable") from error
    if pages > MAX_PAGES:
        raise Refused("too_many_pages")
    return Document(pages, _parts(reader, pages, tell))


def _parts(reader: pypdf.PdfReader, pages: int, tell: Progress) -> Iterator[Part]:
    titles = _titles(reader)
    headings = Headings()
    for number, page in enumerate(reader.pages, start=1):
        try:
            text = clean(page.extract_text().replace(SOFT_HYPHEN, "-\n"))
        except PyPdfError as error:
            raise Refused("file_unreadable") from error
        yield from _page(text, number, titles.get(number, []), headings)
        tell(100 * number // pages)


def _page(text: str, number: int, titles: list[tuple[int, str]], headings: Headings) -> Iterator[Part]:
    """A line that is an outline's title begins its section; titles that are no line of their own begin at the top."""
    lines = [line for line in text.split("\n") if line.strip()]
    standing = {one_line(line) for line in lines}
    for level, title in titles:
        if title not in standing:
            headings.enter(level, title)
    waiting = [(level, title) for level, title in titles if title in standing]
    full = max(map(len, lines), default=0) * FULL_PERCENT // 100
    held, last = "", ""
    for line in lines:
        begins = bool(waiting) and one_line(line) == waiting[0][1]
        if held and (begins or not _goes_on(last, full)):
            yield Part(held, number, headings.text)
            held = ""
        if begins:
            headings.enter(*waiting.pop(0))
            yield Part(line, number, headings.text)
        else:
            held, last = _joined(held, line), line
    if held:
        yield Part(held, number, headings.text)


def _goes_on(text: str, full: int) -> bool:
    """Whether a line was broken for want of room: it is about as long as lines are here, and ends no sentence."""
    return len(text) >= full and text[-1] not in ".!?:;"


def _joined(held: str, line: str) -> str:
    """A word that was broken is whole again."""
    if not held:
        return line
    if held.endswith("-") and held[-2:-1].isalpha() and line[:1].islower():
        return held[:-1] + line
    return f"{held} {line}"


def _titles(reader: pypdf.PdfReader) -> dict[int, list[tuple[int, str]]]:
    """Page → (level, title) in order. An outline that cannot be read is none."""
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    try:
        _collect(reader, reader.outline, 1, found)
    except (PyPdfError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return found


def _collect(
    reader: pypdf.PdfReader, items: list[Any], level: int, found: dict[int, list[tuple[int, str]]]
) -> None:
    for item in items[:MAX_OUTLINE]:
        if isinstance(item, list):
            _collect(reader, item, level + 1, found)
            continue
        page = reader.get_destination_page_number(item)
        title = one_line(str(item.title or ""))
        if page is not None and page >= 0 and title:
            found[page + 1].append((level, title))
