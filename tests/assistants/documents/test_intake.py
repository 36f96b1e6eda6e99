"""What a file is, found from its content; and what is never let in. Each hostile file stands beside its honest twin."""

import gzip
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from assistants.documents import formats, intake, refusals
from tests.assistants.documents import files

WORD, SHEET = "word/document.xml", "xl/workbook.xml"
TEXT = b"Everybody has 30 days of leave.\n"
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'

HONEST: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "pdf": ("a.pdf", files.pdf, formats.PDF, "pdf"),
    "pdf by another name": ("a.txt", files.pdf, formats.PDF, "pdf"),
    "word": ("a.docx", files.word, formats.DOCX, "docx"),
    "word by another name": ("a.zip", files.word, formats.DOCX, "docx"),
    "slides": ("a.pptx", files.slides, formats.PPTX, "pptx"),
    "workbook": ("a.xlsx", files.workbook, formats.XLSX, "xlsx"),
    "csv": ("a.csv", lambda: b"name,days\nMia,30\n", formats.CSV, "csv"),
    "markdown": ("a.MD", lambda: b"# Leave\n", formats.MARKDOWN, "md"),
    "html": ("a.html", lambda: b"<!DOCTYPE html><title>Leave</title>", formats.HTML, "html"),
    "html by another name": ("a.txt", lambda: b"<html><p>Leave", formats.HTML, "html"),
    "code": ("a.py", lambda: b"print('leave')\n", formats.PLAIN, "py"),
    "code about pdf": ("a.py", lambda: b'MARK = b"%PDF-"\n', formats.PLAIN, "py"),
    "text": ("a.txt", lambda: TEXT, formats.PLAIN, "txt"),
    "text without an extension": ("README", lambda: TEXT, formats.PLAIN, "txt"),
    "latin text": (
        "a.txt",
        lambda: "Überstunden müssen spätestens nächste Woche".encode("cp1252"),
        formats.PLAIN,
        "txt",
    ),
    "utf-16 text": ("a.txt", lambda: "Urlaub für alle".encode("utf-16"), formats.PLAIN, "txt"),
    "xml": ("a.xml", lambda: b'<?xml version="1.0"?><leave days="30"/>', formats.PLAIN, "xml"),
    "png": ("a.png", files.picture, "image/png", "png"),
    "jpeg by another name": ("a.png", lambda: files.picture("JPEG"), "image/jpeg", "jpg"),
    "webp": ("a.webp", lambda: files.picture("WEBP"), "image/webp", "webp"),
    "gif": ("a.gif", lambda: files.picture("GIF"), "image/gif", "gif"),
}


@pytest.mark.parametrize("case", HONEST)
def test_an_honest_file_is_known_by_its_content(case):
    name, make, media_type, extension = HONEST[case]
    given = files.upload(name, make())

    found = intake.examine(given)

    kind = "image" if media_type.startswith("image/") else "document"
    assert found == intake.Examined(media_type, kind, extension)
    assert given.tell() == 0


def with_entry(name: str, base: Callable[[], bytes] = files.word) -> bytes:
    return files.changed(base(), {name: b"x"})


def twice(name: str) -> bytes:
    out = io.BytesIO(files.word())
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning):
        archive.writestr(name, b"<x/>")
    return out.getvalue()


def bomb(ratio_only: bool) -> bytes:
    """Zeroes that unpack to more than memory should hold; or to little more than is free, but packed as no text is."""
    return files.changed(files.word(), {"word/media/a.bin": b"\0" * (2 if ratio_only else 201) * intake.MIB})


def claims(content: bytes, size: int) -> bytes:
    """The last entry of the directory says that it unpacks to so many bytes."""
    at = content.rfind(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<I", size) + content[at + 28 :]


def many_entries() -> bytes:
    return files.zipped({f"{number}": b"" for number in range(2_001)}, zipfile.ZIP_STORED)


def pixel_bomb(side: int = 50_000) -> bytes:
    """A PNG that says it is huge and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def long_animation() -> bytes:
    frames = [Image.new("RGB", (2, 2), (number, 255 - number, number * 2)) for number in range(102)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def hidden_between() -> bytes:
    """The directory moved back, with something between it and the entries."""
    content = files.word()
    at, end = content.find(b"PK\x01\x02"), content.rfind(b"PK\x05\x06")
    moved = content[end:][:16] + struct.pack("<I", at + 2000) + content[end:][20:]
    return content[:at] + b"<script>" * 250 + content[at:end] + moved


def linked() -> bytes:
    return files.with_flags(with_entry("word/link"), attributes=(stat.S_IFLNK | 0o777) << 16)


def part(name: str, content: bytes, base: Callable[[], bytes] = files.word) -> Callable[[], bytes]:
    return lambda: files.changed(base(), {name: content})


def types(old: str, new: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(files.word())) as archive:
        said = archive.read("[Content_Types].xml").decode()
    assert old in said
    return files.changed(files.word(), {"[Content_Types].xml": said.replace(old, new).encode()})


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
HOSTILE: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    # nothing, and too much
    "empty": ("a.pdf", lambda: b"", "file_empty", ""),
    "only blanks": ("a.txt", lambda: b" \n\t\n ", "file_empty", ""),
    "too large a text": ("a.txt", lambda: b"a" * (intake.MAX_TEXT_BYTES + 1), "file_too_large", ""),
    "too large a picture": ("a.png", lambda: files.picture() + b"\0" * intake.MAX_IMAGE_BYTES, "file_too_large", ""),
    # named like something else
    "text as pdf": ("a.pdf", lambda: TEXT, "type_disagrees", ""),
    "text as word": ("a.docx", lambda: TEXT, "type_disagrees", ""),
    "web page as picture": ("a.png", lambda: b"<html><script>x()</script>", "type_disagrees", ""),
    "program as pdf": ("a.pdf", lambda: b"MZ\x90\0" + bytes(range(256)), "type_disagrees", ""),
    "program as text": ("a.txt", lambda: b"\x7fELF\x02\x01\x01" + bytes(range(256)), "type_not_allowed", ""),
    "bytecode": ("a.py", lambda: b"\xa7\r\r\n\0\0\0\0" + bytes(range(256)), "type_not_allowed", ""),
    "control characters": ("a.txt", lambda: b"\x1b[2J\x07\x08\x07\x08 hello", "type_not_allowed", ""),
    "a nul in a text": ("a.txt", lambda: b"hello\0world", "type_not_allowed", ""),
    # other containers
    "plain archive": ("a.zip", lambda: files.zipped({"a.txt": TEXT}), "type_not_allowed", ""),
    "archive as word": ("a.docx", lambda: files.zipped({"a.txt": TEXT}), "type_not_allowed", ""),
    "empty archive": ("a.docx", lambda: files.zipped({}), "type_not_allowed", ""),
    "java program": ("a.jar", lambda: files.zipped({"META-INF/MANIFEST.MF": TEXT, "A.class": b"\xca\xfe"}), "type_not_allowed", ""),  # noqa: E501
    "open document": ("a.odt", lambda: files.zipped({"mimetype": b"application/vnd.oasis", "content.xml": b"<a/>"}), "type_not_allowed", ""),  # noqa: E501
    "gzip": ("a.gz", lambda: gzip.compress(TEXT * 50), "type_disagrees", ""),
    "gzip as text": ("a.txt", lambda: gzip.compress(TEXT * 50), "type_not_allowed", ""),
    "old office": ("a.doc", lambda: OLE, "type_not_allowed", ""),
    "old office as new": ("a.docx", lambda: OLE, "type_not_allowed", ""),
    "rich text": ("a.rtf", lambda: b"{\\rtf1 {\\object\\objdata 01}}", "type_not_allowed", ""),
    "postscript": ("a.ps", lambda: b"%!PS-Adobe-3.0\n(x) run\n", "type_not_allowed", ""),
    # macros
    "macros by their part": ("a.docx", part("word/vbaProject.bin", OLE), "macros_refused", ""),
    "macros by their type": ("a.docx", lambda: types("document.main+xml", "document.macroEnabled.main+xml"), "macros_refused", ""),  # noqa: E501
    "macros in another case": ("a.xlsx", part("xl/VBAPROJECT.BIN", OLE, files.workbook), "macros_refused", ""),
    # two office files in one, and half of one
    "no main part": ("a.docx", lambda: files.changed(files.word(), {WORD: None}), "type_not_allowed", ""),
    "no content types": ("a.docx", lambda: files.changed(files.word(), {"[Content_Types].xml": None}), "type_not_allowed", ""),  # noqa: E501
    # paths
    "path upwards": ("a.docx", lambda: with_entry("../../etc/cron.d/x"), "file_unsafe", "path"),
    "path upwards within": ("a.docx", lambda: with_entry("word/../../x"), "file_unsafe", "path"),
    "absolute path": ("a.docx", lambda: with_entry("/etc/passwd"), "file_unsafe", "path"),
    "path of Windows": ("a.docx", lambda: with_entry("..\\..\\x"), "file_unsafe", "path"),
    "drive of Windows": ("a.docx", lambda: with_entry("C:/x"), "file_unsafe", "path"),
    "nul in a path": ("a.docx", lambda: with_entry("word/a.xml\0.txt"), "file_unsafe", "path"),
    "control in a path": ("a.docx", lambda: with_entry("word/\x1b[2J"), "file_unsafe", "path"),
    "direction turned in a path": ("a.docx", lambda: with_entry("word/\u202excod.exe"), "file_unsafe", "path"),
    "endless path": ("a.docx", lambda: with_entry("a/" * 200), "file_unsafe", "path"),
    "link": ("a.docx", linked, "file_unsafe", "link"),
    "one name twice": ("a.docx", lambda: twice(WORD), "file_unsafe", "same_name_twice"),
    "one name in two cases": ("a.docx", lambda: with_entry("WORD/Document.xml"), "file_unsafe", "same_name_twice"),
    # bombs
    "bomb": ("a.docx", lambda: bomb(ratio_only=False), "file_unsafe", "decompression_bomb"),
    "bomb by ratio": ("a.docx", lambda: bomb(ratio_only=True), "file_unsafe", "decompression_bomb"),
    "bomb by claim": ("a.docx", lambda: claims(with_entry("word/x"), 0xFFFF_0000), "file_unsafe", "decompression_bomb"),
    "too many entries": ("a.docx", many_entries, "file_unsafe", "too_many_entries"),
    "overlapping entries": ("a.docx", lambda: files.overlapping(files.word()), "file_unsafe", "overlapping_entries"),
    "unknown compression": ("a.docx", lambda: files.with_flags(with_entry("word/x"), method=99), "file_unsafe", "compression"),  # noqa: E501
    "pixel bomb": ("a.png", pixel_bomb, "file_unsafe", "decompression_bomb"),
    "long animation": ("a.gif", long_animation, "file_unsafe", "decompression_bomb"),
    # passwords
    "encrypted entry": ("a.docx", lambda: files.with_flags(with_entry("word/x"), flags=1), "file_encrypted", ""),
    # entities
    "entities in the main part": ("a.docx", part(WORD, ENTITIES), "file_unsafe", "entities"),
    "entities in relations": ("a.docx", part("_rels/.rels", ENTITIES), "file_unsafe", "entities"),
    "entities in a workbook": ("a.xlsx", part(SHEET, ENTITIES, files.workbook), "file_unsafe", "entities"),
    "entities in UTF-16": ("a.docx", part(WORD, ENTITIES.decode().encode("utf-16")), "file_unsafe", "entities"),
    "entities behind a comment": ("a.docx", part(WORD, b"<!--" + b"x" * 9000 + b"-->" + ENTITIES), "file_unsafe", "entities"),  # noqa: E501
    "outer entity": ("a.pptx", part("ppt/x.xml", b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', files.slides), "file_unsafe", "entities"),  # noqa: E501
    "entities in plain xml": ("a.xml", lambda: ENTITIES, "file_unsafe", "entities"),
    "entities in plain xml by another name": ("a.txt", lambda: b"\n" + ENTITIES, "file_unsafe", "entities"),
    # two formats in one
    "pdf with an archive behind": ("a.pdf", lambda: files.pdf() + files.word(), "file_unsafe", "two_formats"),
    "pdf that is a web page": ("a.pdf", lambda: b"%PDF-1.7\n<script>x()</script>\n" + files.pdf(), "file_unsafe", "two_formats"),  # noqa: E501
    "pdf that is a program of the web": ("a.pdf", lambda: b"%PDF-1.7\n<?php x(); ?>\n" + files.pdf(), "file_unsafe", "two_formats"),  # noqa: E501
    "archive with a pdf before": ("a.docx", lambda: b"PK\x03\x04" + files.pdf() + files.word(), "file_unsafe", "hidden_data"),  # noqa: E501
    "archive with data behind": ("a.docx", lambda: files.word() + b"<script>", "file_unsafe", "data_behind_archive"),
    "archive with data before": ("a.docx", lambda: b"PK\x03\x04" + b"\0" * 40 + files.word(), "file_unsafe", "hidden_data"),  # noqa: E501
    "archive with data within": ("a.docx", hidden_between, "file_unsafe", "hidden_data"),
    "text with an archive behind": ("a.txt", lambda: TEXT + files.word(), "file_unsafe", "two_formats"),
    "text that is a pdf": ("a.txt", lambda: TEXT + files.pdf(), "file_unsafe", "two_formats"),
    "picture with an archive behind": ("a.png", lambda: files.picture() + files.word(), "file_unsafe", "two_formats"),
    "picture with a script behind": ("a.gif", lambda: files.picture("GIF") + b"<script>x()</script>", "file_unsafe", "two_formats"),  # noqa: E501
    "picture that is a script": ("a.gif", lambda: b"GIF89a/*<script>*/=1;alert(1)", "file_unsafe", "two_formats"),
    # broken
    "half a pdf": ("a.pdf", lambda: files.pdf()[:2000], "file_unreadable", ""),
    "only the mark of a pdf": ("a.pdf", lambda: b"%PDF-1.7\n", "file_unreadable", ""),
    "half an archive": ("a.docx", lambda: files.word()[:2000], "file_unreadable", ""),
    "only the mark of an archive": ("a.docx", lambda: b"PK\x03\x04" + b"\xff" * 60, "file_unreadable", ""),
    "half a picture": ("a.png", lambda: files.picture()[:40], "file_unreadable", ""),
    "only the mark of a picture": ("a.jpg", lambda: b"\xff\xd8\xff\xe0" + b"\0" * 60, "file_unreadable", ""),
}  # fmt: skip


def test_there_are_fifty_hostile_files_and_none_is_large_on_disk():
    assert len(HOSTILE) >= 50
    large = {"too large a text", "too large a picture"}
    assert {case for case, (_, make, _, _) in HOSTILE.items() if len(make()) > 300_000} == large


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case):
    name, make, code, reason = HOSTILE[case]
    given = files.upload(name, make())

    with pytest.raises(refusals.FileRefused) as refused:
        intake.examine(given)

    assert (refused.value.code, refused.value.data.get("reason", "")) == (code, reason)
    assert given.tell() == 0


def test_a_file_beyond_the_limit_is_refused_before_it_is_read():
    given = files.upload("a.pdf", files.pdf())
    given.size = intake.MAX_BYTES + 1
    given.file = None

    with pytest.raises(refusals.FileTooLarge) as refused:
        intake.examine(given)

    assert refused.value.message == "This file is too large: up to 25 MB. Split it, or save it smaller."
