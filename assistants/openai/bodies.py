"""JSON bodies of OpenAI's protocol, and the words in which it says what is wrong with them."""

import json
import re
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from config import errors

# An escaped NUL in JSON: neither a text nor a JSON column of PostgreSQL takes it.
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class InvalidRequest(errors.DomainError):
    code = "invalid_request"
    status = 400


class ModelNotFound(errors.DomainError):
    code = "model_not_found"
    status = 404


def read(request: HttpRequest) -> dict[str, Any]:
    """Raises InvalidRequest."""
    try:
        body = json.loads(request.body, parse_constant=_no_constant)
        is_storable = not NUL.search(json.dumps(body, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        is_storable = False
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if not is_storable:
        raise InvalidRequest("The body holds characters that no text may have: NUL or half of a pair.")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def wrong(param: str, rule: str) -> InvalidRequest:
    return InvalidRequest(f"{param}: {rule}.", data={"param": param})


def not_here(model: str) -> ModelNotFound:
    words = f"The model {model!r} does not exist here. GET /v1/models lists them."
    return ModelNotFound(words, data={"param": "model"})


def model_of(body: dict[str, Any], offered: Iterable[str]) -> str:
    """One of those that are offered for this. Raises InvalidRequest, ModelNotFound."""
    asked = body.get("model")
    if not isinstance(asked, str) or not asked:
        raise wrong("model", "must be the name of a model")
    if asked not in offered:
        raise not_here(asked)
    return asked


def text_of(body: dict[str, Any], name: str, *, most: int) -> str:
    """Raises InvalidRequest for what is no text of 1 to `most` characters."""
    text = body.get(name)
    if not isinstance(text, str) or not text.strip() or len(text) > most:
        raise wrong(name, f"must be a text of 1 to {most:,} characters")
    return text


def one_of(body: dict[str, Any], name: str, allowed: Iterable[str], default: str) -> str:
    value = body.get(name)
    if value is None:
        return default
    if value not in tuple(allowed):
        raise wrong(name, f"must be one of {', '.join(allowed)}")
    return str(value)


def whole_number(body: dict[str, Any], name: str, low: int, high: int, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise wrong(name, f"must be a whole number from {low} to {high}")
    return value


def number(body: dict[str, Any], name: str, low: int, high: int) -> float | int | None:
    value = body.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and low <= value <= high):
        raise wrong(name, f"must be a number from {low} to {high}")
    return value


def refuse_unknown(body: dict[str, Any], known: Iterable[str]) -> None:
    """As OpenAI does: a field that does nothing would be believed to do something."""
    for name in body:
        if name not in known:
            raise InvalidRequest(
                f"Unrecognized request argument supplied: {name[:80]}", data={"param": name[:80]}
            )
