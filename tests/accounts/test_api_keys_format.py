"""The text of a key: what a mistyped one costs, and what is kept of a real one."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import api_keys, queries
from accounts.keys import services as key_services
from accounts.models import ApiKey, Membership
from accounts.permissions import Permission
from tests import factories

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_key_has_the_documented_shape():
    new = api_keys.generate()
    assert re.fullmatch(r"stw_live_[0-9A-Za-z]{36}", new.text)
    assert (new.environment, new.prefix) == ("live", new.text[9:17])
    assert api_keys.parse(new.text) == api_keys.Parsed("live", new.prefix)
    assert api_keys.is_well_formed(new.text)
    assert len({api_keys.generate().text for _ in range(100)}) == 100


def test_checksum_of_a_known_key_never_changes():
    """Keys that are out in the world must stay valid: crc32 of the body, base62, six digits."""
    former, present = "stw_" + "0" * 8 + "A" * 30, "stw_live_" + "0" * 8 + "A" * 22
    assert api_keys.checksum(former) == "3fWtr5"
    assert api_keys.parse(former + "3fWtr5") == api_keys.Parsed("", "00000000")
    assert api_keys.parse(present + api_keys.checksum(present)) == api_keys.Parsed("live", "00000000")
    assert api_keys.checksum(present) == "21QrDB"


def test_one_wrong_character_anywhere_is_refused_without_a_query(db, assert_queries):
    text = api_keys.generate().text
    with assert_queries(0):
        for index, character in enumerate(text):
            other = CHARACTERS[(CHARACTERS.find(character) + 1) % 62]
            wrong = text[:index] + other + text[index + 1 :]
            with pytest.raises(queries.InvalidApiKey):
                queries.get_key_owner(wrong, now=timezone.now())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stw_",
        "sk-proj-abc",
        "stw_" + "é" * 44,
        "stw_" + "0" * 44,
        "stw_live_" + "0" * 36,
        "stw_here_" + "0" * 36,
        "stw_" + "0" * 4000,
    ],
)
def test_what_only_looks_like_a_key_is_refused_without_a_query(db, assert_queries, text):
    with assert_queries(0), pytest.raises(queries.InvalidApiKey):
        queries.get_key_owner(text, now=timezone.now())


def test_real_key_costs_one_query(db, owner, assert_queries):
    text = factories.make_key(owner.member)
    with assert_queries(1):
        member, workspace, _ = queries.get_key_owner(text, now=timezone.now())
    assert (member.user_id, workspace) == (owner.user.id, owner.workspace)


def test_database_keeps_the_hash_only(db, owner):
    text = factories.make_key(owner.member)
    row = ApiKey.objects.filter(prefix=api_keys.prefix_of(text)).values().get()
    assert bytes(row["key_hash"]) == api_keys.hash_of(text)
    assert len(row["key_hash"]) == 32
    secret = text[17:]
    assert all(secret not in str(value) for value in row.values())


def test_right_prefix_with_another_secret_is_refused(db, owner):
    text = factories.make_key(owner.member)
    body = text[:17] + "x" * 22
    forged = body + api_keys.checksum(body)
    assert api_keys.is_well_formed(forged)
    with pytest.raises(queries.InvalidApiKey):
        queries.get_key_owner(forged, now=timezone.now())
    assert queries.get_key_owner(text, now=timezone.now())[0].user_id == owner.user.id


def test_expired_key_is_refused_from_its_moment_on(db, owner):
    end = timezone.now() + timedelta(hours=1)
    text = factories.make_key(owner.member, expires_at=end)
    assert queries.get_key_owner(text, now=end - timedelta(seconds=1))
    for later in (end, end + timedelta(days=1)):
        with pytest.raises(queries.InvalidApiKey):
            queries.get_key_owner(text, now=later)


def test_revoked_key_is_refused(db, owner):
    text = factories.make_key(owner.member)
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
    assert factories.with_key(text).get("/v1/models").status_code == 200
    assert factories.sign_in(owner.user).get("/health").status_code == 200
    from accounts import services

    services.revoke_api_key(member=owner.member, key_id=key.id)
    response = factories.with_key(text).get("/v1/models")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")


def test_key_of_a_deactivated_person_is_refused(db, owner):
    text = factories.make_key(owner.member)
    type(owner.user).objects.filter(id=owner.user.id).update(is_active=False)
    with pytest.raises(queries.InvalidApiKey):
        queries.get_key_owner(text, now=timezone.now())


def test_key_may_do_what_its_scopes_and_its_persons_role_both_allow(db, acme):
    user = factories.make_user()
    text = factories.make_key(factories.join(acme, user, "admin"))
    assert queries.get_key_owner(text, now=timezone.now())[0].can(Permission.WORKSPACE_MANAGE)
    Membership.objects.filter(user=user).update(role="viewer")
    member = queries.get_key_owner(text, now=timezone.now())[0]
    assert member.permissions == {Permission.VIEW}
    assert factories.with_key(text).post("/api/v1/conversations", {"text": "hi"}).status_code == 403


def test_key_dies_with_its_membership(db, acme):
    from accounts import services
    from tenants.audit import SYSTEM

    user = factories.make_user()
    member = factories.join(acme, user, "member")
    text = factories.make_key(member)
    services.remove_member(membership_id=member.membership_id, workspace_id=acme.id, actor=SYSTEM)
    with pytest.raises(queries.InvalidApiKey):
        queries.get_key_owner(text, now=timezone.now())


def test_last_use_is_kept_to_the_minute(db, owner, assert_queries):
    text = factories.make_key(owner.member)
    now = timezone.now()
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
    key_services.note_use(key, now=now, address="203.0.113.7")
    key.refresh_from_db()
    assert (key.last_used_at, key.last_used_address) == (now, "203.0.113.7")
    with assert_queries(0):
        key_services.note_use(key, now=now + timedelta(seconds=59), address="203.0.113.8")
    key_services.note_use(key, now=now + timedelta(seconds=61), address="")
    key.refresh_from_db()
    assert (key.last_used_at, key.last_used_address) == (now + timedelta(seconds=61), None)


def former_key(owner) -> str:
    """As keys were made before there were environments: their rows know none."""
    body = "stw_" + api_keys._random(38)
    text = body + api_keys.checksum(body)
    ApiKey.objects.create(
        membership_id=owner.member.membership_id, name="Old", prefix=text[4:12], key_hash=api_keys.hash_of(text),
        scopes=["view", "chat"],
    )  # fmt: skip
    return text


def test_key_in_the_former_format_goes_on_working_and_can_be_rotated(db, owner):
    text = former_key(owner)
    assert factories.with_key(text).get("/v1/models").status_code == 200
    key = ApiKey.objects.get(prefix=text[4:12])
    assert (key.environment, key.shown) == ("", f"stw_{text[4:12]}…")
    _, new = key_services.rotate(member=owner.member, key_id=key.id, overlap_hours=1)
    assert new.startswith(f"stw_live_{key.prefix}")
    assert [factories.with_key(each).get("/v1/models").status_code for each in (text, new)] == [200, 200]


def test_key_of_another_environment_is_told_so_without_a_query(db, owner, settings, assert_queries):
    settings.API_KEY_ENVIRONMENT = "test"
    text = factories.make_key(owner.member)
    assert text.startswith("stw_test_")
    assert factories.with_key(text).get("/v1/models").status_code == 200
    settings.API_KEY_ENVIRONMENT = "live"
    with assert_queries(0), pytest.raises(queries.KeyOfAnotherEnvironment):
        queries.get_key_owner(text, now=timezone.now())
    response = factories.with_key(text).get("/api/v1/keys")
    body = response.json()
    assert (response.status_code, body["code"]) == (401, "key_of_another_environment")
    assert body["detail"] == "This API key belongs to another environment: here keys begin with stw_live_."
