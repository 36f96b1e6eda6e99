"""The audit log's pages: everything of this workspace, in words, filtered and paged; nothing of another."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.auditlog import presenters, queries
from tenants import audit, origins, sealing
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEntry
from tests import factories

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
HERE = origins.Origin(address="203.0.113.9", agent=FIREFOX, session="abcd1234")


def log(workspace, actor=SYSTEM, action="assistant.edited", **fields) -> AuditEntry:
    with origins.from_where(lambda: HERE):
        audit.record(action, actor=actor, workspace_id=workspace.id, **fields)
    return AuditEntry.objects.latest("id")


@pytest.fixture
def home(db):
    """A workspace of its own and its owner's browser, which has come in already."""
    user = factories.make_user(display_name="Ada Archer")
    workspace = factories.make_workspace(user)
    member = factories.member_of(workspace, user)
    browser = factories.sign_in(user)
    browser.get(f"/w/{workspace.slug}/")
    return factories.Person(user, workspace, member), browser


def page(home, query: str = "") -> str:
    person, browser = home
    response = browser.get(f"/w/{person.workspace.slug}/audit/{query}")
    assert response.status_code == 200
    return response.content.decode()


def listed(home, query: str = "") -> list[int]:
    person, browser = home
    response = browser.get(f"/w/{person.workspace.slug}/audit/{query}")
    return [line.id for line in response.context["entries"]]


def test_entry_says_who_what_from_where_and_what_changed(home):
    person, _ = home
    log(
        person.workspace,
        person.member.actor,
        "member.added",
        before={"role": "member"},
        after={"role": "admin"},
    )
    text = page(home)
    for words in (
        "Ada Archer",
        "Added a member",
        "Firefox on Linux · 203.0.113.9",
        "<td>member</td>",
        "<td>admin</td>",
    ):
        assert words in text, words


def test_erased_person_has_no_name_and_no_address(home):
    person, _ = home
    ref = uuid4()
    entry = log(person.workspace, Actor("person", ref), personal={"name": "Grace"}, about=ref)
    assert "Grace" in page(home)
    sealing.destroy([ref])
    (line,) = presenters.lines([entry], queries.know(person.workspace.id, [entry]))
    assert (line.who, line.origin) == ("Erased person", presenters.Origin(is_erased=True))
    text = page(home)
    assert "Grace" not in text
    assert "Erased with the person’s data" in text


def test_staff_are_not_named_nor_their_address(home, staff):
    person, _ = home
    entry = log(person.workspace, Actor("staff", uuid4()), "support.viewed")
    (line,) = presenters.lines([entry], queries.know(person.workspace.id, [entry]))
    assert (line.who, line.origin) == ("Support staff", None)


def test_times_are_of_the_workspace(home):
    from tenants.models import Workspace

    person, _ = home
    Workspace.objects.filter(id=person.workspace.id).update(timezone="Pacific/Kiritimati")
    entry = log(person.workspace)
    local = entry.created_at + timedelta(hours=14)
    assert f"{local:%b} {local:%Y}, {local:%H:%M}" in page(home)


def test_filters_find_what_they_say_and_nothing_else(home):
    person, _ = home
    mine = log(person.workspace, person.member.actor, "assistant.edited", target=("assistant", uuid4()))
    stop = log(person.workspace, SYSTEM, "stop.set", target=("stop", 7))
    staff = log(person.workspace, Actor("staff", uuid4()), "workspace.suspended")
    asked = {
        f"?person={person.member.person_ref}&group=assistants": [mine.id],
        "?person=system&group=limits&target=stop:7": [stop.id],
        "?target=7": [stop.id],
        "?person=staff": [staff.id],
        f"?target={mine.target_id}": [mine.id],
        "?group=support": [],
    }
    assert {query: listed(home, query) for query in asked} == asked


def test_days_are_those_of_the_workspace(home, monkeypatch):
    from zoneinfo import ZoneInfo

    from tenants.models import Workspace

    person, browser = home
    Workspace.objects.filter(id=person.workspace.id).update(timezone="Pacific/Kiritimati")
    entry = log(person.workspace)
    today = entry.created_at.astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    assert entry.id in listed(home, f"?first={today}&last={today}")
    assert listed(home, f"?first={today + timedelta(days=1)}") == []
    assert entry.id not in listed(home, f"?last={today - timedelta(days=1)}")


@pytest.mark.parametrize(
    "query",
    ["?first=2026-13-40", "?group=nonsense", "?person=nobody", "?first=2026-02-02&last=2026-02-01", "?first=9999-12-31",
     "?target=a%27b", "?last=9999-12-31", "?first=0001-01-01"],
)  # fmt: skip
def test_senseless_filter_is_shown_again_with_its_reason(home, query):
    person, browser = home
    response = browser.get(f"/w/{person.workspace.slug}/audit/{query}")
    assert response.status_code == 422
    assert "field-error" in response.content.decode() or 'aria-invalid="true"' in response.content.decode()
    assert browser.get(f"/w/{person.workspace.slug}/audit/export/{query}").status_code == 422


def test_pages_follow_each_other_without_loss(home):
    person, browser = home
    made = [log(person.workspace).id for _ in range(120)]
    found, query = [], ""
    while True:
        response = browser.get(f"/w/{person.workspace.slug}/audit/{query}")
        found += [line.id for line in response.context["entries"]]
        query = response.context["next_url"]
        if not query:
            break
    everything = AuditEntry.objects.filter(workspace_id=person.workspace.id).order_by("-created_at", "-id")
    assert found == list(everything.values_list("id", flat=True))
    assert set(made) <= set(found)


@pytest.mark.parametrize("query", ["?before=0", "?before=x", "?before=99999999999999999999", "?before=-1"])
def test_page_after_an_entry_that_is_not_there(home, query):
    person, browser = home
    assert browser.get(f"/w/{person.workspace.slug}/audit/{query}").status_code == 404


def test_two_entries_cost_what_twenty_do(home):
    person, browser = home

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(f"/w/{person.workspace.slug}/audit/").status_code == 200
        return len(captured)

    def fill(number: int) -> None:
        for _ in range(number):
            log(person.workspace, person.member.actor, target=("assistant", uuid4()))
            log(person.workspace, person.member.actor, "api_key.revoked", target=("api_key", uuid4()))
            log(person.workspace, SYSTEM, "member.removed", target=("membership", uuid4()))

    fill(2)
    few = count()
    fill(20)
    assert count() == few


def test_entry_of_another_workspace_is_nobodys(home, acme):
    foreign = log(acme)
    person, browser = home
    assert browser.get(f"/w/{person.workspace.slug}/audit/{foreign.id}/").status_code == 404
    assert browser.get(f"/w/{person.workspace.slug}/audit/?before={foreign.id}").status_code == 404
    nowhere = AuditEntry.objects.create(actor_kind="system", action="prices.loaded")
    assert browser.get(f"/w/{person.workspace.slug}/audit/{nowhere.id}/").status_code == 404


def export(home, query: str = "") -> str:
    person, browser = home
    response = browser.get(f"/w/{person.workspace.slug}/audit/export/{query}")
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment;")
    return response.getvalue().decode()


def test_csv_has_every_entry_and_runs_nothing(home):
    person, _ = home
    log(person.workspace, SYSTEM, "workspace.suspended", reason="=HYPERLINK(1)", target=("domain", "+evil"))
    log(person.workspace, Actor("person", uuid4()), personal={"name": "-2+3"}, about=uuid4())
    rows = list(csv.DictReader(io.StringIO(export(home))))
    assert len(rows) == AuditEntry.objects.filter(workspace_id=person.workspace.id).count()
    cells = [cell for row in rows for cell in row.values()]
    assert "'+evil" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_csv_cell_that_begins_like_a_formula(home):
    """The control: what is written without the apostrophe is caught."""
    from accounts.auditlog import exports

    assert [exports._cell(text) for text in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "x=1")] == [
        "'=1", "'+1", "'-1", "'@x", "'\t=1", "'\r=1", "'\n=1", "x=1",
    ]  # fmt: skip


def test_json_lines_keep_the_filters_and_the_export_is_an_entry(home):
    person, _ = home
    stop = log(person.workspace, SYSTEM, "stop.set", target=("stop", 7))
    lines = [json.loads(line) for line in export(home, "?group=limits&target=stop&as=jsonl").splitlines()]
    assert [line["id"] for line in lines] == [stop.id]
    entry = AuditEntry.objects.filter(workspace_id=person.workspace.id, action="audit.exported").latest("id")
    assert entry.data == {"form": "jsonl", "filters": {"group": "limits", "target": "stop"}}
    assert entry.actor_ref == person.member.person_ref


def test_export_of_many_goes_on_over_batches(home, monkeypatch):
    person, _ = home
    monkeypatch.setattr(queries, "BATCH", 4)
    made = {log(person.workspace).id for _ in range(11)}
    lines = [json.loads(line) for line in export(home, "?as=jsonl").splitlines()]
    ids = [line["id"] for line in lines]
    assert made <= set(ids)
    assert ids == sorted(set(ids), reverse=True)


def test_export_in_an_unknown_form_is_refused_and_not_noted(home):
    person, browser = home
    response = browser.get(f"/w/{person.workspace.slug}/audit/export/?as=xlsx")
    assert response.status_code == 422
    assert not AuditEntry.objects.filter(workspace_id=person.workspace.id, action="audit.exported").exists()


def test_rest_lists_pages_and_filters(home):
    person, _ = home
    client = factories.with_key(factories.make_key(person.member))
    with transaction.atomic():
        stop = log(
            person.workspace,
            person.member.actor,
            "stop.set",
            target=("stop", 7),
            before=None,
            after={"on": True},
        )
    body = client.get("/api/v1/audit?group=limits&target=stop:7").json()
    assert [row["id"] for row in body["results"]] == [stop.id]
    row = body["results"][0]
    assert (row["actor"], row["target"]) == (
        {"kind": "person", "ref": str(person.member.person_ref), "name": "Ada Archer"},
        {"type": "stop", "id": "7", "name": "7"},
    )
    assert (row["before"], row["after"], row["from"]["address"]) == (None, {"on": True}, "203.0.113.9")
    for _ in range(3):
        log(person.workspace)
    first = client.get("/api/v1/audit?limit=2&group=assistants").json()
    rest = client.get(first["next"]).json()
    assert (len(first["results"]), len(rest["results"])) == (2, 1)
    now = datetime.now(UTC)
    assert (
        client.get("/api/v1/audit", {"since": (now + timedelta(days=1)).isoformat()}).json()["results"] == []
    )
    assert client.get("/api/v1/audit?group=nonsense").status_code == 400


def test_rest_exports(home):
    person, _ = home
    client = factories.with_key(factories.make_key(person.member))
    stop = log(person.workspace, SYSTEM, "stop.set", target=("stop", 7))
    text = client.get("/api/v1/audit/export?group=limits&target=stop").getvalue().decode()
    assert [json.loads(line)["id"] for line in text.splitlines()] == [stop.id]
    text = client.get("/api/v1/audit/export?as=csv").getvalue().decode()
    assert text.startswith("id,at,action,what,who,")


def test_log_is_for_who_may_see_it(acme, member, viewer, db):
    for person in (member, viewer):
        assert person.browser().get("/w/acme/audit/").status_code == 403
