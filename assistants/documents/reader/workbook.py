"""Excel files, by openpyxl."""

import io
from collections.abc import Iterator
from typing import Any

import openpyxl

from assistants.documents.reader.guard import guard
from assistants.documents.reader.parts import Document, Part, Progress, Refused, one_line
from assistants.documents.reader.rows import table_parts

MAX_SHEETS = 200
MAX_ROWS = 100_000


def read_workbook(content: bytes, tell: Progress) -> Document:
    """Values, not formulas. A sheet is a section; what it claims of its size is not believed."""
    guard(content)
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
