"""What a workspace's people set about it: checked, entered once with before and after, and nothing on a refusal."""

import io
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tenants import pictures, sealing
from tenants.audit import SYSTEM
from tenants.models import AuditEntry, Workspace
from tenants.scope import get_ref
from tenants.settings import services, values


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def change(workspace, **wanted) -> None:
    services.change_settings(workspace_id=workspace.id, wanted=wanted, actor=SYSTEM)


def entries(workspace, action: str = "workspace.settings_changed") -> list[dict]:
    rows = AuditEntry.objects.filter(workspace_id=workspace.id, action=action).order_by("id")
    return [row.data for row in rows]


def test_settings_are_kept_and_entered_with_before_and_after(db, acme):
    change(acme, name="  Acme \n Works ", timezone="Asia/Tokyo", language="de", retention_days=90)

    kept = Workspace.objects.get(id=acme.id)
    assert (kept.name, kept.timezone, kept.language, kept.retention_days) == (
        "Acme Works",
        "Asia/Tokyo",
        "de",
        90,
    )
    assert entries(acme) == [
        {
            "before": {"timezone": "UTC", "language": "en", "retention_days": None},
            "after": {"timezone": "Asia/Tokyo", "language": "de", "retention_days": 90},
        }
    ]
    entry = AuditEntry.objects.get(workspace_id=acme.id, action="workspace.settings_changed")
    (sealed,) = sealing.unseal([(acme.id, part["text"]) for part in entry.sealed])
    assert sealed == {"personal": {"former_name": "Acme", "name": "Acme Works"}}


def test_only_what_changed_is_entered(db, acme):
    change(acme, name="Acme", language="fr")
    change(acme, name="Acme", language="fr")
    assert entries(acme) == [{"before": {"language": "en"}, "after": {"language": "fr"}}]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"name": " "}, "name_length"),
        ({"name": "x" * 81}, "name_length"),
        ({"timezone": "Mars/Base"}, "timezone_unknown"),
        ({"timezone": "Etc/GMT+3"}, "timezone_unknown"),
        ({"timezone": "../../etc/passwd"}, "timezone_unknown"),
        ({"language": "xx"}, "language_unknown"),
        ({"retention_days": 0}, "retention_out_of_range"),
        ({"retention_days": 3651}, "retention_out_of_range"),
        ({"accent": "red"}, "accent_malformed"),
        ({"accent": "#0b665"}, "accent_malformed"),
        ({"accent": "#0b6650;"}, "accent_malformed"),
    ],
)
def test_refused_setting_changes_nothing(db, acme, wanted, code):
    with pytest.raises(values.SettingRefused) as refused:
        change(acme, **{"hides_product_name": True, **wanted})
    assert (refused.value.code, refused.value.status) == (code, 422)
    assert refused.value.data == {"field": next(iter(wanted))}
    assert get_ref(id=acme.id) == acme
    assert entries(acme) == []


def test_accent_is_kept_in_lower_case_and_can_be_taken_back(db, acme):
    change(acme, accent=" #AABBCC ")
    assert get_ref(id=acme.id).accent == "#aabbcc"
    change(acme, accent="")
    assert get_ref(id=acme.id).accent == ""


def test_unknown_setting_is_a_bug(db, acme):
    with pytest.raises(KeyError):
        change(acme, schema_name="public")


def test_every_zone_on_offer_is_known():
    assert {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"} <= values.ZONES
    for zone in values.ZONES:
        ZoneInfo(zone)


# logo


def picture(kind: str = "PNG", size: tuple[int, int] = (900, 300), name: str = "logo.png", **options):
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return SimpleUploadedFile(name, out.getvalue(), "image/png")


def set_logo(workspace, upload) -> str:
    services.set_logo(workspace_id=workspace.id, upload=upload, actor=SYSTEM)
    return get_ref(id=workspace.id).logo


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_logo_is_kept_as_png_within_512_pixels(db, acme, kind):
    name = set_logo(acme, picture(kind, name="../../evil.svg"))

    assert name.startswith(f"workspaces/{acme.id}/brand/") and name.endswith(".png")
    with Image.open(default_storage.open(name)) as kept:
        assert (kept.format, kept.size) == ("PNG", (512, 171))
    assert entries(acme, "workspace.logo_set") == [{"before": {"logo": False}, "after": {"logo": True}}]


def test_former_logo_is_removed_after_the_commit(db, acme, django_capture_on_commit_callbacks):
    first = set_logo(acme, picture())
    with django_capture_on_commit_callbacks(execute=True):
        second = set_logo(acme, picture())
    assert first != second
    assert (default_storage.exists(first), default_storage.exists(second)) == (False, True)
    with django_capture_on_commit_callbacks(execute=True):
        services.remove_logo(workspace_id=acme.id, actor=SYSTEM)
        services.remove_logo(workspace_id=acme.id, actor=SYSTEM)
    assert (get_ref(id=acme.id).logo, default_storage.exists(second)) == ("", False)
    assert entries(acme, "workspace.logo_removed") == [{"before": {"logo": True}, "after": {"logo": False}}]


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        (SVG, pictures.PictureRefused, "picture_refused"),
        (b"GIF89a" + b"\0" * 50, pictures.PictureRefused, "picture_refused"),
        (b"", pictures.PictureRefused, "picture_refused"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * (1024 * 1024), services.LogoTooLarge, "logo_too_large"),
    ],
)
def test_what_is_no_logo_is_refused_and_nothing_kept(db, acme, tmp_path, content, error, code):
    upload = SimpleUploadedFile("logo.png", content, "image/png")
    with pytest.raises(error) as refused:
        set_logo(acme, upload)
    assert refused.value.code == code
    assert get_ref(id=acme.id).logo == ""
    assert list(tmp_path.rglob("*")) == []
    assert entries(acme, "workspace.logo_set") == []


def test_picture_that_would_unpack_to_gigabytes_is_refused(db, acme):
    bomb = picture(size=(6000, 6000), compress_level=9)
    assert bomb.size < services.LOGO_BYTES
    with pytest.raises(pictures.PictureRefused, match="megapixels"):
        set_logo(acme, bomb)
