"""Pictures that people upload: avatars and logos. Decoded and written anew as PNG, so that only pixels are kept.

What a picture says about itself is not believed: its format is one of three, its size is read before it is decoded, and
whatever else the file held (place, camera, other formats behind the picture) is gone.
"""

import io
import secrets
import struct
import zlib

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from PIL import Image, ImageOps

from config import errors

FORMATS = ("PNG", "JPEG", "WEBP")
ACCEPT = "image/png,image/jpeg,image/webp"
"""For the `accept` of a file field."""
MAX_BYTES = 2 * 1024 * 1024
MAX_PIXELS = 24_000_000
TOO_MANY_PIXELS = f"This picture is too large: up to {MAX_PIXELS // 1_000_000} megapixels."
AVATAR_SIDE = 256
LOGO_BOX = (480, 160)
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, zlib.error)
"""What Pillow raises for a file that is broken or lies; UnidentifiedImageError is an OSError."""


class PictureRefused(errors.DomainError):
    code = "picture_refused"
    status = 422
    message = "This is no picture that can be used: choose a PNG, JPEG or WebP file of up to 2 MB."


def square(upload: UploadedFile, side: int = AVATAR_SIDE) -> bytes:
    """The middle of the picture as a PNG of `side` × `side`. Raises PictureRefused."""
    picture = _decode(upload)
    return _png(ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS))


def fitted(upload: UploadedFile, box: tuple[int, int] = LOGO_BOX) -> bytes:
    """The whole picture as a PNG within `box`, never enlarged. Raises PictureRefused."""
    picture = _decode(upload)
    picture.thumbnail(box, Image.Resampling.LANCZOS)
    return _png(picture)


def _decode(upload: UploadedFile) -> Image.Image:
    """In RGBA, upright. An animation gives its first picture."""
    if not upload.size or upload.size > MAX_BYTES:
        raise PictureRefused()
    content = upload.read(MAX_BYTES + 1)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            # SECURITY: before anything is decoded; a small file may hold a picture of gigabytes.
            if opened.width * opened.height > MAX_PIXELS:
                raise PictureRefused(TOO_MANY_PIXELS)
            opened.load()
            return ImageOps.exif_transpose(opened).convert("RGBA")
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise PictureRefused() from error


def _png(picture: Image.Image) -> bytes:
    # Pillow writes what it knows about a picture into the file: a new one knows nothing.
    bare = Image.new("RGBA", picture.size)
    bare.paste(picture)
    out = io.BytesIO()
    bare.save(out, "PNG", optimize=True)
    return out.getvalue()


def fresh_name() -> str:
    """For the last part of a name by `tenants.keys`: never used before, so that browsers may keep the picture."""
    return f"{secrets.token_urlsafe(12)}.png"


def replace(former: str, name: str, png: bytes) -> str:
    """Stores the picture; once the transaction is committed, the former one is removed. Returns its stored name.

    Raises RuntimeError outside a transaction.
    """
    stored: str = default_storage.save(name, ContentFile(png))
    remove_on_commit(former)
    return stored


def remove_on_commit(name: str) -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a picture goes with the transaction that forgets it")
    if name:
        transaction.on_commit(lambda: default_storage.delete(name), robust=True)


def read(name: str) -> bytes:
    """Raises NotFound."""
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        raise errors.NotFound() from error


def respond(name: str) -> HttpResponse:
    """For a view that has asked who may see it. Raises NotFound."""
    if not name:
        raise errors.NotFound()
    response = HttpResponse(read(name), content_type="image/png")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response
