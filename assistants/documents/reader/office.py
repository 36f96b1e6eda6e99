"""Word, PowerPoint and Excel files. All parts are looked through for declared entities before a library sees them."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import docx
import openpyxl
import pptx
from docx.table import Table
from docx.text.paragraph import Paragraph
from openpyxl.utils.exceptions import InvalidFileException

from assistants.documents import texts
from assistants.documents.reader.parts import Document, Headings, Part, Progress, Refused, clean, one_line
from assistants.documents.reader.rows import table_parts

MAX_PART = 64 * 1024 * 1024
MAX_SLIDES = 1_500
MAX_SHEETS = 200
MAX_ROWS = 100_000
BROKEN = (
    KeyError, ValueError, AttributeError, IndexError, TypeError, SyntaxError, OSError, EOFError, AssertionError,
    zipfile.BadZipFile, InvalidFileException,
)  # fmt: skip
HEADING = re.compile(r"^heading (\d)$", re.I)


def _guard(content: bytes) -> None:
    """Raises Refused. More than a head was too much for whoever took the file in."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if not entry.filename.casefold().endswith((".xml", ".rels", ".vml")):
                continue
            if entry.file_size > MAX_PART:
                raise Refused("too_much_text")
            if texts.declares(archive.read(entry)):
                raise Refused("file_unsafe")


def read_word(content: bytes, tell: Progress) -> Document:
    _guard(content)
    return Document(0, _word(docx.Document(io.BytesIO(content)), tell))


def _word(document: Any, tell: Progress) -> Iterator[Part]:
    headings = Headings()
    blocks = list(document.iter_inner_content())
    for number, block in enumerate(blocks, start=1):
        if isinstance(block, Table):
            yield from table_parts(_cells(block), 0, headings.text)
        elif isinstance(block, Paragraph):
            yield from _paragraph(block, headings)
        if number % 50 == 0:
            tell(100 * number // len(blocks))


def _cells(table: Table) -> Iterator[list[str]]:
    for row in table.rows:
        yield [one_line(cell.text) for cell in row.cells]


def _paragraph(paragraph: Paragraph, headings: Headings) -> Iterator[Part]:
    text = clean(paragraph.text)
    if not text.strip():
        return
    style = (paragraph.style.name if paragraph.style is not None else "") or ""
    found = HEADING.match(style)
    if found or style == "Title":
        headings.enter(int(found[1]) if found else 0, one_line(text))
    yield Part(text, 0, headings.text)


def read_slides(content: bytes, tell: Progress) -> Document:
    _guard(content)
    deck = pptx.Presentation(io.BytesIO(content))
    pages = len(deck.slides)
    if pages > MAX_SLIDES:
        raise Refused("too_many_pages")
    return Document(pages, _slides(deck, pages, tell))


def _slides(deck: Any, pages: int, tell: Progress) -> Iterator[Part]:
    for number, slide in enumerate(deck.slides, start=1):
        title = one_line(slide.shapes.title.text_frame.text) if slide.shapes.title is not None else ""
        for shape in slide.shapes:
            yield from _shape(shape, number, title)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = clean(slide.notes_slide.notes_text_frame.text)
            if notes.strip():
                yield Part(notes, number, title)
        tell(100 * number // pages)


def _shape(shape: Any, number: int, title: str, depth: int = 0) -> Iterator[Part]:
    if depth < 10 and hasattr(shape, "shapes"):
        for inner in shape.shapes:
            yield from _shape(inner, number, title, depth + 1)
    elif shape.has_text_frame:
        text = clean(shape.text_frame.text)
        if text.strip():
            yield Part(text, number, title)
    elif getattr(shape, "has_table", False):
        rows = ([one_line(cell.text) for cell in row.cells] for row in shape.table.rows)
        yield from table_parts(rows, number, title)


def read_workbook(content: bytes, tell: Progress) -> Document:
    """Values, not formulas. A sheet is a section; what it claims of its size is not believed."""
    _guard(content)
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    if len(book.worksheets) > MAX_SHEETS:
        raise Refused("too_many_pages")
    return Document(0, _sheets(book, tell))


def _sheets(book: Any, tell: Progress) -> Iterator[Part]:
    for number, sheet in enumerate(book.worksheets, start=1):
        sheet.reset_dimensions()
        yield from table_parts(_values(sheet), 0, one_line(sheet.title))
        tell(100 * number // len(book.worksheets))


def _values(sheet: Any) -> Iterator[list[str]]:
    for number, row in enumerate(sheet.iter_rows(values_only=True)):
        if number >= MAX_ROWS:
            raise Refused("too_much_text")
        yield ["" if value is None else one_line(str(value)) for value in row]
