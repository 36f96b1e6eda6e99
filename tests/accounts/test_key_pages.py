"""`/w/<slug>/keys/`: a person's own keys, made, shown once, revoked; and the same from the command line."""

import re
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import api_keys
from accounts.forms import SCOPE_WORDS
from accounts.models import ApiKey, User
from accounts.permissions import MEANINGS, ROLE_PERMISSIONS, SCOPES, Role, permissions_of
from tenants.models import AuditEntry
from tests import factories
from usage.models import Limit

KEYS = "/w/acme/keys/"
NEW = "/w/acme/keys/new/"
KEY = re.compile(r"stw_live_[0-9A-Za-z]{36}")


@pytest.fixture
def browser(db, member):
    return member.browser()


def create(browser, **fields):
    return browser.post(NEW, {"name": "CI", "scopes": ["view", "chat"], "expires_on": ""} | fields)


def row_of(text: str) -> ApiKey:
    return ApiKey.objects.get(prefix=api_keys.prefix_of(text))


def revoke_url(key: ApiKey) -> str:
    return f"{KEYS}{key.id}/revoke/"


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def test_created_key_works(browser, member, settings):
    response = create(browser)
    page = response.content.decode()
    (text,) = set(KEY.findall(page))
    assert response.status_code == 201
    assert factories.with_key(text).get("/v1/models").status_code == 200
    key = row_of(text)
    assert (key.name, key.scopes, key.expires_at) == ("CI", ["chat", "view"], None)
    assert key.membership_id == member.member.membership_id
    assert f"curl {settings.BASE_URL}/v1/chat/completions" in page
    assert f"base_url=&quot;{settings.BASE_URL}/v1&quot;" in page


def test_key_is_shown_once_and_the_answer_is_not_kept(browser):
    response = create(browser)
    (text,) = set(KEY.findall(response.content.decode()))
    assert "no-store" in response["Cache-Control"]
    for url in (KEYS, NEW, revoke_url(row_of(text))):
        page = browser.get(url).content.decode()
        assert text not in page
        assert not KEY.search(page)
    assert f"stw_live_{api_keys.prefix_of(text)}…" in browser.get(KEYS).content.decode()
    assert all(text not in str(entry.data) for entry in AuditEntry.objects.filter(action="api_key.created"))


@pytest.mark.parametrize(
    ("scopes", "shown"),
    [(["chat"], "/v1/chat/completions"), (["view"], "/v1/models"), (["keys:manage"], None)],
)
def test_example_is_one_that_the_key_may_run(browser, scopes, shown):
    page = create(browser, scopes=scopes).content.decode()
    addresses = set(re.findall(r"/v1/[a-z/]+", page))
    assert addresses == ({shown} if shown else set())


def test_list_tells_what_a_key_may_and_when_it_was_used(browser, member):
    used = factories.make_key(member.member, ["view"], expires_at=timezone.now() + timedelta(days=3))
    factories.with_key(used).get("/v1/models")
    ended = row_of(factories.make_key(member.member, ["chat"]))
    ApiKey.objects.filter(id=ended.id).update(expires_at=timezone.now() - timedelta(days=1))
    first, second = (re.sub(r"<[^>]+>|\s+", " ", row) for row in rows(browser.get(KEYS)))
    assert ended.prefix in first
    assert "chat" in first
    assert "Expired" in first
    assert re.search(r"Last used\s+never", first)
    key = row_of(used)
    assert key.prefix in second
    assert "Expired" not in second
    assert f"{key.expires_at:%H:%M}" in second
    assert not re.search(r"Last used\s+never", second)


def rows(response) -> list[str]:
    """The list's entries without their dialogs."""
    return [row.split("<dialog")[0] for row in response.content.decode().split('<li class="key-row">')[1:]]


def test_expiry_is_the_end_of_the_chosen_day(browser):
    for day in (today(), today() + timedelta(days=30), date(9999, 12, 31)):
        (text,) = set(KEY.findall(create(browser, expires_on=day.isoformat()).content.decode()))
        assert row_of(text).expires_at == datetime.combine(day, time.max, tzinfo=UTC)
        assert factories.with_key(text).get("/v1/models").status_code == 200
    assert browser.get(KEYS).status_code == 200


def test_expiry_in_the_past_is_refused_and_the_input_kept(browser):
    before = ApiKey.objects.count()
    yesterday = (today() - timedelta(days=1)).isoformat()
    response = create(browser, name="Night build", scopes=["chat"], expires_on=yesterday)
    page = response.content.decode()
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["expires_on"]
    assert "This day is over" in page
    assert 'value="Night build"' in page
    assert f'value="{yesterday}"' in page
    assert re.findall(r'value="([a-z:]+)"[^>]* checked', page) == ["chat"]
    assert ApiKey.objects.count() == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["view", "root"]}, "scopes"),
        ({"scopes": ["view", "workspace:manage"]}, "scopes"),
        ({"scopes": ["members:manage"]}, "scopes"),
        ({"expires_on": "tomorrow"}, "expires_on"),
        ({"expires_on": "0000-00-00"}, "expires_on"),
    ],
)
def test_refused_input_names_the_field_and_makes_nothing(browser, fields, field):
    before = ApiKey.objects.count()
    response = create(browser, **fields)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not KEY.search(response.content.decode())
    assert ApiKey.objects.count() == before


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN, Role.OWNER])
def test_form_offers_what_the_role_may(db, cast, role):
    page = getattr(cast, role).browser().get(NEW).content.decode()
    offered = re.findall(r'name="scopes" value="([a-z:]+)"', page)
    assert offered == {
        Role.MEMBER: ["read", "chat", "assistants", "keys:manage"],
        Role.ADMIN: [
            "read", "chat", "assistants", "usage", "billing:view", "keys:manage", "members:manage", "workspace:manage",
            "audit:view",
        ],
        Role.OWNER: list(SCOPES),
    }[role]  # fmt: skip
    assert permissions_of(offered) == ROLE_PERMISSIONS[role]
    assert re.findall(r'value="([a-z:]+)"[^>]* checked', page) == ["read", "chat"]


def test_every_scope_has_words():
    assert set(SCOPE_WORDS) == set(MEANINGS)


def test_revoking_asks_first_and_ends_the_key(browser, member):
    text = factories.make_key(member.member)
    key = row_of(text)
    assert browser.get(revoke_url(key)).status_code == 200
    assert factories.with_key(text).get("/v1/models").status_code == 200
    response = browser.post(revoke_url(key), follow=True)
    assert response.redirect_chain == [(KEYS, 302)]
    assert "Test key is revoked." in response.content.decode()
    assert str(key.id) not in response.content.decode()
    assert factories.with_key(text).get("/v1/models").status_code == 401
    assert browser.post(revoke_url(key)).status_code == 404


def test_keys_of_others_are_invisible_and_cannot_be_revoked(browser, cast):
    for person in (cast.owner, cast.globex_owner):
        text = factories.make_key(person.member)
        key = row_of(text)
        assert str(key.id) not in browser.get(KEYS).content.decode()
        assert browser.get(revoke_url(key)).status_code == 404
        assert browser.post(revoke_url(key)).status_code == 404
        assert factories.with_key(text).get("/v1/models").status_code == 200
    assert browser.post(f"{KEYS}{uuid4()}/revoke/").status_code == 404


def test_viewer_may_not_and_is_not_led_there(db, viewer, member):
    browser = viewer.browser()
    before = ApiKey.objects.count()
    assert browser.get(KEYS).status_code == 403
    assert browser.get(NEW).status_code == 403
    assert create(browser, scopes=["view"]).status_code == 403
    assert browser.post(f"{KEYS}{uuid4()}/revoke/").status_code == 403
    assert ApiKey.objects.count() == before
    assert KEYS not in browser.get("/w/acme/").content.decode()
    assert KEYS in member.browser().get("/w/acme/").content.decode()


def test_strangers_find_nothing(db, globex_owner):
    assert globex_owner.browser().get(KEYS).status_code == 404
    assert factories.browser().get(KEYS)["Location"].startswith("/accounts/login/")


def test_posts_need_the_csrf_token(db, member):
    browser = member.browser(enforce_csrf_checks=True)
    key = row_of(factories.make_key(member.member))
    before = ApiKey.objects.count()
    assert create(browser).status_code == 403
    assert browser.post(revoke_url(key)).status_code == 403
    assert ApiKey.objects.count() == before
    assert ApiKey.objects.get(id=key.id).revoked_at is None


def test_many_keys_cost_no_more_queries_than_few_and_come_in_pages(browser, member):
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(KEYS).status_code == 200
        return len(captured)

    for _ in range(2):
        factories.make_key(member.member)
    count(), count()  # coming in is written down, and what is read once is read
    few = count()
    for _ in range(28):
        factories.make_key(member.member)
    assert count() <= few
    assert 'href="?page=2"' in browser.get(KEYS).content.decode()
    listed = [len(rows(browser.get(f"{KEYS}?page={number}"))) for number in (1, 2)]
    total = ApiKey.objects.filter(membership_id=member.member.membership_id, revoked_at=None).count()
    assert listed == [25, total - 25]


def test_name_is_shown_as_text(browser):
    create(browser, name='<img src=x onerror="alert(1)">')
    page = browser.get(KEYS).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def command(**options) -> str:
    given = {
        "workspace": "acme",
        "email": "member@acme.test",
        "name": "Headless",
        "scopes": "chat, view",
    } | options
    out = StringIO()
    call_command("create_api_key", stdout=out, **given)
    return out.getvalue()


def test_command_prints_the_key_and_nothing_else(db, member):
    text = command(expires_on=today().isoformat()).removesuffix("\n")
    assert KEY.fullmatch(text)
    assert factories.with_key(text).get("/v1/models").status_code == 200
    key = row_of(text)
    assert (key.name, key.scopes) == ("Headless", ["chat", "view"])
    assert key.membership_id == member.member.membership_id
    entry = AuditEntry.objects.get(action="api_key.created", target_id=str(key.id))
    assert (entry.actor_kind, entry.actor_ref) == ("system", None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workspace": "no-such"}, "no such workspace"),
        ({"email": "nobody@acme.test"}, "no member of acme"),
        ({"email": "owner@globex.test"}, "no member of acme"),
        ({"scopes": "members:manage"}, "beyond what your role may do"),
        ({"email": "viewer@acme.test", "scopes": "chat"}, "beyond what your role may do"),
        ({"scopes": ""}, "Choose at least one"),
        ({"name": ""}, "name: This field is required"),
        ({"expires_on": "2020-01-01"}, "This day is over"),
    ],
)
def test_command_refuses_in_one_sentence(cast, db, options, words):
    before = ApiKey.objects.count()
    with pytest.raises(CommandError, match=words):
        command(**options)
    assert ApiKey.objects.count() == before


def test_command_makes_no_key_for_a_blocked_person(db, member):
    User.objects.filter(id=member.user.id).update(is_active=False)
    with pytest.raises(CommandError, match="no member of acme"):
        command()


def test_limits_and_addresses_of_the_form_are_kept(browser, acme):
    limit = {"limit1_amount": "2.50", "limit1_meter": "cost_micro", "limit1_window": "month"}
    other = {"limit2_amount": "20", "limit2_meter": "messages", "limit2_window": "day"}
    (text,) = set(
        KEY.findall(
            create(browser, addresses="203.0.113.7\n2001:db8::/48", **limit, **other).content.decode()
        )
    )
    key = row_of(text)
    assert key.addresses == ["203.0.113.7/32", "2001:db8::/48"]
    rows = Limit.objects.filter(workspace_id=acme.id, subject_kind="api_key", subject_id=str(key.id))
    assert set(rows.values_list("meter", "window", "amount")) == {
        ("cost_micro", "month", 2_500_000), ("messages", "day", 20),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"addresses": "203.0.113.300"}, "addresses"),
        ({"limit1_amount": "1.5", "limit1_meter": "messages", "limit1_window": "day"}, "limit1_amount"),
        ({"limit1_amount": "-1", "limit1_meter": "messages", "limit1_window": "day"}, "limit1_amount"),
        ({"limit1_amount": "1", "limit1_meter": "wishes", "limit1_window": "day"}, "limit1_meter"),
        (
            {f"limit{row}_{part}": value for row in (1, 2)
             for part, value in (("amount", "1"), ("meter", "messages"), ("window", "day"))},
            "limit2_meter",
        ),
    ],
)  # fmt: skip
def test_refused_limits_and_addresses_come_back_as_typed(browser, fields, field):
    before = ApiKey.objects.count()
    response = create(browser, name="Night build", **fields)
    assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
    assert 'value="Night build"' in response.content.decode()
    assert ApiKey.objects.count() == before


def test_key_is_changed_on_its_page(browser, member):
    key = row_of(factories.make_key(member.member))
    url = f"{KEYS}{key.id}/"
    assert 'value="Test key"' in browser.get(url).content.decode()
    response = browser.post(
        url, {"name": "Renamed", "addresses": "10.0.0.0/8", "expires_on": ""}, follow=True
    )
    assert "Renamed is changed." in response.content.decode()
    key.refresh_from_db()
    assert (key.name, key.addresses, key.expires_at) == ("Renamed", ["10.0.0.0/8"], None)
    refused = browser.post(url, {"name": "Again", "addresses": "nowhere", "expires_on": ""})
    assert refused.status_code == 422
    assert "nowhere</textarea>" in refused.content.decode()


def test_rotating_shows_the_new_secret_once(browser, member):
    text = factories.make_key(member.member)
    key = row_of(text)
    url = f"{KEYS}{key.id}/rotate/"
    assert not KEY.search(browser.get(url).content.decode())
    response = browser.post(url, {"overlap_hours": "1"})
    (new,) = set(KEY.findall(response.content.decode()))
    assert (response.status_code, new != text) == (200, True)
    assert "no-store" in response["Cache-Control"]
    page = browser.get(KEYS).content.decode()
    assert "Former secret until" in page
    assert not KEY.search(page)
    assert browser.post(url, {"overlap_hours": "169"}).status_code == 422


def test_list_filters_and_tells_what_was_used(browser, member, acme):
    factories.make_key(member.member, ["chat"])
    gone = row_of(factories.make_key(member.member, ["view"]))
    browser.post(revoke_url(gone))
    assert gone.prefix not in browser.get(KEYS).content.decode()
    revoked = browser.get(f"{KEYS}?state=revoked").content.decode()
    assert gone.prefix in revoked
    assert revoke_url(gone) not in revoked
    assert "No such key" in browser.get(f"{KEYS}?q=nothing-like-it").content.decode()
    assert "Used in 30 days" in browser.get(KEYS).content.decode()
