"""How long sound files play, by their own headers."""

import struct

import pytest

from assistants.llm import sounds
from assistants.simulator import audio

SECOND = bytes(48_000)


def wav(data: bytes, *, told: int | None = None) -> bytes:
    made = bytearray(audio.make_wav(data, "text"))
    if told is not None:
        at = made.index(b"data") + 4
        made[at : at + 4] = struct.pack("<I", told)
    return bytes(made)


def flac(rate: int, samples: int) -> bytes:
    packed = (rate << 44 | samples).to_bytes(8, "big")
    return b"fLaC\x80\x00\x00\x22" + bytes(10) + packed + bytes(16)


def ogg(head: bytes, position: int) -> bytes:
    page = b"OggS\x00\x02" + bytes(20) + b"\x01" + bytes([len(head)]) + head
    return page + b"OggS\x00\x04" + struct.pack("<q", position) + bytes(14)


def mp4(version: int, scale: int, length: int) -> bytes:
    times = bytes(16) if version else bytes(8)
    body = struct.pack(">IQ" if version else ">II", scale, length)
    return b"\x00\x00\x00\x18ftypM4A " + bytes(12) + b"mvhd" + bytes([version, 0, 0, 0]) + times + body


OPUS = b"OpusHead\x01\x02" + struct.pack("<H", 312) + bytes(7)
VORBIS = b"\x01vorbis" + bytes(4) + b"\x01" + struct.pack("<I", 44_100) + bytes(10)
ADTS = bytes([0xFF, 0xF1, 0x50, 0x80, 0x01, 0x5F, 0xFC]) + bytes(3)  # 10 bytes, 44,100 Hz
MPEG_2 = bytes([0xFF, 0xF3, 0x84, 0xC0])  # layer III, 64 kbit/s, 24,000 Hz: 192 bytes, 24 ms


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (wav(SECOND), 1000),
        (wav(SECOND, told=0xFFFFFFFF), 1000),
        (wav(SECOND + b"\0\0"), 1001),
        (audio.MP3_FRAME * 25, 900),
        (b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + audio.MP3_FRAME * 2, 72),
        ((MPEG_2 + bytes(188)) * 10, 240),
        (flac(44_100, 44_100 * 3), 3000),
        (ogg(OPUS, 48_000 + 312), 1000),
        (ogg(VORBIS, 88_200), 2000),
        (mp4(0, 600, 900), 1500),
        (mp4(1, 1000, 2500), 2500),
        (ADTS * 43, 999),
        (b"\x1a\x45\xdf\xa3" + bytes(20) + b"\x44\x89\x88" + struct.pack(">d", 1234.0), 1234),
    ],
)
def test_duration_is_read(content, expected):
    assert sounds.duration_ms(content) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no sound at all",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WAVEdata\x10\0\0\0" + bytes(16),
        b"fLaC",
        b"OggS",
        b"\0\0\0\0ftypmvhd",
        mp4(0, 0, 900),
        mp4(0, 1, 10**9),
        b"\xff\xfb",
        b"\xff\xf1\x50",
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
        b"\x1a\x45\xdf\xa3\x44\x89\x88\x01",
    ],
)
def test_what_does_not_tell_has_none(content):
    assert sounds.duration_ms(content) is None
