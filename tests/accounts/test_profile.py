"""A person's profile: name, picture, timezone, preferences, and where they are used."""

import io
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from accounts.mails.models import Mail
from accounts.models import Membership, User
from accounts.profile import services
from accounts.signin import services as signin
from accounts.signin.devices import Device
from tenants.models import AuditEntry
from tests import factories

TYPED = {"display_name": "Ada Lovelace", "language": "en", "timezone": "Europe/Berlin", "theme": "dark"}


@pytest.fixture
def person(db, acme, settings, tmp_path) -> User:
    settings.MEDIA_ROOT = tmp_path
    user = factories.make_user()
    factories.join(acme, user, "member")
    return user


def picture(size=(300, 200), kind="PNG") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return SimpleUploadedFile("me.png", out.getvalue(), "image/png")


def entries(user: User) -> list[AuditEntry]:
    rows = AuditEntry.objects.filter(actor_ref=user.person_reference.ref, action__startswith="person.")
    return list(rows.order_by("created_at"))


# what is typed


def test_profile_is_saved_and_entered_without_the_name(person):
    client = factories.sign_in(person)
    response = client.post("/me/profile/", TYPED)
    assert (response.status_code, response["Location"]) == (302, "/me/profile/")
    person.refresh_from_db()
    assert (person.display_name, person.timezone, person.language) == ("Ada Lovelace", "Europe/Berlin", "en")
    assert services.read_preferences(person) == {"theme": "dark", "new_device_mails": False}
    (entry,) = entries(person)
    assert entry.action == "person.profile_changed"
    assert entry.data["after"] == {
        "language": "en", "timezone": "Europe/Berlin", "theme": "dark", "new_device_mails": False,
    }  # fmt: skip
    assert "Ada" not in str(entry.data)
    client.post("/me/profile/", TYPED)
    assert len(entries(person)) == 1, "the same again changes nothing"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("display_name", "x" * 81, "at most 80 characters"), ("language", "de", "Select a valid choice"),
        ("timezone", "Mars/Olympus", "Choose one of the list"), ("theme", "pink", "Select a valid choice"),
        ("timezone", "../../etc/passwd", "Choose one of the list"),
    ],
)  # fmt: skip
def test_refused_form_comes_back_filled_and_changes_nothing(person, field, value, words):
    response = factories.sign_in(person).post("/me/profile/", TYPED | {field: value})
    page = response.content.decode()
    assert response.status_code == 400
    assert words in page
    assert ('value="Ada Lovelace"' in page) == (field != "display_name")
    person.refresh_from_db()
    assert (person.display_name, person.timezone, entries(person)) == ("", "", [])


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
        ("asia/tokyo", "Asia/Tokyo"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_city_is_enough(person, typed, zone):
    assert factories.sign_in(person).post("/me/profile/", TYPED | {"timezone": typed}).status_code == 302
    person.refresh_from_db()
    assert person.timezone == zone


def test_every_zone_can_be_searched(person):
    page = factories.sign_in(person).get("/me/profile/").content.decode()
    assert 'list="zones"' in page
    assert len(re.findall(r"<option value=\"\w+/", page)) > 300


def test_service_refuses_what_no_form_offers(person):
    for change in ({"language": "xx"}, {"timezone": "X/Y"}, {"preferences": {"theme": "x"}}):
        fields = {"display_name": "A", "language": "en", "timezone": "", "preferences": {}} | change
        with pytest.raises(services.ProfileRefused):
            services.update(user_id=person.pk, **fields)


# where it is used


def test_times_on_own_pages_are_in_ones_zone(person):
    client = factories.sign_in(person)
    User.objects.filter(pk=person.pk).update(timezone="Asia/Tokyo")
    body = {"email": person.email, "password": factories.PASSWORD}
    assert client.post("/api/v1/auth/login", body, content_type="application/json").status_code == 200
    page = client.get("/me/sessions/").content.decode()
    hour = datetime.now(tz=ZoneInfo("Asia/Tokyo"))
    assert "JST" in page
    assert f"{hour:%H}:" in page
    User.objects.filter(pk=person.pk).update(timezone="Nowhere/Else")
    assert "UTC" in client.get("/me/sessions/").content.decode()


def test_preferred_theme_is_on_every_page(person):
    client = factories.sign_in(person)
    assert "data-theme-default" not in client.get("/w/acme/").content.decode()
    client.post("/me/profile/", TYPED)
    for path in ("/me/", "/w/acme/"):
        assert '<html lang="en" data-theme-default="dark">' in client.get(path).content.decode()
    assert "data-theme-default" not in factories.browser().get("/").content.decode()


@pytest.mark.parametrize(("wants", "mails"), [(None, 1), (True, 1), (False, 0)])
def test_mail_about_a_new_device_can_be_switched_off(person, wants, mails):
    person.preferences = {} if wants is None else {"new_device_mails": wants}
    for browser in ("Firefox", "Chrome"):
        signin.note_device(user=person, device=Device(browser, "Linux"), address="10.1.1.1")
    assert Mail.objects.filter(kind="new_device", to__contains=[person.email]).count() == mails


# the picture


def send(client, upload):
    return client.post("/me/profile/picture/", {"picture": upload})


def test_picture_is_kept_as_pixels_and_shown_in_the_menu_and_among_the_members(person, owner):
    client = factories.sign_in(person)
    assert client.get("/me/profile/avatar/").status_code == 404
    assert send(client, picture()).status_code == 302
    person.refresh_from_db()
    assert person.avatar.startswith(f"people/{person.pk}/avatar/")
    response = client.get("/me/profile/avatar/")
    with Image.open(io.BytesIO(response.content)) as shown:
        assert (shown.format, shown.size) == ("PNG", (256, 256))
    assert (response["X-Content-Type-Options"], response["Content-Type"]) == ("nosniff", "image/png")
    assert 'src="/me/profile/avatar/?v=' in client.get("/me/").content.decode()
    membership = Membership.objects.get(user=person, workspace_id=owner.workspace.id)
    address = f"/w/acme/members/{membership.id}/avatar/"
    assert f'src="{address}?v=' in client.get("/w/acme/").content.decode()
    assert f'src="{address}?v=' in owner.browser().get("/w/acme/members/").content.decode()
    assert owner.browser().get(address).content == response.content
    assert [entry.action for entry in entries(person)] == ["person.avatar_set"]


def test_picture_of_somebody_elsewhere_is_not_found(person, acme, globex_owner):
    send(factories.sign_in(person), picture())
    membership = Membership.objects.get(user=person, workspace_id=acme.id)
    assert globex_owner.browser().get(f"/w/globex/members/{membership.id}/avatar/").status_code == 404
    assert globex_owner.browser().get(f"/w/acme/members/{membership.id}/avatar/").status_code == 404
    assert factories.browser().get("/me/profile/avatar/")["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    "upload",
    [SimpleUploadedFile("me.png", b"<svg onload=alert(1)>", "image/png"), picture(kind="GIF"),
     SimpleUploadedFile("me.png", b"x" * (2 * 1024 * 1024 + 1), "image/png")],
)  # fmt: skip
def test_what_is_no_picture_is_refused_at_its_field(person, upload):
    response = send(factories.sign_in(person), upload)
    assert (response.status_code, b"This is no picture" in response.content) == (422, True)
    person.refresh_from_db()
    assert (person.avatar, entries(person)) == ("", [])
    assert default_storage.exists(f"people/{person.pk}") is False


def test_nothing_chosen_is_named(person):
    response = factories.sign_in(person).post("/me/profile/picture/", {})
    assert (response.status_code, b"This field is required" in response.content) == (422, True)


def test_another_picture_replaces_the_file_and_removing_takes_it_away(
    person, django_capture_on_commit_callbacks
):
    client = factories.sign_in(person)
    names = []
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            send(client, picture())
        person.refresh_from_db()
        names.append(person.avatar)
    assert [default_storage.exists(name) for name in names] == [False, True]
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/me/profile/picture/", {"remove": "1"})
    person.refresh_from_db()
    assert (person.avatar, default_storage.exists(names[1])) == ("", False)
    client.post("/me/profile/picture/", {"remove": "1"})
    assert [entry.action for entry in entries(person)] == [
        "person.avatar_set", "person.avatar_set", "person.avatar_removed",
    ]  # fmt: skip


def test_list_of_members_costs_no_query_more_with_pictures(person, owner):
    client = owner.browser()
    client.get("/w/acme/members/")
    with CaptureQueriesContext(connection) as without:
        client.get("/w/acme/members/")
    User.objects.filter(memberships__workspace__slug="acme").update(avatar="people/x/avatar/a.png")
    with CaptureQueriesContext(connection) as with_pictures:
        client.get("/w/acme/members/")
    assert len(with_pictures) <= len(without)
