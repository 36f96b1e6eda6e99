"""Tables as lines that can be read alone: every cell behind its column's name."""

import csv
import io
from collections.abc import Iterable, Iterator

from assistants.documents.reader.parts import Document, Part, Progress, one_line

SNIFFED = 8192
DELIMITERS = ",;\t|"


def table_parts(rows: Iterable[list[str]], page: int, heading: str) -> Iterator[Part]:
    """The first row that holds something names the columns; it is also a line of its own."""
    names: list[str] | None = None
    for row in rows:
        if not any(row):
            continue
        if names is None:
            names = row
            yield Part(" | ".join(cell for cell in row if cell), page, heading)
            continue
        yield Part("; ".join(_named(names, row)), page, heading)


def _named(names: list[str], row: list[str]) -> Iterator[str]:
    for number, cell in enumerate(row):
        name = names[number] if number < len(names) else ""
        if cell:
            yield f"{name}: {cell}" if name else cell


def read_csv(text: str, tell: Progress) -> Document:
    csv.field_size_limit(1_000_000)
    try:
        delimiter = csv.Sniffer().sniff(text[:SNIFFED], DELIMITERS).delimiter
    except csv.Error:
        delimiter = ","
    found = csv.reader(io.StringIO(text), delimiter=delimiter)
    return Document(0, table_parts(([one_line(cell) for cell in row] for row in found), 0, ""))
