"""How much was made by a call that is no chat: what its run is settled at.

What cannot be measured is settled at what was held for it, and marked estimated.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from assistants.llm import sounds
from assistants.llm import usage as counts
from assistants.llm.calls import Answer, Call
from assistants.llm.errors import ProviderFailure
from assistants.llm.usage import Usage
from assistants.runs.job import CHARGED_FINISH, Outcome
from usage.models import Meter

EMBEDDINGS, IMAGES = "embeddings", "images/generations"
SPEECH, TRANSCRIPTION = "audio/speech", "audio/transcriptions"
HELD, VARIANT, TEXTS = "held", "variant", "texts"
"""Of a call's facts: pieces held by meter; what else decides the price; how many texts were sent."""


@dataclass(frozen=True)
class Made:
    pieces: dict[str, int] = field(default_factory=dict)
    usage: Usage | None = None
    embedded: int = 0
    variant: str = ""
    text: str = ""
    is_estimated: bool = False

    def write_into(self, outcome: Outcome) -> None:
        outcome.finish_reason = CHARGED_FINISH
        outcome.pieces, outcome.variant = self.pieces, self.variant
        outcome.usage, outcome.embedded = self.usage, self.embedded
        outcome.is_estimated = self.is_estimated


def of(call: Call, answer: Answer) -> Made:
    """Raises ProviderFailure for an answer that is none."""
    try:
        return MEASURES[call.path](call, answer)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProviderFailure("provider_protocol") from error


def _embeddings(call: Call, answer: Answer) -> Made:
    body = json.loads(answer.content)
    if len(body["data"]) != call.facts[TEXTS]:
        raise ValueError("data")
    usage = counts.read(body["usage"]) if body.get("usage") else None
    return Made(usage=usage, embedded=call.facts[TEXTS])


def _images(call: Call, answer: Answer) -> Made:
    rows = json.loads(answer.content)["data"]
    made = sum(1 for row in rows if row.get("b64_json"))
    if not 0 < made == len(rows):
        raise ValueError("data")
    return Made(pieces={Meter.IMAGES: made}, variant=call.facts[VARIANT])


def _speech(call: Call, answer: Answer) -> Made:
    if not answer.content:
        raise ValueError("nothing was said")
    if call.body.get("response_format") == "pcm":
        played: int | None = -(-len(answer.content) // sounds.PCM_BYTES_PER_MS)
    else:
        played = sounds.duration_ms(answer.content)
    return _played(call, Meter.AUDIO_OUT_MS, played)


def _transcription(call: Call, answer: Answer) -> Made:
    heard: Any = answer.content.decode()
    played = call.facts.get("played_ms")
    if "json" in call.body.get("response_format", "json"):
        body = json.loads(heard)
        heard = body["text"]
        played = played or _told_ms(body)
    if not isinstance(heard, str):
        raise TypeError("text")
    return _played(call, Meter.AUDIO_IN_MS, played, text=heard.replace("\x00", ""))


def _told_ms(body: dict[str, Any]) -> int | None:
    """What the provider says, where the file does not."""
    seconds = body.get("duration") or (body.get("usage") or {}).get("seconds")
    return int(seconds * sounds.MS) if isinstance(seconds, int | float) and seconds > 0 else None


def _played(call: Call, meter: str, played: int | None, text: str = "") -> Made:
    held = call.facts[HELD][meter]
    return Made(pieces={meter: played or held}, is_estimated=played is None, text=text)


MEASURES: dict[str, Callable[[Call, Answer], Made]] = {
    EMBEDDINGS: _embeddings,
    IMAGES: _images,
    SPEECH: _speech,
    TRANSCRIPTION: _transcription,
}
