"""What an uploaded file is: found from its content. Its name only decides between kinds of text, which are all read
as text. Nothing is unpacked or decoded here but heads; the rest is for a process with limits (`reader`).
"""

import io
import re
import zipfile
from dataclasses import dataclass
from typing import IO, Literal

from django.core.files.uploadedfile import UploadedFile
from PIL import Image

from assistants.documents import archives, formats, texts
from assistants.documents.refusals import (
    FileEmpty,
    FileTooLarge,
    TypeDisagrees,
    TypeNotAllowed,
    UnreadableFile,
    UnsafeFile,
)
from tenants import pictures

MIB = 1024 * 1024
MAX_BYTES = 25 * MIB
MAX_TEXT_BYTES = 5 * MIB
MAX_IMAGE_BYTES = 10 * MIB
MAX_PIXELS = 40_000_000
MAX_FRAMES = 100
HEAD = 1024
TAIL = 2048
# Containers and programs, told by their first bytes so that the refusal can say what they are.
FOREIGN: dict[bytes, str] = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": (
        "This is an Office file of the old format (.doc, .xls, .ppt), or one with a password. Save it as .docx, .xlsx"
        " or .pptx."
    ),
    b"{\\rtf": "RTF files are not read. Save it as .docx or PDF.",
    b"%!PS": "PostScript files are not read. Save it as PDF.",
}
ACTIVE = re.compile(rb"<\s*(script|html|iframe|!doctype\s+html|svg|\?php|body|object|embed)\b|<\?php", re.I)
XML_ENTITY = re.compile(r"<!ENTITY", re.I)


@dataclass(frozen=True)
class Examined:
    """`extension`: of the content; of the name where that only tells a kind of text."""

    media_type: str
    kind: Literal["document", "image"]
    extension: str


def examine(upload: UploadedFile) -> Examined:
    """Leaves the file at its begin. Raises FileRefused: FileEmpty, FileTooLarge, TypeNotAllowed, TypeDisagrees,
    MacrosRefused, EncryptedFile, UnreadableFile, UnsafeFile."""
    size = upload.size or 0
    if not size:
        raise FileEmpty()
    if size > MAX_BYTES:
        raise _too_large(MAX_BYTES)
    file = upload.file
    assert file is not None
    try:
        file.seek(0)
        head = file.read(HEAD)
        return _examine(file, size, head, upload.name or "")
    finally:
        file.seek(0)


def _too_large(limit: int) -> FileTooLarge:
    return FileTooLarge(f"This file is too large: up to {limit // MIB} MB. Split it, or save it smaller.")


def _examine(file: IO[bytes], size: int, head: bytes, name: str) -> Examined:
    for mark, message in FOREIGN.items():
        if head.startswith(mark):
            raise TypeNotAllowed(message)
    if head.startswith(b"%PDF-"):
        _check_pdf(file, size, head)
        return Examined(formats.PDF, "document", "pdf")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        _refuse_second_pdf(file, size, head)
        media_type, extension = archives.examine(file, size)
        return Examined(media_type, "document", extension)
    picture = _picture_format(head)
    if picture:
        return _examine_image(file, size, head, picture)
    _refuse_second_format(file, size, head)
    return _examine_text(file, size, name)


def _check_pdf(file: IO[bytes], size: int, head: bytes) -> None:
    """One that is a web page or an archive as well was made to be taken for another thing."""
    if ACTIVE.search(head):
        raise UnsafeFile("two_formats")
    _refuse_archive(file)
    if b"%%EOF" not in _tail(file, size):
        raise UnreadableFile()


def _refuse_second_format(file: IO[bytes], size: int, head: bytes) -> None:
    _refuse_archive(file)
    _refuse_second_pdf(file, size, head)


def _refuse_archive(file: IO[bytes]) -> None:
    """Archives are read from their end."""
    file.seek(0)
    if zipfile.is_zipfile(file):
        raise UnsafeFile("two_formats")


def _refuse_second_pdf(file: IO[bytes], size: int, head: bytes) -> None:
    """Readers of PDF accept it anywhere in the first kilobyte."""
    if b"%PDF-" in head and b"%%EOF" in _tail(file, size):
        raise UnsafeFile("two_formats")


def _tail(file: IO[bytes], size: int) -> bytes:
    file.seek(max(0, size - TAIL))
    return file.read(TAIL)


def _picture_format(head: bytes) -> str:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "WEBP" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else ""


def _examine_image(file: IO[bytes], size: int, head: bytes, picture: str) -> Examined:
    if size > MAX_IMAGE_BYTES:
        raise _too_large(MAX_IMAGE_BYTES)
    _refuse_second_format(file, size, head)
    if ACTIVE.search(head) or ACTIVE.search(_tail(file, size)):
        raise UnsafeFile("two_formats")
    file.seek(0)
    try:
        with Image.open(io.BytesIO(file.read()), formats=[picture]) as opened:
            # SECURITY: before anything is decoded; a small file may hold a picture of gigabytes.
            if opened.width * opened.height > MAX_PIXELS:
                raise UnsafeFile("decompression_bomb")
            if getattr(opened, "n_frames", 1) > MAX_FRAMES:
                raise UnsafeFile("decompression_bomb")
            opened.verify()
    except Image.DecompressionBombError as error:
        raise UnsafeFile("decompression_bomb") from error
    except pictures.UNREADABLE as error:
        raise UnreadableFile() from error
    media_type, extension = formats.IMAGES[picture]
    return Examined(media_type, "image", extension)


def _examine_text(file: IO[bytes], size: int, name: str) -> Examined:
    extension = formats.extension_of(name)
    file.seek(0)
    text = texts.decode(file.read(min(size, MAX_TEXT_BYTES + 1)))
    if text is None:
        raise TypeDisagrees() if extension in formats.BINARY_NAMES else TypeNotAllowed()
    if extension in formats.BINARY_NAMES:
        raise TypeDisagrees()
    if size > MAX_TEXT_BYTES:
        raise _too_large(MAX_TEXT_BYTES)
    begin = text.lstrip("\ufeff \t\r\n")
    if not begin:
        raise FileEmpty()
    if begin.startswith("<?xml") and XML_ENTITY.search(text):
        raise UnsafeFile("entities")
    if re.match(r"<!doctype\s+html|<html", begin, re.I):
        return Examined(formats.HTML, "document", "html")
    if extension in formats.MARKED:
        return Examined(formats.MARKED[extension], "document", extension)
    return Examined(formats.PLAIN, "document", extension if extension in formats.CODE else "txt")
