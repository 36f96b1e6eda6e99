"""One key, two secrets for a while; and keys that handle keys gain nothing by it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import api_keys, queries, revocation, services
from accounts.keys import services as key_services
from accounts.keys.bounds import BeyondOwnKey
from accounts.models import ApiKey
from tenants.models import AuditEntry
from tests import factories
from usage.models import Limit

KEYS = "/api/v1/keys"


def row_of(text: str) -> ApiKey:
    return ApiKey.objects.get(prefix=api_keys.prefix_of(text))


def works(text: str) -> bool:
    return factories.with_key(text).get("/v1/models").status_code == 200


def by_key(owner, text: str):
    return queries.get_key_owner(text, now=timezone.now())[0]


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


def post(client, path: str, **data):
    return client.post(f"{KEYS}{path}", data, content_type="application/json")


def test_both_secrets_work_until_the_overlap_ends(client, owner):
    text = factories.make_key(owner.member)
    key = row_of(text)
    response = post(client, f"/{key.id}/rotate", overlap_hours=2)
    body = response.json()
    assert (response.status_code, body["id"], body["prefix"]) == (200, str(key.id), key.prefix)
    new = body["key"]
    assert new != text
    assert (works(text), works(new)) == (True, True)
    for secret in (text, new):
        assert queries.get_key_owner(secret, now=timezone.now())[0].api_key_id == key.id
    later = timezone.now() + timedelta(hours=2, seconds=1)
    with pytest.raises(queries.InvalidApiKey):
        queries.get_key_owner(text, now=later)
    assert queries.get_key_owner(new, now=later)[2].id == key.id
    ApiKey.objects.filter(id=key.id).update(former_ends_at=timezone.now())
    assert (works(text), works(new)) == (False, True)


def test_limits_and_identity_stay(client, owner, acme):
    limits = [{"meter": "messages", "window": "day", "amount": 3}]
    key, _ = services.create_api_key(member=owner.member, name="K", scopes=["chat"], limits=limits)
    before = list(Limit.objects.filter(workspace_id=acme.id, subject_id=str(key.id)).values())
    assert len(before) == 1
    post(client, f"/{key.id}/rotate", overlap_hours=1)
    assert list(Limit.objects.filter(workspace_id=acme.id, subject_id=str(key.id)).values()) == before


def test_without_overlap_the_former_secret_ends_at_once(client, owner):
    text = factories.make_key(owner.member)
    new = post(client, f"/{row_of(text).id}/rotate", overlap_hours=0).json()["key"]
    assert (works(text), works(new)) == (False, True)


def test_of_two_former_secrets_only_the_last_works(client, owner):
    first = factories.make_key(owner.member)
    key = row_of(first)
    second = post(client, f"/{key.id}/rotate", overlap_hours=5).json()["key"]
    third = post(client, f"/{key.id}/rotate", overlap_hours=5).json()["key"]
    assert [works(text) for text in (first, second, third)] == [False, True, True]


def test_revoking_ends_both_secrets(client, owner):
    text = factories.make_key(owner.member)
    key = row_of(text)
    new = post(client, f"/{key.id}/rotate", overlap_hours=5).json()["key"]
    assert post(client, f"/{key.id}/revoke").status_code == 204
    assert (works(text), works(new)) == (False, False)
    assert post(client, f"/{key.id}/rotate", overlap_hours=5).status_code == 404


@pytest.mark.parametrize("hours", [-1, 169, "soon", None])
def test_overlap_is_bounded_and_a_refusal_changes_nothing(client, owner, hours):
    text = factories.make_key(owner.member)
    response = post(client, f"/{row_of(text).id}/rotate", overlap_hours=hours)
    assert (response.status_code, list(response.json()["fields"])) == (400, ["overlap_hours"])
    assert works(text)
    assert row_of(text).rotated_at is None


def test_secrets_are_in_no_row_and_no_entry(client, owner):
    text = factories.make_key(owner.member)
    new = post(client, f"/{row_of(text).id}/rotate", overlap_hours=5).json()["key"]
    row = str(ApiKey.objects.filter(id=row_of(text).id).values().get())
    entries = str(list(AuditEntry.objects.filter(action="api_key.rotated").values()))
    for secret in (text[17:], new[17:]):
        assert secret not in row
        assert secret not in entries


def test_others_keys_cannot_be_changed_or_rotated(client, cast):
    for person in (cast.admin, cast.globex_owner):
        text = factories.make_key(person.member)
        key = row_of(text)
        assert post(client, f"/{key.id}/rotate", overlap_hours=0).status_code == 404
        patched = client.patch(f"{KEYS}/{key.id}", {"name": "Mine"}, content_type="application/json")
        assert patched.status_code == 404
        assert client.get(f"{KEYS}/{key.id}").status_code == 404
        assert works(text)
        assert row_of(text).name == "Test key"


def test_change_renames_and_says_which_fields(client, owner):
    key = row_of(factories.make_key(owner.member))
    url, kind = f"{KEYS}/{key.id}", "application/json"
    assert client.patch(url, {"name": "Nightly"}, content_type=kind).json()["name"] == "Nightly"
    assert client.patch(url, {"name": "Nightly"}, content_type=kind).status_code == 200
    past = (timezone.now() - timedelta(days=1)).isoformat()
    response = client.patch(url, {"expires_at": past}, content_type=kind)
    assert (response.status_code, response.json()["code"]) == (400, "key_expiry_passed")
    entries = AuditEntry.objects.filter(action="api_key.changed", target_id=str(key.id))
    assert [entry.data for entry in entries] == [{"fields": ["name"]}]


def test_list_is_filtered(client, owner):
    active = row_of(factories.make_key(owner.member, ["chat"]))
    ended = row_of(factories.make_key(owner.member, ["usage"]))
    ApiKey.objects.filter(id=ended.id).update(expires_at=timezone.now(), name="Backup")
    gone = row_of(factories.make_key(owner.member, ["read"]))
    services.revoke_api_key(member=owner.member, key_id=gone.id)
    found = {
        query: {row["id"] for row in client.get(f"{KEYS}?{query}").json()["results"]}
        for query in ("state=expired", "state=revoked", "scope=usage", "q=backup", f"q={active.shown[:-1]}")
    }
    assert found["state=expired"] == found["scope=usage"] == found["q=backup"] == {str(ended.id)}
    assert found["state=revoked"] == {str(gone.id)}
    assert found[f"q={active.shown[:-1]}"] == {str(active.id)}
    assert client.get(f"{KEYS}?state=lost").status_code == 400


# keys that handle keys


@pytest.fixture
def narrow(db, owner):
    """May handle keys and read, from one network, for an hour."""
    _, text = services.create_api_key(
        member=owner.member, name="Narrow", scopes=["keys:manage", "read"], allowed=["10.0.0.0/8"],
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    return by_key(owner, text)


SOON = timedelta(minutes=30)


def test_key_makes_what_stays_within_itself(narrow):
    services.create_api_key(
        member=narrow,
        name="Inner",
        scopes=["view"],
        allowed=["10.1.0.0/16"],
        expires_at=timezone.now() + SOON,
    )


@pytest.mark.parametrize("beyond", [{"allowed": []}, {"allowed": ["0.0.0.0/0"]}, {"expires_at": None}])
def test_key_cannot_shed_its_own_bounds_by_making_another(narrow, beyond):
    before = ApiKey.objects.count()
    fields = {"allowed": ["10.1.0.0/16"], "expires_at": timezone.now() + SOON} | beyond
    with pytest.raises(BeyondOwnKey):
        services.create_api_key(member=narrow, name="Outer", scopes=["read"], **fields)
    assert ApiKey.objects.count() == before


@pytest.mark.parametrize("beyond", [{"allowed": []}, {"expires_at": None}])
def test_key_cannot_widen_itself(narrow, beyond):
    with pytest.raises(BeyondOwnKey):
        key_services.change(member=narrow, key_id=narrow.api_key_id, **beyond)
    key_services.change(member=narrow, key_id=narrow.api_key_id, name="Renamed")
    assert ApiKey.objects.get(id=narrow.api_key_id).addresses == ["10.0.0.0/8"]


def test_key_rotates_itself_but_no_key_that_may_do_more(narrow, owner):
    wide = factories.make_key(owner.member)
    with pytest.raises(BeyondOwnKey):
        key_services.rotate(member=narrow, key_id=row_of(wide).id, overlap_hours=0)
    assert works(wide)
    _, text = key_services.rotate(member=narrow, key_id=narrow.api_key_id, overlap_hours=0)
    assert queries.get_key_owner(text, now=timezone.now())[0].api_key_id == narrow.api_key_id


def test_limited_key_gets_no_other_keys_secret(db, owner):
    limits = [{"meter": "messages", "window": "day", "amount": 3}]
    _, text = services.create_api_key(
        member=owner.member, name="L", scopes=["keys:manage", "chat", "read"], limits=limits
    )
    free = factories.make_key(owner.member, ["chat", "read"])
    client = factories.with_key(text)
    response = post(client, f"/{row_of(free).id}/rotate", overlap_hours=0)
    assert (response.status_code, response.json()["code"]) == (403, "key_is_limited")
    assert works(free)
    assert post(client, f"/{row_of(text).id}/rotate", overlap_hours=0).status_code == 200


def test_scope_is_given_whole_or_not_at_all(db, cast):
    for scopes in (["billing"], ["admin"]):
        with pytest.raises(services.UnknownScope):
            services.create_api_key(member=cast.admin.member, name="K", scopes=scopes)
    key, text = services.create_api_key(member=cast.admin.member, name="K", scopes=["billing:view", "usage"])
    assert key.scopes == ["billing:view", "usage"]
    assert sorted(by_key(cast.admin, text).permissions) == ["billing:view", "usage:view"]


def test_unknown_scope_of_a_row_allows_nothing(db, owner):
    text = factories.make_key(owner.member, ["read"])
    ApiKey.objects.filter(id=row_of(text).id).update(scopes=["read", "everything"])
    assert by_key(owner, text).permissions == {"view"}


# what is open meanwhile


def announced(monkeypatch) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(revocation, "announce_on_commit", lambda kind, which: told.append((kind, which)))
    return told


@pytest.mark.parametrize(("hours", "ends"), [(0, True), (1, False)])
def test_rotating_without_overlap_ends_open_streams(db, owner, monkeypatch, hours, ends):
    told = announced(monkeypatch)
    key = row_of(factories.make_key(owner.member))
    key_services.rotate(member=owner.member, key_id=key.id, overlap_hours=hours)
    assert told == ([("api_key", str(key.id))] if ends else [])


def test_stream_of_either_secret_stands_on_the_key(db, owner):
    text = factories.make_key(owner.member)
    _, new = key_services.rotate(member=owner.member, key_id=row_of(text).id, overlap_hours=1)
    principals = {by_key(owner, each).principal for each in (text, new)}
    assert len(principals) == 1
    assert revocation.list_revoked(principals) == set()
    services.revoke_api_key(member=owner.member, key_id=row_of(new).id)
    assert revocation.list_revoked(principals) == principals
