"""Reads the conversations of an export file one by one, whatever its size: at most one of them is in memory.

What a ZIP says of its sizes is not believed: bytes are counted as they come out.
"""

import codecs
import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any, NoReturn

from config import errors

MEGABYTE = 2**20
MAX_UPLOAD = 200 * MEGABYTE
MAX_UNPACKED = 1_000 * MEGABYTE
MAX_RATIO = 100
RATIO_FROM = 20 * MEGABYTE
MAX_ENTRIES = 50_000
MAX_CONVERSATION = 32 * MEGABYTE
CHUNK = 256 * 1024
NAME = "conversations.json"
ZIP_START = b"PK\x03\x04"


class NotAnExport(errors.DomainError):
    code = "not_an_export"
    status = 422
    message = (
        "This is no export of ChatGPT or Claude: choose the ZIP file that was mailed to you, or the"
        " conversations.json in it."
    )


class ExportTooLarge(errors.DomainError):
    code = "export_too_large"
    status = 413
    message = f"This file is too large: {MAX_UPLOAD // MEGABYTE} MB at most, {MAX_UNPACKED // MEGABYTE:,} MB unpacked."


class ConversationTooLarge(errors.DomainError):
    code = "conversation_too_large"
    status = 413
    message = f"A conversation in this file has more than {MAX_CONVERSATION // MEGABYTE} MB."


class DecompressionBomb(errors.DomainError):
    code = "decompression_bomb"
    status = 422
    message = "This file unpacks to far more than an export does. It was not read."


def conversations(file: IO[bytes]) -> Iterator[tuple[Any, int]]:
    """Each with how many bytes were read so far. Raises NotAnExport, ExportTooLarge, ConversationTooLarge,
    DecompressionBomb, as far as it has been read."""
    if file.read(len(ZIP_START)) == ZIP_START:
        file.seek(0)
        yield from _of_zip(file)
    else:
        file.seek(0)
        yield from _elements(_Counted(file, packed=None))


def total_size(file: IO[bytes]) -> int:
    """How many bytes `conversations` is going to read, by what the file says of itself; for a progress bar only."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            return _entry(archive).file_size
    except (zipfile.BadZipFile, errors.DomainError):
        file.seek(0, 2)
        return file.tell()
    finally:
        file.seek(0)


def _of_zip(file: IO[bytes]) -> Iterator[tuple[Any, int]]:
    try:
        with zipfile.ZipFile(file) as archive:
            entry = _entry(archive)
            if entry.flag_bits & 1:
                raise NotAnExport(
                    "This ZIP file has a password. Unpack it and choose its conversations.json."
                )
            with archive.open(entry) as stream:
                yield from _elements(_Counted(stream, packed=max(entry.compress_size, 1)))
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise NotAnExport("This ZIP file is damaged.") from error


def _entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise ExportTooLarge()
    found = [entry for entry in entries if entry.filename.rsplit("/", 1)[-1] == NAME]
    if not found:
        raise NotAnExport()
    return min(found, key=lambda entry: len(entry.filename))


class _Counted:
    """Text of a stream of bytes; refuses what grows beyond every export."""

    def __init__(self, stream: IO[bytes], *, packed: int | None) -> None:
        self.stream, self.packed, self.count = stream, packed, 0
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode

    def read(self) -> str:
        """Empty at the end."""
        data = self.stream.read(CHUNK)
        self.count += len(data)
        if self.count > MAX_UNPACKED:
            raise ExportTooLarge()
        if self.packed and self.count > RATIO_FROM and self.count > MAX_RATIO * self.packed:
            raise DecompressionBomb()
        try:
            text = self._decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise NotAnExport() from error
        # A chunk may end within a character and begin with none: only the end of the data is the end.
        return text or (self.read() if data else "")


def _elements(source: _Counted) -> Iterator[tuple[Any, int]]:
    """The elements of the outermost array."""
    buffer = source.read().lstrip()
    if not buffer.startswith("["):
        raise NotAnExport()
    decoder, buffer = json.JSONDecoder(), buffer[1:]
    while True:
        buffer = buffer.lstrip(" \t\r\n,")
        if buffer.startswith("]"):
            return
        value, buffer = _next(decoder, buffer, source)
        yield value, source.count


def _next(decoder: json.JSONDecoder, buffer: str, source: _Counted) -> tuple[Any, str]:
    """Reads on until an element is whole, twice as far each time: a large one is not parsed once per chunk."""
    wanted = len(buffer)
    while True:
        try:
            if buffer.startswith("{"):
                value, end = decoder.raw_decode(buffer)
                return value, buffer[end:]
            if buffer:
                _refuse()
        except RecursionError as error:
            raise NotAnExport() from error
        except ValueError:
            pass  # Not whole yet, or broken: the end of the file tells.
        wanted = max(2 * wanted, CHUNK)
        buffer = _grown(buffer, wanted, source)


def _grown(buffer: str, wanted: int, source: _Counted) -> str:
    if len(buffer) >= MAX_CONVERSATION:
        raise ConversationTooLarge()
    parts, size = [buffer], len(buffer)
    while size < wanted and (more := source.read()):
        parts.append(more)
        size += len(more)
    if len(parts) == 1:
        _refuse("This file ends in the middle of a conversation, or is damaged there.")
    return "".join(parts)


def _refuse(message: str | None = None) -> NoReturn:
    raise NotAnExport(message)
