"""`/api/v1/keys`: making, listing and revoking one's own keys."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey
from tenants.models import AuditEntry
from tests import factories

KEYS = "/api/v1/keys"


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


def create(client, **fields):
    body = {"name": "CI", "scopes": ["view", "chat"]} | fields
    return client.post(KEYS, body, content_type="application/json")


def test_created_key_is_shown_once_and_works(client, owner):
    response = create(client)
    assert response.status_code == 201
    body = response.json()
    assert set(body) == {
        "id", "name", "environment", "prefix", "scopes", "addresses", "created_at", "expires_at", "revoked_at",
        "rotated_at", "former_ends_at", "last_used_at", "last_used_address", "key", "limits",
    }  # fmt: skip
    assert (body["name"], body["scopes"], body["expires_at"]) == ("CI", ["chat", "view"], None)
    assert api_keys.prefix_of(body["key"]) == body["prefix"]
    assert factories.with_key(body["key"]).get("/v1/models").status_code == 200
    listed = client.get(KEYS).json()["results"]
    assert body["id"] in [row["id"] for row in listed]
    assert all("key" not in row and "key_hash" not in row for row in listed)
    assert body["key"] not in client.get(KEYS).content.decode()


def test_creation_and_revocation_are_audited_without_the_key(client, acme, owner):
    body = create(client).json()
    assert client.delete(f"{KEYS}/{body['id']}").status_code == 204
    entries = AuditEntry.objects.filter(target_id=body["id"]).order_by("id")
    assert [entry.action for entry in entries] == ["api_key.created", "api_key.revoked"]
    assert {entry.actor_ref for entry in entries} == {owner.member.person_ref}
    assert {entry.actor_kind for entry in entries} == {"api_key"}
    assert all(body["key"] not in str(entry.data) for entry in entries)


def test_key_with_an_end_expires(client):
    end = timezone.now() + timedelta(seconds=60)
    body = create(client, expires_at=end.isoformat()).json()
    assert factories.with_key(body["key"]).get("/v1/models").status_code == 200
    ApiKey.objects.filter(id=body["id"]).update(expires_at=timezone.now())
    assert factories.with_key(body["key"]).get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": "view"}, "scopes"),
        ({"expires_at": "tomorrow"}, "expires_at"),
    ],
)
def test_malformed_request_names_the_field_and_makes_nothing(client, fields, field):
    before = ApiKey.objects.count()
    response = create(client, **fields)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert (response.json()["code"], list(response.json()["fields"])) == ("invalid", [field])
    assert ApiKey.objects.count() == before


def test_key_that_has_ended_is_not_made(client):
    before = ApiKey.objects.count()
    response = create(client, expires_at=(timezone.now() - timedelta(seconds=1)).isoformat())
    assert (response.status_code, response.json()["code"]) == (400, "key_expiry_passed")
    assert ApiKey.objects.count() == before


def test_key_cannot_make_a_key_that_may_do_more_than_itself(db, owner):
    narrow = factories.with_key(factories.make_key(owner.member, ["view", "keys:manage"]))
    before = ApiKey.objects.count()
    response = create(narrow, scopes=["chat"])
    assert (response.status_code, response.json()["code"]) == (400, "unknown_scope")
    assert ApiKey.objects.count() == before
    assert create(narrow, scopes=["view"]).status_code == 201


def test_member_cannot_make_a_key_beyond_their_role(db, member):
    client = factories.with_key(factories.make_key(member.member))
    before = ApiKey.objects.count()
    assert create(client, scopes=["workspace:manage"]).status_code == 400
    assert ApiKey.objects.count() == before


def test_people_see_and_revoke_only_their_own_keys(client, admin):
    others = factories.make_key(admin.member)
    other_id = ApiKey.objects.get(prefix=api_keys.prefix_of(others)).id
    assert str(other_id) not in client.get(KEYS).content.decode()
    response = client.delete(f"{KEYS}/{other_id}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert factories.with_key(others).get("/v1/models").status_code == 200


def test_revoking_ends_the_key_and_happens_once(client):
    body = create(client).json()
    assert client.delete(f"{KEYS}/{body['id']}").status_code == 204
    assert factories.with_key(body["key"]).get("/v1/models").status_code == 401
    assert client.delete(f"{KEYS}/{body['id']}").status_code == 404
    assert client.delete(f"{KEYS}/{uuid4()}").status_code == 404


def test_list_is_paged_by_cursor(client, owner):
    for _ in range(3):
        create(client)
    seen, url, pages = [], f"{KEYS}?limit=2", 0
    while url:
        page = client.get(url).json()
        assert set(page) == {"results", "next", "previous"}
        seen += [row["id"] for row in page["results"]]
        url, pages = page["next"], pages + 1
    own = ApiKey.objects.filter(membership_id=owner.member.membership_id).order_by("-created_at", "-id")
    assert seen == [str(key.id) for key in own]
    assert pages >= 2
