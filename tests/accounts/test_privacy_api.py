"""Exports of a workspace over REST: asked for and watched by its owners, and never handed out."""

from uuid import uuid4

import pytest

from accounts.privacy.models import ExportJob
from tenants.models import AuditEntry
from tests import exports
from tests.assistants.api.conftest import Caller


@pytest.fixture(autouse=True)
def storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def api(db, owner) -> Caller:
    return Caller(owner)


def test_export_is_asked_for_once_and_watched(api, acme):
    asked = api.post("exports")
    body = asked.json()
    assert (asked.status_code, body["state"], body["progress"], body["url"]) == (202, "queued", 0, None)
    again = api.post("exports")
    assert (again.status_code, again.json()["code"]) == (409, "export_running")
    assert api.get(f"exports/{body['id']}").json() == body
    assert api.rows("exports") == [body]
    entries = AuditEntry.objects.filter(workspace_id=acme.id, action="workspace.export_requested")
    assert entries.count() == 1
    assert ExportJob.objects.get().user_id == api.member.user_id


def test_ready_one_leads_to_its_page_which_asks_who_it_is(api, acme, owner):
    made = exports.make(acme.id)
    (row,) = api.rows("exports")
    assert (row["id"], row["state"], row["size"]) == (str(made.id), "done", 2)
    assert row["url"].endswith("/w/acme/settings/export/")
    assert api.rows("exports", fields="state,size") == [{"state": "done", "size": 2}]
    page = api.client.get(f"/w/acme/settings/export/{made.id}/")
    assert (page.status_code, b"PK" in page.content) == (302, False), "a key downloads nothing"


def test_only_owners_of_the_workspace_see_it(api, acme, admin, globex_owner):
    made = exports.make(acme.id)
    refused = [
        Caller(admin).get("exports"),
        Caller(admin).post("exports"),
        Caller(admin).get(f"exports/{made.id}"),
    ]
    assert [each.json()["needs"] for each in refused] == ["workspace:own"] * 3
    assert Caller(globex_owner).rows("exports") == []
    for caller, export_id in ((Caller(globex_owner), made.id), (api, uuid4())):
        response = caller.get(f"exports/{export_id}")
        assert (response.status_code, response.json()["code"]) == (404, "export_gone")
    assert api.get(f"exports/{made.id}").status_code == 200, "the control"
    assert ExportJob.objects.count() == 1
