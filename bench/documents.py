"""How long reading a document takes, by kind and size, in the process with limits that the product uses.

The files are made here. What is measured is what a worker waits for: the start of the process, its libraries, the text,
its passages. `attack`: files made to exhaust a reader, and what comes of them.
"""

import argparse
import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import django

from bench import report

PARAGRAPH = "Days of leave that are left over can be taken until the end of March; ask your team. " * 4
REPEATED = 5


@dataclass(frozen=True)
class Sample:
    name: str
    media_type: str
    content: bytes


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench documents", description=__doc__)
    parser.add_argument("--times", type=int, default=REPEATED, help="how often each file is read")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    django.setup()
    return _run(options.times)


def _run(times: int) -> int:
    from assistants.documents import sandbox  # noqa: PLC0415  needs Django

    rows, figures = [], {}
    for sample in _samples():
        report.progress(sample.name)
        seconds = []
        for _ in range(times):
            began = time.monotonic()
            found = sandbox.read(io.BytesIO(sample.content), sample.media_type, lambda percent: None)
            seconds.append(time.monotonic() - began)
        rows.append(
            [
                sample.name,
                len(sample.content) / 1000,
                len(found.passages),
                report.median(seconds),
                max(seconds),
            ]
        )
        figures[sample.name] = {"passages": len(found.passages), "median_s": report.median(seconds)}
    report.table(
        ("file", "kB", "passages", "median s", "longest s"), rows, title=f"Reading, {times} times each"
    )
    attacks = _attack(sandbox)
    report.emit("documents", times=times, files=figures, attacks=attacks)
    return 0


def _attack(sandbox: Any) -> dict[str, str]:
    """In the product's own limits."""
    from assistants.documents import formats  # noqa: PLC0415

    found, rows = {}, []
    for name, media_type, content in (
        ("1.6 million open tags", formats.HTML, b"<b>" * 1_600_000),
        ("2.4 million cells in a row", formats.CSV, b"a,b\n" + b"x," * 2_400_000),
    ):
        report.progress(name)
        began = time.monotonic()
        try:
            sandbox.read(io.BytesIO(content), media_type, lambda percent: None)
            found[name] = "read"
        except sandbox.ReadingFailed as failure:
            found[name] = failure.code
        rows.append([name, found[name], time.monotonic() - began])
    report.table(("attack", "end", "s"), rows, title="Files made to exhaust a reader")
    return found


def _samples() -> list[Sample]:
    from assistants.documents import formats  # noqa: PLC0415  needs Django

    makers: tuple[tuple[str, str, Callable[[int], bytes], tuple[int, ...]], ...] = (
        ("PDF, pages", formats.PDF, _pdf, (1, 100, 500)),
        ("Word, paragraphs", formats.DOCX, _word, (10, 1_000)),
        ("PowerPoint, slides", formats.PPTX, _slides, (10, 100)),
        ("Excel, rows", formats.XLSX, _workbook, (100, 20_000)),
        ("CSV, rows", formats.CSV, lambda n: b"name,days\n" + b"Mia Member,30\n" * n, (100, 20_000)),
        (
            "Markdown, sections",
            formats.MARKDOWN,
            lambda n: f"# Leave\n\n{PARAGRAPH}\n\n".encode() * n,
            (10, 1_000),
        ),
        (
            "HTML, sections",
            formats.HTML,
            lambda n: b"<html>" + f"<h2>Leave</h2><p>{PARAGRAPH}".encode() * n,
            (10, 1_000),
        ),
        (
            "Code, functions",
            formats.PLAIN,
            lambda n: b"def leave(days):\n    return days + 30\n\n\n" * n,
            (10, 5_000),
        ),
    )
    return [Sample(f"{name}: {n:,}", kind, make(n)) for name, kind, make, sizes in makers for n in sizes]


def _pdf(pages: int) -> bytes:
    import typst  # noqa: PLC0415

    page = f"= Leave\n{PARAGRAPH}\n\n{PARAGRAPH}\n== Illness\n{PARAGRAPH}\n"
    return bytes(typst.compile("#pagebreak()\n".join([page] * pages).encode()))


def _word(paragraphs: int) -> bytes:
    import docx  # noqa: PLC0415

    document = docx.Document()
    for number in range(paragraphs):
        if number % 10 == 0:
            document.add_heading(f"Section {number}", 1)
        document.add_paragraph(PARAGRAPH)
    return _saved(document)


def _slides(number: int) -> bytes:
    import pptx  # noqa: PLC0415

    deck = pptx.Presentation()
    for at in range(number):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Slide {at}"
        slide.placeholders[1].text = PARAGRAPH
    return _saved(deck)


def _workbook(rows: int) -> bytes:
    import openpyxl  # noqa: PLC0415

    book = openpyxl.Workbook()
    book.active.append(["Name", "Days", "Since", "Team"])
    for number in range(rows):
        book.active.append([f"Person {number}", number % 40, "2019-05-01", "Bakery"])
    return _saved(book)


def _saved(made: Any) -> bytes:
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()
