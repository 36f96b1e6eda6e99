"""The page of a workspace's look."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from tenants.scope import get_ref
from tests.tenants.test_settings import SVG, picture

PAGE = "/w/acme/settings/brand/"


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_logo_is_uploaded_shown_and_removed(db, acme, owner):
    client = owner.browser()
    assert client.post(f"{PAGE}logo/", {"logo": picture()}).status_code == 302
    name = get_ref(id=acme.id).logo
    assert default_storage.exists(name)
    shown = client.get(PAGE)
    assert shown.context["brand"].logo_url.encode() in shown.content
    assert client.get(shown.context["brand"].logo_url).status_code == 200
    assert client.post(f"{PAGE}logo/remove/").status_code == 302
    assert get_ref(id=acme.id).logo == ""


@pytest.mark.parametrize(
    ("upload", "status", "words"),
    [
        (SimpleUploadedFile("logo.svg", SVG, "image/svg+xml"), 422, "choose a PNG, JPEG or WebP"),
        (SimpleUploadedFile("logo.png", b"\x89PNG" + b"\0" * 1_100_000), 413, "1 MB at most"),
        (SimpleUploadedFile("logo.png", b""), 422, "empty"),
        (None, 422, "required"),
    ],
)
def test_refused_logo_says_why(db, acme, owner, upload, status, words):
    response = owner.browser().post(f"{PAGE}logo/", {"logo": upload} if upload else {})
    assert response.status_code == status
    assert words in " ".join(response.context["logo_form"].errors["logo"])
    assert get_ref(id=acme.id).logo == ""


def test_colour_is_saved_and_the_page_says_what_becomes_of_it(db, acme, owner):
    client = owner.browser()
    response = client.post(PAGE, {"accent": "#FFDD00", "hides_product_name": "on"})
    assert response.status_code == 302
    ref = get_ref(id=acme.id)
    assert (ref.accent, ref.hides_product_name) == ("#ffdd00", True)
    (said,) = client.get(PAGE).context["adjusted"]
    assert said.startswith("On light pages #ffdd00 is shown as #")
    client.post(PAGE, {"accent": ""})
    ref = get_ref(id=acme.id)
    assert (ref.accent, ref.hides_product_name) == ("", False)


@pytest.mark.parametrize("accent", ["red", "#fff", "#12345g", "url(x)"])
def test_what_is_no_colour_comes_back(db, acme, owner, accent):
    response = owner.browser().post(PAGE, {"accent": accent, "hides_product_name": "on"})
    assert response.status_code == 422
    form = response.context["form"]
    assert form.errors["accent"] == ["A colour looks like #0b6650."]
    assert (form["accent"].value(), form["hides_product_name"].value()) == (accent, True)
    assert get_ref(id=acme.id) == acme


def test_member_of_the_team_does_not_change_the_look(db, acme, member):
    assert member.browser().post(PAGE, {"accent": "#aa3300"}).status_code == 403
    assert member.browser().post(f"{PAGE}logo/", {"logo": picture()}).status_code == 403
    assert get_ref(id=acme.id) == acme
