"""Uploaded pictures: only pixels are kept, and nothing that is no picture gets in."""

import io
import struct
import zlib

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from PIL import Image, ImageFile

from config import errors
from tenants import pictures

SECRET = b"52.5163 N 13.3777 E"


def upload(content: bytes, name: str = "me.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def drawn(kind: str = "PNG", size: tuple[int, int] = (400, 200), **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_avatar_becomes_a_square_png(kind):
    with Image.open(io.BytesIO(pictures.square(upload(drawn(kind))))) as made:
        assert (made.format, made.size) == ("PNG", (256, 256))


def test_logo_keeps_its_shape_and_is_not_enlarged():
    for size, expected in (((1000, 200), (480, 96)), ((60, 40), (60, 40))):
        with Image.open(io.BytesIO(pictures.fitted(upload(drawn(size=size))))) as made:
            assert made.size == expected


def with_secrets() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    return drawn("JPEG", exif=exif, icc_profile=SECRET, comment=SECRET) + b"<script>" + SECRET


def test_only_pixels_are_kept():
    content = with_secrets()
    assert content.count(SECRET) == 4
    made = pictures.square(upload(content))
    assert SECRET not in made
    assert b"<script>" not in made
    with Image.open(io.BytesIO(made)) as opened:
        assert opened.info == {}


def test_saving_the_decoded_picture_itself_would_keep_more():
    """The control: Pillow writes on what it has read."""
    out = io.BytesIO()
    Image.open(io.BytesIO(with_secrets())).save(out, "PNG")
    with Image.open(io.BytesIO(out.getvalue())) as opened:
        assert opened.info["icc_profile"] == SECRET


def test_picture_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (40, 20), "white")
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    with Image.open(io.BytesIO(pictures.fitted(upload(out.getvalue())))) as made:
        assert made.size == (20, 40)


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that claims to be large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(5000, 5000), (60_000, 60_000)])
def test_bomb_is_refused_before_it_is_decoded(size, monkeypatch):
    decoded: list[object] = []

    def load(picture: ImageFile.ImageFile) -> None:
        decoded.append(picture)
        raise OSError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(pictures.PictureRefused):
        pictures.square(upload(bomb(*size)))
    assert decoded == []
    with pytest.raises(pictures.PictureRefused):
        pictures.square(upload(bomb(40, 50)))
    assert len(decoded) == 1, "the control: what is small enough is decoded"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"GIF89a" + b"\0" * 100, b"<svg xmlns='http://www.w3.org/2000/svg'><script>x</script></svg>",
        b"%PDF-1.7", drawn("GIF"), drawn("BMP"), drawn("TIFF"), drawn()[:60], drawn("JPEG")[:200],
        drawn("WEBP")[:40], bomb(0, 10), b"\x89PNG\r\n\x1a\n",
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(pictures.PictureRefused) as refused:
        pictures.square(upload(content))
    assert (refused.value.code, refused.value.status) == ("picture_refused", 422)


def test_file_beyond_two_megabytes_is_refused_unread():
    large = upload(drawn() + b"\0" * pictures.MAX_BYTES)
    with pytest.raises(pictures.PictureRefused):
        pictures.square(large)
    assert large.tell() == 0


@pytest.fixture
def storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return default_storage


def test_former_picture_goes_with_the_commit(committed, storage):
    with transaction.atomic():
        first = pictures.replace("", "people/1/avatar/a.png", b"one")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        pictures.replace(first, "people/1/avatar/b.png", b"two")
        raise ZeroDivisionError
    assert pictures.read(first) == b"one"
    with transaction.atomic():
        second = pictures.replace(first, "people/1/avatar/c.png", b"three")
    assert pictures.read(second) == b"three"
    assert not storage.exists(first)
    with pytest.raises(RuntimeError, match="transaction"):
        pictures.remove_on_commit(second)


def test_served_picture_is_nothing_but_a_picture(storage):
    name = storage.save("people/1/avatar/a.png", io.BytesIO(b"png"))
    response = pictures.respond(name)
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    for missing in ("", "people/1/avatar/b.png"):
        with pytest.raises(errors.NotFound):
            pictures.respond(missing)
