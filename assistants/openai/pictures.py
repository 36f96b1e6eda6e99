"""`POST /v1/images/generations`, and the addresses under which its pictures can be fetched for an hour."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpResponse

from accounts.permissions import Member
from accounts.requests import MemberRequest
from assistants.llm.calls import Answer
from assistants.models import Run
from assistants.openai import bodies
from assistants.openai.making import Making
from assistants.runs import measures, parcels
from config import errors
from tenants import links
from usage.models import Meter

MOST = 10
MOST_PROMPT = 32_000
KNOWN = (
    "model", "prompt", "n", "size", "quality", "response_format", "user", "style", "background", "moderation",
    "output_format", "output_compression", "stream", "partial_images", "input_fidelity",
)  # fmt: skip
PASSED_ON = ("style", "background", "moderation", "output_format", "output_compression")
SIZE = re.compile(r"[1-9]\d{1,3}x[1-9]\d{1,3}")
SIZES: dict[str, tuple[str, ...]] = {
    "gpt-image": ("1024x1024", "1024x1536", "1536x1024"),
    "dall-e-3": ("1024x1024", "1024x1792", "1792x1024"),
    "dall-e-2": ("256x256", "512x512", "1024x1024"),
}
"""By the beginning of the model's name; of another one its server decides."""
QUALITIES: dict[str, tuple[str, ...]] = {
    "gpt-image": ("medium", "low", "high"),
    "dall-e-3": ("standard", "hd"),
    "dall-e-2": ("standard",),
}
ANY_QUALITY = ("standard", "low", "medium", "high", "hd")
SALT = "made-picture"
TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def read(request: MemberRequest) -> tuple[Making, bool]:
    """The call, and whether addresses are wanted. Raises InvalidRequest, ModelNotFound."""
    body = bodies.read(request)
    bodies.refuse_unknown(body, KNOWN)
    if body.get("stream") or body.get("partial_images"):
        raise bodies.wrong("stream", "pictures come whole here")
    model = bodies.model_of({"model": next(iter(settings.IMAGE_MODELS), None), **body}, settings.IMAGE_MODELS)
    many = bodies.whole_number(body, "n", 1, MOST, 1)
    size, quality = _size(body, model), _quality(body, model)
    form = bodies.one_of(body, "response_format", ("b64_json", "url"), "b64_json")
    bodies.one_of(body, "output_format", TYPES, "png")
    sent = {
        "prompt": bodies.text_of(body, "prompt", most=MOST_PROMPT),
        "n": many,
        "size": size,
        "quality": quality,
        **{name: body[name] for name in PASSED_ON if body.get(name) is not None},
    }
    if not model.startswith("gpt-image"):
        # What those always send is asked of the others.
        sent["response_format"] = "b64_json"
    making = Making(
        kind=Run.Kind.IMAGE,
        model=model,
        path=measures.IMAGES,
        body=sent,
        pieces={Meter.IMAGES: many},
        variant=f"{size}/{quality}",
        facts={parcels.KEPT_S: parcels.LINK_S} if form == "url" else {},
    )
    return making, form == "url"


def _of_model(table: dict[str, tuple[str, ...]], model: str) -> tuple[str, ...]:
    return next((allowed for name, allowed in table.items() if model.startswith(name)), ())


def _size(body: dict[str, Any], model: str) -> str:
    """`auto` is decided here: what is held is what is made."""
    allowed, asked = _of_model(SIZES, model), body.get("size")
    if asked in (None, "auto"):
        return "1024x1024"
    if allowed:
        return bodies.one_of(body, "size", allowed, allowed[0])
    if not isinstance(asked, str) or not SIZE.fullmatch(asked):
        raise bodies.wrong("size", "must be WIDTHxHEIGHT, or auto")
    return asked


def _quality(body: dict[str, Any], model: str) -> str:
    allowed: Iterable[str] = _of_model(QUALITIES, model) or ANY_QUALITY
    default = next(iter(allowed))
    return default if body.get("quality") == "auto" else bodies.one_of(body, "quality", allowed, default)


def with_addresses(answer: Answer, *, member: Member, run: Run) -> HttpResponse:
    """Each picture by an address that works for an hour, for whoever has it."""
    body = json.loads(answer.content)
    for number, row in enumerate(body["data"]):
        row.pop("b64_json")
        token = signing.dumps([str(member.workspace_id), str(run.id), run.attempt, number], salt=SALT)
        row["url"] = links.main_url("made-picture", on_own_domain=True, token=token)
    return HttpResponse(json.dumps(body), content_type="application/json")


def open_picture(token: str) -> tuple[bytes, str]:
    """(content, media type). Raises NotFound for an address that is over, or never was."""
    try:
        workspace_id, run_id, attempt, number = signing.loads(token, salt=SALT, max_age=parcels.LINK_S)
        answer = parcels.look(workspace_id=UUID(workspace_id), run_id=UUID(run_id), attempt=attempt)
        if answer is None:
            raise errors.NotFound()
        body = json.loads(answer.content)
        content = base64.b64decode(body["data"][number]["b64_json"])
    except (signing.BadSignature, binascii.Error, ValueError, LookupError, TypeError) as error:
        raise errors.NotFound() from error
    return content, TYPES.get(body.get("output_format", "png"), TYPES["png"])
