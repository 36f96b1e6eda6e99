"""How long a sound file plays, in milliseconds, read from its own headers; None where they do not tell.

Formats: RIFF/WAVE, MPEG-1/2 layer III (ISO 11172-3, every frame is walked), FLAC (RFC 9639 §8.2), Ogg with Opus or
Vorbis (RFC 3533 §6, RFC 7845 §4), MP4 and M4A (ISO 14496-12 §8.2.2), AAC in ADTS (ISO 13818-7 §6.2), WebM (RFC 9559
§5.1.2).
"""

import struct
from collections.abc import Callable
from typing import Final

MS: Final = 1000
PCM_BYTES_PER_MS: Final = 48
"""Of raw speech: 24,000 samples a second of two bytes, as OpenAI sends it."""
MP3_KBITS: Final = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MP3_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
AAC_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
LONGEST_MS: Final = 7 * 24 * 3600 * MS
"""What says that it is longer is not believed."""


def duration_ms(content: bytes) -> int | None:
    try:
        found = _duration(content)
    except (struct.error, IndexError, ZeroDivisionError, ValueError):
        return None
    return found if found is not None and 0 < found <= LONGEST_MS else None


def _duration(content: bytes) -> int | None:
    for mark, at, read in BY_MARK:
        if content[at : at + len(mark)] == mark:
            return read(content)
    start = _after_id3(content)
    is_adts = len(content) > start + 1 and content[start] == 0xFF and content[start + 1] & 0xF6 == 0xF0
    return _adts(content, start) if is_adts else _mp3(content, start)


def _up(number: int, by: int) -> int:
    return -(-number // by)


def _wav(content: bytes) -> int | None:
    """By what is there: the length that a stream's header gives is often none."""
    at, bytes_per_s = 12, 0
    while at + 8 <= len(content):
        name, size = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        if name == b"fmt ":
            bytes_per_s = struct.unpack_from("<I", content, at + 16)[0]
        if name == b"data":
            return _up(min(size, len(content) - at - 8) * MS, bytes_per_s)
        at += 8 + size + size % 2
    return None


def _flac(content: bytes) -> int | None:
    packed = int.from_bytes(content[18:26], "big")
    rate, samples = packed >> 44, packed & ((1 << 36) - 1)
    return _up(samples * MS, rate) if samples else None


def _ogg(content: bytes) -> int | None:
    """The position of the last page; Opus counts at 48 kHz and tells how much of its beginning is not played."""
    last = content.rfind(b"OggS")
    position = struct.unpack_from("<q", content, last + 6)[0]
    opus = content.find(b"OpusHead", 0, 200)
    if opus >= 0:
        return _up((position - struct.unpack_from("<H", content, opus + 10)[0]) * MS, 48000)
    vorbis = content.find(b"\x01vorbis", 0, 200)
    return _up(position * MS, struct.unpack_from("<I", content, vorbis + 12)[0]) if vorbis >= 0 else None


def _mp4(content: bytes) -> int | None:
    at = content.find(b"mvhd")
    if at < 0:
        return None
    if content[at + 4] == 1:
        scale, length = struct.unpack_from(">IQ", content, at + 24)
    else:
        scale, length = struct.unpack_from(">II", content, at + 16)
    return _up(length * MS, scale)


def _webm(content: bytes) -> int | None:
    """`Duration` of `Info`, in ticks of a millisecond, which is what everybody writes."""
    at = content.find(b"\x44\x89", 0, 4096)
    if at < 0 or content[at + 2] not in (0x84, 0x88):
        return None
    kind = ">f" if content[at + 2] == 0x84 else ">d"
    return int(struct.unpack_from(kind, content, at + 3)[0])


def _adts(content: bytes, at: int) -> int | None:
    frames, rate = 0, AAC_RATES[(content[at + 2] >> 2) & 0xF]
    while at + 7 <= len(content) and content[at] == 0xFF:
        size = (content[at + 3] & 3) << 11 | content[at + 4] << 3 | content[at + 5] >> 5
        if size < 7:
            break
        frames, at = frames + 1, at + size
    return _up(frames * 1024 * MS, rate)


def _after_id3(content: bytes) -> int:
    if content[:3] != b"ID3":
        return 0
    size = 0
    for byte in content[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _mp3(content: bytes, at: int) -> int | None:
    """Microseconds of every frame that follows another without a gap."""
    micro = 0
    while at + 4 <= len(content):
        found = _mp3_frame(content, at)
        if found is None:
            break
        size, played = found
        micro, at = micro + played, at + size
    return _up(micro, MS) if micro else None


def _mp3_frame(content: bytes, at: int) -> tuple[int, int] | None:
    """(bytes, microseconds) of the frame that begins here."""
    second, third = content[at + 1], content[at + 2]
    version, bits, rate_index = second >> 3 & 3, third >> 4, third >> 2 & 3
    if content[at] != 0xFF or second & 0xE6 != 0xE2 or version == 1 or bits in (0, 15) or rate_index == 3:
        return None
    rate = MP3_RATES[version][rate_index]
    samples, kbits = (1152, MP3_KBITS[3][bits]) if version == 3 else (576, MP3_KBITS[2][bits])
    size = samples // 8 * kbits * MS // rate + (third >> 1 & 1)
    return size, samples * 1_000_000 // rate


BY_MARK: Final[tuple[tuple[bytes, int, Callable[[bytes], int | None]], ...]] = (
    (b"WAVE", 8, _wav),
    (b"fLaC", 0, _flac),
    (b"OggS", 0, _ogg),
    (b"ftyp", 4, _mp4),
    (b"\x1a\x45\xdf\xa3", 0, _webm),
)
