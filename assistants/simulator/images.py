"""`POST /v1/images/generations`: PNG images that say they are simulated, in colours taken from the prompt."""

from __future__ import annotations

import base64
import re
import struct
import time
import zlib
from typing import Any

from assistants.simulator import catalogue, directives, tokens
from assistants.simulator.books import Usage
from assistants.simulator.errors import bad_request
from assistants.simulator.plans import Plan, Reply
from assistants.simulator.wire import dump, read_json

LARGEST = 2048
MOST = 10
# OpenAI's published output tokens of gpt-image-1 by quality, for a square image.
QUALITIES = {"low": 272, "medium": 1056, "high": 4160, "auto": 1056, "standard": 1056, "hd": 4160}
PER_PIXEL_OF = 1024 * 1024
LABEL = "SIMULATED"
# Five columns by seven rows; each number is a row, its highest bit on the left.
GLYPHS = {
    "S": (0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110),
    "I": (0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110),
    "M": (0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001),
    "U": (0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110),
    "L": (0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111),
    "A": (0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001),
    "T": (0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100),
    "E": (0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111),
    "D": (0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110),
}


def plan_images(body: bytes, number: int) -> Plan:
    data = read_json(body)
    model = catalogue.require(data.get("model") or "sim-image", "image")
    prompt = data.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise bad_request("`prompt` must be a non-empty string.", param="prompt")
    _refuse_unsupported(data)
    width, height = _read_size(data.get("size"))
    many = _read_number(data.get("n"))
    asked = directives.parse(prompt)
    prompt_tokens = tokens.count(prompt)
    output = many * _output_tokens(width, height, data.get("quality") or "auto")
    images = [draw_image(f"{asked.prompt} {at}", width, height) for at in range(many)]
    usage = {
        "input_tokens": prompt_tokens,
        "output_tokens": output,
        "total_tokens": prompt_tokens + output,
        "input_tokens_details": {"text_tokens": prompt_tokens, "image_tokens": 0},
    }
    answer = {
        "created": int(time.time()),
        "data": [{"b64_json": base64.b64encode(each).decode()} for each in images],
    }
    answer |= {"output_format": "png", "size": f"{width}x{height}", "usage": usage}
    return Reply(
        model=model,
        directives=asked,
        usage=Usage(input_tokens=prompt_tokens, output_tokens=output, images=many),
        body=dump(answer),
    )


def draw_image(prompt: str, width: int, height: int) -> bytes:
    """A gradient in the prompt's two colours with the word on it; the prompt stands in the metadata."""
    digest = zlib.crc32(prompt.encode()).to_bytes(4, "big") + zlib.adler32(prompt.encode()).to_bytes(4, "big")
    palette = bytes(
        (digest[channel] * (254 - step) + digest[channel + 4] * step) // 254
        for step in range(255)
        for channel in range(3)
    )
    label = _label_rows(width, height)
    rows = bytearray()
    for y in range(height):
        shade = y * 254 // max(height - 1, 1)
        row = bytes((shade,)) * width
        rows += b"\0" + (
            label[y].replace(b"\0", bytes((shade,))) if y in label and shade else label.get(y, row)
        )
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"PLTE", palette + b"\xff\xff\xff"),
        (b"tEXt", b"Software\0simulated"),
        (b"tEXt", b"Description\0" + prompt.encode("latin-1", "replace")[:1000].replace(b"\0", b" ")),
        (b"IDAT", zlib.compress(bytes(rows), 1)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _label_rows(width: int, height: int) -> dict[int, bytes]:
    """The rows that the word covers, in palette entry 255 on 0; none when the image is too small for it."""
    columns = len(LABEL) * 6 - 1
    scale = width * 2 // 3 // columns
    if not scale or height < 7 * scale:
        return {}
    left, top = (width - columns * scale) // 2, (height - 7 * scale) // 2
    rows: dict[int, bytes] = {}
    for line in range(7):
        bits = "0".join(f"{GLYPHS[letter][line]:05b}" for letter in LABEL)
        dots = b"".join((b"\xff" if bit == "1" else b"\0") * scale for bit in bits)
        row = b"\0" * left + dots + b"\0" * (width - left - len(dots))
        rows |= {top + line * scale + at: row for at in range(scale)}
    return rows


def _refuse_unsupported(data: dict[str, Any]) -> None:
    if data.get("stream"):
        raise bad_request("The simulated provider does not stream images.", param="stream")
    if data.get("response_format") not in (None, "b64_json"):
        raise bad_request("The simulated provider answers with b64_json only.", param="response_format")
    if data.get("output_format") not in (None, "png"):
        raise bad_request("The simulated provider makes PNG images only.", param="output_format")
    if (data.get("quality") or "auto") not in QUALITIES:
        raise bad_request("Invalid `quality`.", param="quality")


def _read_size(value: object) -> tuple[int, int]:
    if value in (None, "auto"):
        return 1024, 1024
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", value) if isinstance(value, str) else None
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise bad_request(
            f"`size` must be WIDTHxHEIGHT, at most {LARGEST} each.", param="size", code="invalid_value"
        )
    return width, height


def _read_number(value: object) -> int:
    number = 1 if value is None else value
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST:
        raise bad_request(f"`n` must be between 1 and {MOST}.", param="n")
    return number


def _output_tokens(width: int, height: int, quality: str) -> int:
    """In proportion to the pixels; rounded up, so that no image is free."""
    return -(-QUALITIES[quality] * width * height // PER_PIXEL_OF)
