"""`POST /v1/audio/speech` and `/v1/audio/transcriptions`.

Speech is one soft tone per word. A WAV file made here carries its text, so transcribing it gives it back.
"""

from __future__ import annotations

import io
import math
import re
import struct
import wave
import zlib
from array import array
from functools import lru_cache
from typing import Any

from assistants.simulator import catalogue, directives, tokens
from assistants.simulator.books import Usage
from assistants.simulator.errors import bad_request
from assistants.simulator.plans import Plan, Reply
from assistants.simulator.wire import dump, read_json

SAMPLE_RATE = 24_000
WORD_MS = 300
MAX_INPUT = 4096
COMMENT = b"ICMT"
# MPEG-1 layer III, 32 kbit/s, 32 kHz, mono: 144 bytes and 36 ms each; zeros after the header are silence.
MP3_FRAME = bytes.fromhex("fffb18c0") + bytes(140)
MP3_FRAME_MS = 36
# Guess for formats that are not read: 128 kbit/s.
BYTES_PER_MS = 16


def plan_speech(body: bytes, number: int) -> Plan:
    data = read_json(body)
    model = catalogue.require(data.get("model"), "speech")
    text = data.get("input")
    if not isinstance(text, str) or not 0 < len(text) <= MAX_INPUT:
        raise bad_request(f"`input` must be a text of 1 to {MAX_INPUT} characters.", param="input")
    if not isinstance(data.get("voice"), str):
        raise bad_request("`voice` must be a string.", param="voice")
    if data.get("stream_format") not in (None, "audio"):
        raise bad_request("The simulated provider streams no audio events.", param="stream_format")
    asked = directives.parse(text)
    content, content_type, audio_ms = _render(asked.prompt, data.get("response_format") or "mp3")
    usage = Usage(input_tokens=tokens.count(text), characters=len(text), audio_ms=audio_ms)
    return Reply(model=model, directives=asked, usage=usage, body=content, content_type=content_type)


def _render(text: str, form: str) -> tuple[bytes, str, int]:
    words = text.split() or [""]
    audio_ms = len(words) * WORD_MS
    if form == "mp3":
        frames = -(-audio_ms // MP3_FRAME_MS)
        return MP3_FRAME * frames, "audio/mpeg", frames * MP3_FRAME_MS
    samples = b"".join(_tone(220 + zlib.crc32(word.lower().encode()) % 220) for word in words)
    if form == "pcm":
        return samples, "audio/pcm", audio_ms
    if form == "wav":
        return make_wav(samples, text), "audio/wav", audio_ms
    raise bad_request("The simulated provider speaks mp3 (silent), wav and pcm.", param="response_format")


@lru_cache(maxsize=256)
def _tone(hertz: int) -> bytes:
    """One word: a tone that swells and fades."""
    length = SAMPLE_RATE * WORD_MS // 1000
    step = 2 * math.pi * hertz / SAMPLE_RATE
    swell = math.pi / length
    return array(
        "h", (int(6000 * math.sin(swell * at) * math.sin(step * at)) for at in range(length))
    ).tobytes()


def make_wav(samples: bytes, text: str) -> bytes:
    comment = text.encode() + b"\0"
    comment += b"\0" * (len(comment) % 2)
    info = b"INFO" + COMMENT + struct.pack("<I", len(comment)) + comment
    form = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, SAMPLE_RATE * 2, 2, 16)
    chunks = b"".join(
        kind + struct.pack("<I", len(content)) + content
        for kind, content in ((b"fmt ", form), (b"LIST", info), (b"data", samples))
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def plan_transcription(body: bytes, content_type: str, number: int) -> Plan:
    fields, (filename, content) = read_form(body, content_type)
    model = catalogue.require(fields.get("model"), "transcription")
    form = fields.get("response_format", "json")
    asked = directives.parse(fields.get("prompt", ""))
    audio_ms = _duration(content)
    text = asked.text if asked.text is not None else _spoken_text(content)
    if text is None:
        text = f"Simulated transcription of {filename}, {audio_ms / 1000:.1f} seconds."
    answer, answer_type = _format(text, form, audio_ms, fields.get("language", "en"))
    return Reply(
        model=model,
        directives=asked,
        usage=Usage(audio_ms=audio_ms, output_tokens=tokens.count(text)),
        hurried=True,
        text=text,
        body=answer,
        content_type=answer_type,
    )


def read_form(body: bytes, content_type: str) -> tuple[dict[str, str], tuple[str, bytes]]:
    """Fields, and the one `file`, of a multipart form."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/form-data") or boundary is None:
        raise bad_request("Expected multipart/form-data.")
    fields: dict[str, str] = {}
    file: tuple[str, bytes] | None = None
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())[1:]:
        head, found, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        if not found or name is None:
            continue
        filename = re.search(rb'filename="([^"]*)"', head)
        if filename is not None and name[1] == b"file":
            file = filename[1].decode("utf-8", "replace"), content
        else:
            fields[name[1].decode("utf-8", "replace")] = content.decode("utf-8", "replace")
    if file is None:
        raise bad_request("Missing `file`.", param="file")
    return fields, file


def _duration(content: bytes) -> int:
    if content.startswith(MP3_FRAME[:4]) and len(content) % len(MP3_FRAME) == 0:
        return len(content) // len(MP3_FRAME) * MP3_FRAME_MS
    try:
        with wave.open(io.BytesIO(content)) as sound:
            frames, rate = sound.getnframes(), sound.getframerate()
            return int(frames * 1000 // rate)
    except (wave.Error, EOFError, ZeroDivisionError):
        return len(content) // BYTES_PER_MS


def _spoken_text(content: bytes) -> str | None:
    at = content.find(COMMENT) if content.startswith(b"RIFF") else -1
    if at < 0:
        return None
    length = int.from_bytes(content[at + 4 : at + 8], "little")
    return content[at + 8 : at + 8 + length].rstrip(b"\0").decode("utf-8", "replace")


def _format(text: str, form: str, audio_ms: int, language: str) -> tuple[bytes, str]:
    seconds = audio_ms / 1000
    usage: dict[str, Any] = {"type": "duration", "seconds": math.ceil(seconds)}
    match form:
        case "json":
            return dump({"text": text, "usage": usage}), "application/json"
        case "verbose_json":
            segment = {"id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": text, "tokens": []}
            segment |= {
                "temperature": 0.0,
                "avg_logprob": 0.0,
                "compression_ratio": 1.0,
                "no_speech_prob": 0.0,
            }
            answer = {"task": "transcribe", "language": language, "duration": seconds, "text": text}
            answer |= {"segments": [segment], "usage": usage}
            return dump(answer), "application/json"
        case "text":
            return f"{text}\n".encode(), "text/plain; charset=utf-8"
        case "srt":
            return f"1\n{_clock(audio_ms, ',')}\n{text}\n\n".encode(), "text/plain; charset=utf-8"
        case "vtt":
            return f"WEBVTT\n\n{_clock(audio_ms, '.')}\n{text}\n\n".encode(), "text/vtt; charset=utf-8"
    raise bad_request("Invalid `response_format`.", param="response_format")


def _clock(audio_ms: int, mark: str) -> str:
    seconds, rest = divmod(audio_ms, 1000)
    end = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"
    return f"00:00:00{mark}000 --> {end}"
