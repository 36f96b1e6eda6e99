"""Word and PowerPoint files, by python-docx and python-pptx."""

import io
import re
from collections.abc import Iterator
from typing import Any

import docx
import pptx
from docx.table import Table
from docx.text.paragraph import Paragraph

from assistants.documents.reader.guard import guard
from assistants.documents.reader.parts import Document, Headings, Part, Progress, Refused, clean, one_line
from assistants.documents.reader.rows import table_parts

MAX_SLIDES = 1_500
HEADING = re.compile(r"^heading (\d)$", re.I)


def read_word(content: bytes, tell: Progress) -> Document:
    guard(content)
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
    guard(content)
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
