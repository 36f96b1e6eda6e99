"""`POST /v1/embeddings`: a hashing embedder. Texts that share words, or parts of words, get near vectors."""

from __future__ import annotations

import base64
import math
import re
from array import array
from typing import Any
from zlib import crc32

from assistants.simulator import catalogue, directives, tokens
from assistants.simulator.books import Usage
from assistants.simulator.errors import bad_request
from assistants.simulator.plans import Plan, Reply
from assistants.simulator.wire import dump, read_json

MAX_INPUTS = 2048
MAX_TOKENS = 8192
WORD = re.compile(r"\w+")
# Short words are mostly grammar; without inverse document frequencies their length is the best hint.
SHORT, SHORT_WEIGHT, PART_WEIGHT = 3, 0.2, 0.35


def plan_embeddings(body: bytes, number: int) -> Plan:
    data = read_json(body)
    model = catalogue.require(data.get("model"), "embedding")
    texts = _read_inputs(data.get("input"))
    dimensions = _read_dimensions(data.get("dimensions"), model)
    encoding = data.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise bad_request("`encoding_format` must be float or base64.", param="encoding_format")
    asked = directives.parse(texts[0])
    counts = [tokens.count(text) for text in texts]
    if max(counts) > MAX_TOKENS:
        raise bad_request(f"This model's maximum input is {MAX_TOKENS} tokens.", param="input")
    entries = [
        {"object": "embedding", "index": at, "embedding": _encode(embed(text, dimensions), encoding)}
        for at, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
    answer = {"object": "list", "data": entries, "model": model, "usage": usage}
    return Reply(
        model=model,
        directives=asked,
        usage=Usage(input_tokens=sum(counts)),
        hurried=True,
        body=dump(answer),
    )


def embed(text: str, dimensions: int) -> list[float]:
    """Unit length. Each word, and each three letters of it, adds to one place, with a sign, by hash."""
    vector = [0.0] * dimensions
    for word in WORD.findall(text.lower()):
        short = len(word) <= SHORT and not word.isdigit()
        _add(vector, word, SHORT_WEIGHT if short else 1.0)
        if not short:
            padded = f"^{word}$"
            for at in range(len(padded) - 2):
                _add(vector, padded[at : at + 3], PART_WEIGHT)
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        vector[0] = length = 1.0
    return [round(value / length, 8) for value in vector]


def _add(vector: list[float], feature: str, weight: float) -> None:
    digest = crc32(feature.encode())
    vector[(digest >> 1) % len(vector)] += weight if digest & 1 else -weight


def _encode(vector: list[float], encoding: str) -> Any:
    return vector if encoding == "float" else base64.b64encode(array("f", vector).tobytes()).decode()


def _read_inputs(value: object) -> list[str]:
    """A text, texts, a list of tokens, or lists of tokens."""
    if isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], int)):
        value = [value]
    if not isinstance(value, list) or not 0 < len(value) <= MAX_INPUTS:
        raise bad_request(f"`input` must be a text or 1 to {MAX_INPUTS} texts.", param="input")
    texts = [_read_input(each) for each in value]
    if not all(texts):
        raise bad_request("`input` must not contain an empty text.", param="input")
    return texts


def _read_input(value: object) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(token, int) for token in value):
        raise bad_request("`input` must hold texts or tokens.", param="input")
    try:
        return tokens.decode(value)
    except KeyError as error:
        raise bad_request("`input` holds an unknown token.", param="input") from error


def _read_dimensions(value: object, model: str) -> int:
    most = catalogue.DIMENSIONS[model]
    if value is None:
        return most
    if not isinstance(value, int) or not 1 <= value <= most:
        raise bad_request(f"`dimensions` must be between 1 and {most} for {model}.", param="dimensions")
    return value
