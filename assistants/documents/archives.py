"""Office files are ZIP archives of XML. What an archive claims is checked before anything of it is unpacked."""

import re
import stat
import struct
import zipfile
from typing import IO

from assistants.documents import formats, texts
from assistants.documents.refusals import (
    EncryptedFile,
    MacrosRefused,
    TypeNotAllowed,
    UnreadableFile,
    UnsafeFile,
)

MAX_ENTRIES = 2_000
MAX_UNPACKED = 200 * 1024 * 1024
MAX_RATIO = 200
RATIO_FREE = 1024 * 1024
"""An entry that unpacks to less may be packed as tightly as it likes."""
MAX_NAME = 255
MAX_GAP = 1024
PROLOG = 64 * 1024
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
END_SIZE = 22
CONTENT_TYPES = "[Content_Types].xml"
BROKEN = (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, NotImplementedError, struct.error)


def examine(file: IO[bytes], size: int) -> tuple[str, str]:
    """Media type and extension of an office file. Raises UnsafeFile, MacrosRefused, EncryptedFile, TypeNotAllowed,
    UnreadableFile."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_frame(archive, file, entries, size)
            _check_names(entries)
            _check_sizes(entries)
            found = _kind_of(archive)
            _check_prologs(archive, entries)
            return found
    except BROKEN as error:
        raise UnreadableFile() from error


def _check_frame(
    archive: zipfile.ZipFile, file: IO[bytes], entries: list[zipfile.ZipInfo], size: int
) -> None:
    """The archive is the whole file: nothing before it, behind it, between its entries or twice in it."""
    if len(entries) > MAX_ENTRIES:
        raise UnsafeFile("too_many_entries")
    if not entries:
        raise TypeNotAllowed()
    if _end_of(file, size) + END_SIZE + len(archive.comment) != size:
        raise UnsafeFile("data_behind_archive")
    last = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < last:
            raise UnsafeFile("overlapping_entries")
        if entry.header_offset - last > (0 if last == 0 else MAX_GAP):
            raise UnsafeFile("hidden_data")
        last = _begin_of_data(file, entry) + entry.compress_size
    if archive.start_dir < last:
        raise UnsafeFile("overlapping_entries")
    if archive.start_dir - last > MAX_GAP:
        raise UnsafeFile("hidden_data")


def _end_of(file: IO[bytes], size: int) -> int:
    """Where the end record is that a reader from the back finds first."""
    tail = min(size, END_SIZE + 65_535)
    file.seek(size - tail)
    at = file.read(tail).rfind(b"PK\x05\x06")
    return size - tail + at


def _begin_of_data(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    file.seek(entry.header_offset)
    raw = file.read(LOCAL_HEADER.size)
    mark, *_, name_length, extra_length = LOCAL_HEADER.unpack(raw)
    if mark != b"PK\x03\x04":
        raise UnsafeFile("hidden_data")
    return entry.header_offset + LOCAL_HEADER.size + name_length + extra_length


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for entry in entries:
        # `filename` ends at a NUL; what stands in the archive does not.
        name = entry.orig_filename
        parts = name.split("/")
        if name != entry.filename or "\x00" in name or "\\" in name or name.startswith("/") or ".." in parts:
            raise UnsafeFile("path")
        if len(name) > MAX_NAME or re.match(r"[A-Za-z]:", name) or not name.isprintable():
            raise UnsafeFile("path")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UnsafeFile("link")
        if name.casefold() in seen:
            raise UnsafeFile("same_name_twice")
        seen.add(name.casefold())
        if entry.flag_bits & 0x1:
            raise EncryptedFile()
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsafeFile("compression")


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    """By what the archive says of itself: `zipfile` gives no entry more than it claims."""
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise UnsafeFile("decompression_bomb")
    for entry in entries:
        if entry.file_size > RATIO_FREE and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise UnsafeFile("decompression_bomb")


def _kind_of(archive: zipfile.ZipFile) -> tuple[str, str]:
    names = set(archive.namelist())
    if CONTENT_TYPES not in names:
        raise TypeNotAllowed()
    types = _head(archive, CONTENT_TYPES).decode("utf-8", "replace")
    if "macroEnabled" in types or any(name.casefold().endswith("vbaproject.bin") for name in names):
        raise MacrosRefused()
    found = [kind for part, kind in formats.OFFICE.items() if part in names and kind[2] in types]
    if len(found) != 1:
        raise TypeNotAllowed()
    return found[0][0], found[0][1]


def _check_prologs(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Office files declare no document type, hence no entities. The reader looks again, at all of each part."""
    for entry in entries:
        is_xml = entry.filename.casefold().endswith((".xml", ".rels", ".vml"))
        if is_xml and texts.declares(_head(archive, entry.filename)):
            raise UnsafeFile("entities")


def _head(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(PROLOG)
