"""Files that were given with questions, in the prompt: pictures for models that see, for others a line that says so.

Passages of documents come by their own source (assistants/documents/prompt.py).
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage

from assistants.llm import catalogue, tokens
from assistants.models import Attachment, ProviderModel

MOST_IMAGES = 8
IMAGE_BYTES = 12 * 1024 * 1024
"""Of all pictures of a prompt together; in the request they take a third more."""
IMAGE_TOKENS = 60_000
LINE_TOKENS = 24
"""At least what stands in the place of a picture whose file is gone."""
GONE = "(This picture is not there any more.)"


@dataclass(frozen=True)
class Given:
    """`is_sent`: the model gets its pixels."""

    name: str
    media_type: str
    file: str
    size_bytes: int
    width: int
    height: int
    is_document: bool
    is_sent: bool = False

    @property
    def is_image(self) -> bool:
        return bool(self.file) and not self.is_document


def sees(model: str) -> bool:
    """Whether a model takes pictures. At most one query."""
    try:
        return catalogue.resolve(model).has_vision
    except catalogue.ModelNotOffered:
        return False


def seeing(models: Iterable[str]) -> set[str]:
    """Those of them that take pictures. One query when there are own models among them."""
    names = set(models)
    own = {name for name in names if "/" in name and name not in settings.CHAT_MODELS}
    found = {name for name in names - own if name in settings.VISION_MODELS}
    if own:
        rows = ProviderModel.objects.filter(provider__is_on=True, is_offered=True, has_vision=True)
        found |= own & {f"{slug}/{name}" for slug, name in rows.values_list("provider__slug", "name")}
    return found


def of_messages(newest_first: Iterable[UUID], models: Sequence[str]) -> dict[UUID, list[Given]]:
    """By question, and of the pictures which are sent: the newest that fit. One query, two for an own model.

    `models`: the one that is asked, then those that may answer instead, for which they must fit too."""
    order = list(newest_first)
    rows = Attachment.objects.filter(message_id__in=order).order_by("created_at", "id")
    found: dict[UUID, list[Given]] = {}
    for row in rows:
        given = Given(
            row.name,
            row.media_type,
            row.file,
            row.size_bytes,
            row.width,
            row.height,
            row.document_id is not None,
        )
        if row.message_id is not None:
            found.setdefault(row.message_id, []).append(given)
    has_images = any(given.is_image for group in found.values() for given in group)
    if not has_images or not sees(models[0]):
        return found
    return _chosen({message_id: found[message_id] for message_id in order if message_id in found}, models)


def _chosen(found: dict[UUID, list[Given]], models: Sequence[str]) -> dict[UUID, list[Given]]:
    number, size, read = 0, 0, 0
    chosen: dict[UUID, list[Given]] = {}
    for message_id, group in found.items():
        chosen[message_id] = []
        for given in group:
            cost = _most(given, models)
            fits = (
                number < MOST_IMAGES
                and size + given.size_bytes <= IMAGE_BYTES
                and read + cost <= IMAGE_TOKENS
            )
            is_sent = given.is_image and fits
            if is_sent:
                number, size, read = number + 1, size + given.size_bytes, read + cost
            chosen[message_id].append(replace(given, is_sent=is_sent))
    return chosen


def noted(text: str, group: Sequence[Given], *, has_vision: bool) -> str:
    """The question's text with a line for each file. Names are people's: they cannot begin a line of their own."""
    return "\n".join([text, "", *(f"[{_line(given, has_vision)}]" for given in group)]) if group else text


def _line(given: Given, has_vision: bool) -> str:
    name = " ".join(given.name.split()).translate(
        {ord("["): "(", ord("]"): ")", ord("“"): "'", ord("”"): "'"}
    )
    if given.is_document:
        return f"Given with this message: the document “{name}”"
    if not given.is_image:
        return f"Given with this message: “{name}”, which was deleted since"
    if given.is_sent:
        return f"Given with this message: the image “{name}”"
    if has_vision:
        return f"Given with this message: the image “{name}”, left out here for want of room"
    return (
        f"Given with this message: the image “{name}”. You cannot see images: say so if the answer needs it"
    )


def cost(groups: Iterable[Sequence[Given]], models: Sequence[str]) -> int:
    """Tokens of the pictures that are sent, whichever of the models answers."""
    return sum(_most(given, models) for group in groups for given in group if given.is_sent)


def _most(given: Given, models: Sequence[str]) -> int:
    return max(LINE_TOKENS, *(tokens.of_image(given.width, given.height, model) for model in models))


def content(text: str, group: Sequence[Given]) -> str | list[dict[str, Any]]:
    """What a message holds: its text, and the pictures as parts of OpenAI's protocol. Reads their files."""
    images = [_part(given) for given in group if given.is_sent]
    return [{"type": "text", "text": text}, *images] if images else text


def _part(given: Given) -> dict[str, Any]:
    try:
        with default_storage.open(given.file) as file:
            data = base64.b64encode(file.read()).decode()
    except FileNotFoundError:
        return {"type": "text", "text": GONE}
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{given.media_type};base64,{data}", "detail": "high"},
    }
