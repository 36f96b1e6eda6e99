"""Pictures that are given with questions: decoded and written anew, so that only pixels are kept.

No place, no camera, no other format behind the picture. Never larger than what models look at: OpenAI scales what it
gets to 2048 pixels first.
"""

import io
from dataclasses import dataclass
from typing import Final

from django.core.files.uploadedfile import UploadedFile
from PIL import Image, ImageOps

from assistants.documents.refusals import UnreadableFile, UnsafeFile
from tenants import pictures

SIDE: Final = 2048
MAX_PIXELS: Final = 24_000_000
"""Of what is decoded whole; a JPEG is decoded at the size that is needed (`intake.MAX_PIXELS` stands for it)."""
MAX_STORED: Final = 4 * 1024 * 1024
"""A picture without loss that would take more is kept as a JPEG."""
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
QUALITY: Final = 88


@dataclass(frozen=True)
class Picture:
    content: bytes
    media_type: str
    extension: str
    width: int
    height: int


def normalise(upload: UploadedFile) -> Picture:
    """An animation gives its first picture. The file was examined before (`documents.intake`).

    Raises UnsafeFile, UnreadableFile.
    """
    upload.seek(0)
    try:
        with Image.open(io.BytesIO(upload.read()), formats=FORMATS) as opened:
            # SECURITY: before anything is decoded; a small file may hold a picture of gigabytes.
            if opened.format != "JPEG" and opened.width * opened.height > MAX_PIXELS:
                raise UnsafeFile("decompression_bomb")
            is_photo = opened.format == "JPEG"
            opened.thumbnail((SIDE, SIDE))
            upright = ImageOps.exif_transpose(opened)
            return _written(_bare(upright), is_photo=is_photo)
    except Image.DecompressionBombError as error:
        raise UnsafeFile("decompression_bomb") from error
    except pictures.UNREADABLE as error:
        raise UnreadableFile() from error
    finally:
        upload.seek(0)


def _bare(picture: Image.Image) -> Image.Image:
    """Pillow writes what it knows about a picture into the file: a new one knows nothing."""
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    shown = picture.convert(mode)
    bare = Image.new(mode, shown.size)
    bare.paste(shown)
    return bare


def _written(picture: Image.Image, *, is_photo: bool) -> Picture:
    if not is_photo:
        content = _bytes(picture, "PNG", optimize=True)
        if len(content) <= MAX_STORED:
            return Picture(content, "image/png", "png", *picture.size)
    content = _bytes(_opaque(picture), "JPEG", quality=QUALITY)
    return Picture(content, "image/jpeg", "jpg", *picture.size)


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _bytes(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()
