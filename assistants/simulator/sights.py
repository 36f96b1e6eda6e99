"""Pictures in a request: what they are, and what OpenAI would charge for them.

Source: https://platform.openai.com/docs/guides/images-vision, "Calculating costs".
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil

from PIL import Image

LOW_TOKENS = 85
# Base and tile of those that differ from gpt-4o.
TILED = {"gpt-4o-mini": (2833, 5667)}
PATCHED = {"gpt-4.1-mini": 1.62}


@dataclass(frozen=True, slots=True)
class Sight:
    """`media_type`: as its bytes say; empty when they are no picture."""

    media_type: str = ""
    width: int = 0
    height: int = 0
    detail: str = "auto"

    def __str__(self) -> str:
        return f"{self.media_type}, {self.width} × {self.height}" if self.media_type else "unreadable"


def look(part: Mapping[str, object]) -> Sight:
    """Looks at a data URL. An address elsewhere is never asked for."""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    detail = str(image.get("detail") or "auto") if isinstance(image, dict) else "auto"
    if not isinstance(url, str) or not url.startswith("data:"):
        return Sight(detail=detail)
    try:
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as opened:
            return Sight(Image.MIME.get(opened.format or "", ""), *opened.size, detail)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Sight(detail=detail)


def look_at_all(contents: Iterable[object]) -> list[Sight]:
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [look(part) for part in parts if part["type"] == "image_url"]


def count(part: Mapping[str, object], model: str) -> int:
    """What is no readable picture counts as one in low detail."""
    sight = look(part)
    base, tile = TILED.get(model, (LOW_TOKENS, 170))
    if not sight.media_type:
        return LOW_TOKENS
    if model in PATCHED:
        patches = min(ceil(sight.width / 32) * ceil(sight.height / 32), 1536)
        return round(patches * PATCHED[model])
    return base if sight.detail == "low" else base + tile * _tiles(sight.width, sight.height)


def _tiles(width: float, height: float) -> int:
    for limit, side in ((2048, max), (768, min)):
        longest = side(width, height)
        if longest > limit:
            width, height = width * limit / longest, height * limit / longest
    return ceil(round(width) / 512) * ceil(round(height) / 512)
