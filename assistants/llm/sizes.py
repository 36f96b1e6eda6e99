"""How many tokens pictures take, by their size in pixels. The rules and their source: `tokens.of_image`."""

import base64
import binascii
import io
from typing import Any, Final

from PIL import Image

from tenants import pictures

LARGEST: Final = ((2048, 768), (2048, 2048))
"""For what cannot be measured, such as an address of elsewhere: the most by tiles, and by patches. Whatever is larger
is scaled down first."""
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
BOX, SHORT, TILE, PATCH, QWEN_PATCH = 2048, 768, 512, 32, 28
MOST_PATCHES: Final = 1536
# The longest beginning of the model's name decides. Base, and for each tile.
TILES: Final = {
    "gpt-4o-mini": (2833, 5667),
    "gpt-4o": (85, 170),
    "gpt-4.1": (85, 170),
    "gpt-4.5": (85, 170),
    "gpt-5": (70, 140),
    "o1": (75, 150),
    "o3": (75, 150),
}
# Thousandths of a token for each patch.
PATCHES: Final = {
    "gpt-4.1-mini": 1620,
    "gpt-4.1-nano": 2460,
    "gpt-5-mini": 1620,
    "gpt-5-nano": 2460,
    "o4-mini": 1720,
}
MARGIN: Final = 1
"""For what rounding may add."""


def count(width: int, height: int, model: str) -> int:
    """`model`: as assistants name it; the part after a provider's slash is looked up."""
    name = model.rpartition("/")[2]
    known = max((key for key in (*TILES, *PATCHES) if name.startswith(key)), key=len, default="")
    if known in PATCHES:
        return _up(_patches(width, height) * PATCHES[known], 1000) + MARGIN
    base, per_tile = TILES.get(known, TILES["gpt-4o"])
    by_tiles = base + per_tile * _tiles(width, height)
    return by_tiles if known else max(by_tiles, _qwen_patches(width, height))


def most(model: str) -> int:
    """Of whatever picture."""
    return max(count(*size, model) for size in LARGEST)


def _tiles(width: int, height: int) -> int:
    width, height = _within(width, height, BOX)
    short = min(width, height)
    if short > SHORT:
        width, height = _up(width * SHORT, short), _up(height * SHORT, short)
    return _up(width, TILE) * _up(height, TILE)


def _patches(width: int, height: int) -> int:
    return min(_up(width, PATCH) * _up(height, PATCH), MOST_PATCHES)


def _qwen_patches(width: int, height: int) -> int:
    width, height = _within(width, height, BOX)
    return (_up(width, QWEN_PATCH) + 1) * (_up(height, QWEN_PATCH) + 1)


def _within(width: int, height: int, side: int) -> tuple[int, int]:
    longest = max(width, height)
    return (width, height) if longest <= side else (_up(width * side, longest), _up(height * side, longest))


def _up(number: int, by: int) -> int:
    """Divided, and rounded up; at least 1."""
    return max(1, -(-number // by))


def of_part(part: Any, model: str) -> int:
    """Tokens of an image part of OpenAI's protocol, measured in its data URL; `most` of anything else."""
    image = part.get("image_url") if isinstance(part, dict) else None
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url.startswith("data:image/"):
        return most(model)
    try:
        content = base64.b64decode(url.partition(",")[2])
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            return count(*opened.size, model)
    except (*pictures.UNREADABLE, binascii.Error, Image.DecompressionBombError):
        return most(model)
