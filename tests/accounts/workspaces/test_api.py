"""`/api/v1/workspaces`: a person's own, and the one that a request is in."""

import secrets

import pytest
from django.test import Client

from accounts.models import Membership
from tenants.models import AuditEntry, Workspace
from tenants.scope import get_ref
from tests import factories
from tests.assistants.documents import files

LIST, CURRENT = "/api/v1/workspaces", "/api/v1/workspaces/current"


def in_acme(person) -> Client:
    return person.browser(headers={"X-Workspace": "acme"})


def slugs_in(response) -> list[str]:
    return sorted(row["slug"] for row in response.json()["results"])


@pytest.fixture
def person(db, acme, globex):
    user = factories.make_user()
    factories.join(acme, user, "viewer")
    factories.join(globex, user, "admin")
    return factories.Person(user, acme, factories.member_of(acme, user))


def test_session_lists_the_persons_own(person):
    response = person.browser().get(LIST)
    assert slugs_in(response) == ["acme", "globex"]
    assert {row["slug"]: row["role"] for row in response.json()["results"]} == {
        "acme": "viewer",
        "globex": "admin",
    }


def test_key_sees_the_workspace_that_it_is_for(person):
    assert slugs_in(factories.with_key(factories.make_key(person.member)).get(LIST)) == ["acme"]


def test_list_costs_the_same_for_two_and_for_more(person, assert_queries):
    client = person.browser()
    client.get(LIST)
    with assert_queries(3):
        client.get(LIST)
    for _ in range(3):
        workspace = factories.make_workspace(factories.make_user())
        Membership.objects.create(workspace_id=workspace.id, user=person.user, role="member")
    with assert_queries(3):
        assert len(client.get(LIST).json()["results"]) == 5


def test_visitor_and_foreign_names_get_nothing(person):
    assert factories.browser().get(LIST).status_code == 401
    assert factories.browser().post(LIST, {"name": "X"}, "application/json").status_code == 401
    other = factories.make_workspace(factories.make_user())
    assert person.browser(headers={"X-Workspace": other.slug}).get(LIST).status_code == 404
    assert person.browser(headers={"X-Workspace": "acme"}).get(f"{LIST}/{other.id}").status_code == 404
    assert person.browser().get(CURRENT).status_code == 401


def test_person_makes_one(person):
    slug = f"made-{secrets.token_hex(4)}"
    response = person.browser().post(
        LIST, {"name": "Made", "slug": slug, "timezone": "Asia/Tokyo"}, "application/json"
    )
    assert response.status_code == 201
    body = response.json()
    assert (body["slug"], body["role"], body["timezone"], body["state"]) == (
        slug,
        "owner",
        "Asia/Tokyo",
        "active",
    )
    assert body["id"] == str(get_ref(slug=slug).id)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "X", "slug": "acme"}, 400, "slug_taken"),
        ({"name": "X", "slug": "admin"}, 400, "slug_reserved"),
        ({"name": "X", "timezone": "Mars"}, 422, "timezone_unknown"),
    ],
)
def test_refused_wish_makes_none(person, body, status, code):
    before = Workspace.objects.count()
    response = person.browser().post(LIST, body, "application/json")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert Workspace.objects.count() == before


def test_making_one_needs_the_token_of_the_form(person):
    client = Client(HTTP_HOST=factories.HOST, enforce_csrf_checks=True)
    client.force_login(person.user)
    before = Workspace.objects.count()
    assert client.post(LIST, {"name": "X"}, "application/json").status_code == 403
    assert Workspace.objects.count() == before


def test_key_makes_none_and_a_session_in_a_workspace_neither(owner, acme, db):
    before = Workspace.objects.count()
    for client in (factories.with_key(factories.make_key(owner.member)), in_acme(owner)):
        response = client.post(LIST, {"name": "X"}, "application/json")
        assert (response.status_code, response.json()["code"]) == (403, "needs_person")
    assert Workspace.objects.count() == before


def patch(client: Client, body: dict, path: str = CURRENT):
    return client.patch(path, body, "application/json")


def test_settings_are_changed_all_at_once(db, acme, admin):
    slug = f"acme-{secrets.token_hex(4)}"
    wanted = {
        "name": "Acme Works", "slug": slug, "timezone": "Europe/Berlin", "language": "de", "retention_days": 30,
        "accent": "#AA3300", "hides_product_name": True,
    }  # fmt: skip
    response = patch(in_acme(admin), wanted)
    assert response.status_code == 200
    body = response.json()
    assert {name: body[name] for name in wanted} == wanted | {"accent": "#aa3300"}
    actions = AuditEntry.objects.filter(workspace_id=acme.id, action__startswith="workspace.s").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "workspace.slug_changed",
        "workspace.settings_changed",
    ]


def test_workspace_is_named_by_id_or_as_current(db, acme, globex, owner):
    client = in_acme(owner)
    assert client.get(f"{LIST}/{acme.id}").json() == client.get(CURRENT).json()
    for other in (globex.id, "globex", "acme", "x"):
        assert client.get(f"{LIST}/{other}").status_code == 404
        assert patch(client, {"name": "X"}, f"{LIST}/{other}").status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "New", "slug": "globex"}, "slug_taken"),
        ({"slug": "fine-slug", "timezone": "Mars"}, "timezone_unknown"),
        ({"name": "New", "accent": "red"}, "accent_malformed"),
        ({"name": "New", "language": "xx"}, "language_unknown"),
    ],
)
def test_one_refused_field_changes_nothing(db, acme, globex, owner, body, code):
    response = patch(in_acme(owner), body)
    assert response.json()["code"] == code
    assert get_ref(id=acme.id) == acme


@pytest.mark.parametrize("body", [{}, {"retention_days": 0}, {"retention_days": "x"}, {"name": ""}, []])
def test_malformed_body_changes_nothing(db, acme, owner, body):
    assert patch(in_acme(owner), body).status_code == 400
    assert get_ref(id=acme.id) == acme


def test_retention_is_taken_back_by_null(db, acme, owner):
    client = in_acme(owner)
    assert patch(client, {"retention_days": 30}).json()["retention_days"] == 30
    assert patch(client, {"retention_days": None}).json()["retention_days"] is None


def test_member_reads_and_changes_nothing(db, acme, member):
    assert in_acme(member).get(CURRENT).json()["role"] == "member"
    assert patch(in_acme(member), {"name": "X"}).status_code == 403
    assert get_ref(id=acme.id) == acme


# the logo


def put_logo(client: Client, content: bytes, **headers):
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    body = head + content + b"\r\n--cut--\r\n"
    return client.put(
        f"{CURRENT}/logo", body, content_type="multipart/form-data; boundary=cut", headers=headers
    )


def test_logo_is_set_read_and_removed(db, admin, viewer, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    client = in_acme(admin)
    assert (client.get(f"{CURRENT}/logo").status_code, client.get(CURRENT).json()["logo_url"]) == (404, "")
    saved = put_logo(client, files.picture(size=(600, 100)))
    assert (
        saved.status_code == 200 and saved.json()["logo_url"] == client.get(CURRENT).json()["logo_url"] != ""
    )
    picture = in_acme(viewer).get(f"{CURRENT}/logo")
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert put_logo(client, files.picture(), **{"If-Match": '"stale"'}).status_code == 412
    refused = put_logo(client, b"no picture")
    assert (refused.status_code, refused.json()["code"]) == (422, "picture_refused")
    assert put_logo(in_acme(viewer), files.picture()).status_code == 403
    assert client.get(f"{CURRENT}/logo").content == picture.content
    kept = put_logo(client, files.picture(), **{"If-Match": picture["ETag"]})
    assert (kept.status_code, kept["ETag"]) == (200, client.get(f"{CURRENT}/logo")["ETag"])
    assert client.delete(f"{CURRENT}/logo").status_code == 204
    assert client.get(CURRENT).json()["logo_url"] == ""


def test_who_leaves_is_gone_and_the_last_owner_stays(person, owner, acme):
    client = in_acme(person)
    assert client.get(CURRENT).status_code == 200
    assert client.post("/api/v1/members/leave").status_code == 204
    assert client.get(CURRENT).status_code == 404
    assert not Membership.objects.filter(workspace_id=acme.id, user=person.user).exists()
    refused = in_acme(owner).post("/api/v1/members/leave")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    assert Membership.objects.filter(workspace_id=acme.id, user=owner.user).exists()
