"""`POST /v1/audio/speech` and `/v1/audio/transcriptions`."""

import hashlib
import re
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from accounts.requests import MemberRequest
from assistants.llm import sounds
from assistants.models import Run
from assistants.openai import bodies
from assistants.openai.making import Making
from assistants.runs import measures, uploads
from config import errors
from usage.models import Meter

MOST_INPUT, MOST_WORDS = 4096, 4096
SPOKEN_AS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
SPEECH_KNOWN = (
    "model", "input", "voice", "response_format", "speed", "instructions", "stream_format", "user",
)  # fmt: skip
LONGEST_MS, LONGEST_FOREIGN_MS, LEAST_MS = 200, 400, 2000
"""How long a character may be spoken at most, in a script where a word has several or one; of whatever text."""
MOST_UPLOAD = 25 * 1024 * 1024
DENSEST, SPARSEST = 768, 1
"""Bytes that a millisecond takes at most, and at least: for files that do not tell how long they are, or tell wrong."""
HEARD_KNOWN = (
    "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]",
    "timestamp_granularities", "include[]", "include", "stream", "chunking_strategy", "file",
)  # fmt: skip
WRITTEN_AS = ("json", "text", "srt", "verbose_json", "vtt")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?")
GRANULARITIES = frozenset({"word", "segment"})


class FileTooLarge(errors.DomainError):
    code = "file_too_large"
    status = 413
    message = f"The file has more than {MOST_UPLOAD // 2**20} MiB. Send it in parts."


def read_speech(request: MemberRequest) -> Making:
    """Raises InvalidRequest, ModelNotFound."""
    body = bodies.read(request)
    bodies.refuse_unknown(body, SPEECH_KNOWN)
    model = bodies.model_of(body, settings.SPEECH_MODELS)
    text = bodies.text_of(body, "input", most=MOST_INPUT)
    if body.get("stream_format") not in (None, "audio"):
        raise bodies.wrong("stream_format", "must be audio")
    speed = bodies.number(body, "speed", 0, 4) or 1
    if speed * 4 < 1:
        raise bodies.wrong("speed", "must be a number from 0.25 to 4")
    sent = {
        "input": text,
        "voice": bodies.text_of(body, "voice", most=100),
        "response_format": bodies.one_of(body, "response_format", SPOKEN_AS, "mp3"),
    }
    if body.get("speed") is not None:
        sent["speed"] = body["speed"]
    if body.get("instructions"):
        sent["instructions"] = bodies.text_of(body, "instructions", most=MOST_WORDS)
    return Making(
        kind=Run.Kind.SPEECH,
        model=model,
        path=measures.SPEECH,
        body=sent,
        pieces={Meter.AUDIO_OUT_MS: int(longest_ms(text) / speed)},
    )


def longest_ms(text: str) -> int:
    foreign = sum(1 for letter in text if not letter.isascii())
    return LEAST_MS + (len(text) - foreign) * LONGEST_MS + foreign * LONGEST_FOREIGN_MS


def read_transcription(request: MemberRequest) -> Making:
    """Keeps the file: whoever starts no run for it deletes it. Raises InvalidRequest, ModelNotFound, FileTooLarge."""
    body: dict[str, Any] = request.POST.dict()
    bodies.refuse_unknown({**body, **request.FILES}, HEARD_KNOWN)
    model = bodies.model_of(body, settings.TRANSCRIPTION_MODELS)
    if body.get("stream") not in (None, "", "false", "False"):
        raise bodies.wrong("stream", "transcriptions come whole here")
    sent = _heard_fields(request, body)
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise bodies.wrong("file", "must be a sound file in a multipart form")
    content = _content(file)
    played = sounds.duration_ms(content)
    held = max(played or len(content) // SPARSEST, len(content) // DENSEST, 1)
    return Making(
        kind=Run.Kind.TRANSCRIPTION,
        model=model,
        path=measures.TRANSCRIPTION,
        body=sent,
        pieces={Meter.AUDIO_IN_MS: held},
        facts={"played_ms": played},
        upload={
            "upload": uploads.keep(request.member.workspace_id, content),
            "upload_name": uploads.told_name(file.name or ""),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
    )


def _heard_fields(request: MemberRequest, body: dict[str, Any]) -> dict[str, Any]:
    sent: dict[str, Any] = {"response_format": bodies.one_of(body, "response_format", WRITTEN_AS, "json")}
    if body.get("language"):
        if not LANGUAGE.fullmatch(body["language"]):
            raise bodies.wrong("language", "must be a code such as en")
        sent["language"] = body["language"]
    if body.get("prompt"):
        sent["prompt"] = bodies.text_of(body, "prompt", most=MOST_WORDS).replace("\x00", "")
    if body.get("temperature"):
        sent["temperature"] = _temperature(body["temperature"])
    wanted = [
        *request.POST.getlist("timestamp_granularities[]"),
        *request.POST.getlist("timestamp_granularities"),
    ]
    if not GRANULARITIES.issuperset(wanted):
        raise bodies.wrong("timestamp_granularities[]", "must be word or segment")
    return {**sent, "timestamp_granularities": wanted} if wanted else sent


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise bodies.wrong("temperature", "must be a number from 0 to 1")
    return value


def _content(file: UploadedFile) -> bytes:
    if (file.size or 0) > MOST_UPLOAD:
        raise FileTooLarge(data={"param": "file"})
    content: bytes = file.read()
    if not content:
        raise bodies.wrong("file", "is empty")
    return content
