"""The pages of general settings and of the address: saved, refused, and where the former address leads."""

import secrets
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tenants import slugs
from tenants.audit import SYSTEM
from tenants.lifecycle import services as lifecycle
from tenants.models import AuditEntry, Workspace
from tenants.scope import get_ref, workspace_scope
from tests import factories
from usage.limits import windows
from usage.models import Counter

PAGE = "/w/acme/settings/"
TYPED = {
    "name": "Acme Works",
    "timezone": "Asia/Tokyo",
    "language": "ja",
    "retention": "",
    "retention_days": "",
}


def kept(acme) -> tuple:
    row = Workspace.objects.get(id=acme.id)
    return row.name, row.timezone, row.language, row.retention_days


@pytest.mark.parametrize(
    ("retention", "days", "expected"),
    [("", "", None), ("30", "", 30), ("90", "17", 90), ("365", "", 365), ("custom", "45", 45)],
)
def test_settings_are_saved(db, acme, admin, retention, days, expected):
    client = admin.browser()
    response = client.post(PAGE, {**TYPED, "retention": retention, "retention_days": days})
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert kept(acme) == ("Acme Works", "Asia/Tokyo", "ja", expected)
    shown = client.get(PAGE).context["form"]
    assert shown["retention"].value() == ("custom" if expected == 45 else retention)
    entry = AuditEntry.objects.get(workspace_id=acme.id, action="workspace.settings_changed")
    assert (entry.actor_ref, entry.data["after"]["timezone"]) == (admin.member.person_ref, "Asia/Tokyo")
    assert "Acme Works" not in str(entry.data) + str(entry.sealed), "a name may name a person: it is sealed"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": " "}, "name"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"language": "xx"}, "language"),
        ({"retention": "7"}, "retention"),
        ({"retention": "custom"}, "retention_days"),
        ({"retention": "custom", "retention_days": "0"}, "retention_days"),
        ({"retention": "custom", "retention_days": "99999"}, "retention_days"),
        ({"retention": "custom", "retention_days": "x"}, "retention_days"),
    ],
)
def test_refused_settings_come_back_and_change_nothing(db, acme, owner, typed, field):
    before = kept(acme)
    response = owner.browser().post(PAGE, {**TYPED, **typed})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert response.context["form"]["name"].value() == typed.get("name", "Acme Works")
    assert kept(acme) == before


def test_day_of_quotas_follows_the_timezone_from_the_next_hold_on(db, acme, owner):
    at = datetime(2026, 3, 10, 20, tzinfo=UTC)
    assert windows.starts(zone=get_ref(id=acme.id).timezone, at=at)["day"] == date(2026, 3, 10)
    owner.browser().post(PAGE, TYPED)
    assert windows.starts(zone=get_ref(id=acme.id).timezone, at=at)["day"] == date(2026, 3, 11)
    with workspace_scope(acme.id):
        factories.ask(owner.member)
    counted = Counter.objects.filter(workspace_id=acme.id, window="day").values_list(
        "window_start", flat=True
    )
    today = datetime.now(ZoneInfo("Asia/Tokyo")).date()
    assert today in set(counted)


def test_changed_address_redirects_and_says_which_were_before(db, acme, owner):
    slug = f"acme-{secrets.token_hex(4)}"
    client = owner.browser()
    response = client.post(f"{PAGE}address/", {"slug": slug})
    assert (response.status_code, response["Location"]) == (302, f"/w/{slug}/settings/")
    assert client.get(response["Location"]).context["former_slugs"] == ["acme"]


@pytest.mark.parametrize("slug", ["globex", "admin", "No good", ""])
def test_refused_address_comes_back(db, acme, globex, owner, slug):
    response = owner.browser().post(f"{PAGE}address/", {"slug": slug})
    assert response.status_code == 422
    assert response.context["slug_form"]["slug"].value() == slug
    assert response.context["slug_form"].errors["slug"]
    assert get_ref(id=acme.id).slug == "acme"


# where the former address leads


@pytest.fixture
def renamed(db, acme) -> str:
    slug = f"acme-{secrets.token_hex(4)}"
    slugs.change_slug(workspace_id=acme.id, slug=slug, actor=SYSTEM)
    return slug


def test_former_address_leads_members_on(renamed, viewer):
    client = viewer.browser()
    response = client.get("/w/acme/usage/?month=2026-01")
    assert (response.status_code, response["Location"]) == (301, f"/w/{renamed}/usage/?month=2026-01")
    assert response["Cache-Control"] == "no-store", "the workspace may take it back"
    assert client.get(response["Location"]).status_code == 200
    assert client.head("/w/acme/").status_code == 301


def test_former_address_tells_others_nothing(renamed, globex_owner):
    for path in ("/w/acme/", "/w/acme/usage/"):
        stranger, nobodys = globex_owner.browser(), globex_owner.browser()
        met, unknown = stranger.get(path), nobodys.get(path.replace("acme", "no-such-one"))
        assert (met.status_code, unknown.status_code) == (404, 404)
        assert renamed not in met.content.decode()
        visit = factories.browser().get(path)
        assert (visit.status_code, visit["Location"]) == (302, f"/accounts/login/?next={path}")


def test_form_that_was_open_during_the_change_is_taken(renamed, acme, owner):
    response = owner.browser().post(PAGE, TYPED)
    assert (response.status_code, response["Location"]) == (302, f"/w/{renamed}/settings/")
    assert kept(acme)[0] == "Acme Works"


def test_workspace_that_took_its_address_back_is_there_again(renamed, acme, owner):
    slugs.change_slug(workspace_id=acme.id, slug="acme", actor=SYSTEM)
    client = owner.browser()
    assert client.get("/w/acme/").status_code == 200
    assert client.get(f"/w/{renamed}/")["Location"] == "/w/acme/"


def test_api_takes_a_former_slug(renamed, owner, globex_owner):
    for named in ("acme", renamed):
        response = owner.browser(headers={"X-Workspace": named}).get("/api/v1/workspaces/current")
        assert (response.status_code, response.json()["slug"]) == (200, renamed)
        stranger = globex_owner.browser(headers={"X-Workspace": named})
        assert stranger.get("/api/v1/workspaces/current").status_code == 404


def test_former_address_of_a_suspended_workspace_is_suspended(renamed, acme, owner, globex_owner):
    lifecycle.suspend(workspace_id=acme.id, reason="unpaid", actor=SYSTEM)
    assert owner.browser().get("/w/acme/").status_code == 423
    assert globex_owner.browser().get("/w/acme/").status_code == 404
