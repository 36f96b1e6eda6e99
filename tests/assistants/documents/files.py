"""Files of every kind, made when they are needed."""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache

import docx
import openpyxl
import pptx
import typst
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def upload(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


@cache
def pdf(source: str = "= Leave\nEverybody has 30 days of leave.\n") -> bytes:
    return bytes(typst.compile(source.encode()))


def pages(*texts: str) -> bytes:
    """A PDF of one page for each."""
    return pdf("\n#pagebreak()\n".join(texts))


def word(fill: Callable[[docx.document.Document], None] | None = None) -> bytes:
    document = docx.Document()
    if fill is None:
        document.add_heading("Leave", 1)
        document.add_paragraph("Everybody has 30 days of leave.")
    else:
        fill(document)
    return _saved(document)


def slides(*titles: str) -> bytes:
    deck = pptx.Presentation()
    for title in titles or ("Leave",):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"About {title}."
        slide.notes_slide.notes_text_frame.text = f"Notes on {title}."
    return _saved(deck)


def workbook(rows: list[list[object]] | None = None, title: str = "Leave") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows or [["Name", "Days"], ["Mia", 30]]:
        book.active.append(row)
    return _saved(book)


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()


def _saved(made) -> bytes:
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def rezipped(content: bytes, **changes: bytes | None) -> bytes:
    """The archive with other parts: name (with `__` for `/`) → content, None takes it out."""
    return changed(content, {name.replace("__", "/"): value for name, value in changes.items()})


def changed(content: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    parts |= changes
    return zipped({name: value for name, value in parts.items() if value is not None})


def zipped(parts: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, value in parts.items():
            # Not by writestr(name): it would mend what a hostile name says.
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            entry.compress_type = compression
            archive.writestr(entry, value)
    return out.getvalue()


def with_flags(
    content: bytes, *, flags: int = 0, method: int | None = None, attributes: int | None = None
) -> bytes:
    """The central directory's last entry claims other things."""
    at = content.rfind(b"PK\x01\x02")
    raw = bytearray(content)
    struct.pack_into("<H", raw, at + 8, struct.unpack_from("<H", raw, at + 8)[0] | flags)
    if method is not None:
        struct.pack_into("<H", raw, at + 10, method)
    if attributes is not None:
        struct.pack_into("<I", raw, at + 38, attributes)
    return bytes(raw)


def overlapping(content: bytes) -> bytes:
    """The second entry of the central directory lies where the first one does."""
    first = content.find(b"PK\x01\x02")
    second = content.find(b"PK\x01\x02", first + 4)
    raw = bytearray(content)
    raw[second + 42 : second + 46] = raw[first + 42 : first + 46]
    return bytes(raw)
