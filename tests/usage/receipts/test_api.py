"""Receipts over REST: one's own, or everybody's for who manages the workspace; documents that verify."""

import json
from uuid import uuid4

import pytest
from django.utils import timezone

from tenants.scope import workspace_scope
from tests import factories
from tests.usage.receipts import making
from usage.receipts import verify
from usage.receipts.models import LogKind, Receipt
from usage.receipts.services import take_checkpoint


@pytest.fixture
def mine(db, member) -> Receipt:
    return receipt_of(member)


@pytest.fixture
def theirs(db, admin) -> Receipt:
    return receipt_of(admin)


def receipt_of(person, **fields) -> Receipt:
    hold_id = making.settle(person.workspace.id, person_ref=person.member.person_ref, **fields)
    return Receipt.objects.get(hold_id=hold_id)


def client(person, scopes=None):
    return factories.with_key(factories.make_key(person.member, scopes))


def ids(response) -> list[str]:
    return [row["id"] for row in response.json()["results"]]


def test_a_person_sees_their_own_and_a_manager_sees_all(mine, theirs, member, admin, viewer):
    assert ids(client(member).get("/api/v1/receipts")) == [str(mine.id)]
    assert set(ids(client(admin).get("/api/v1/receipts"))) == {str(mine.id), str(theirs.id)}
    assert ids(client(viewer).get("/api/v1/receipts")) == []


def test_a_key_without_the_managing_scope_sees_its_owners_only(mine, theirs, admin):
    assert ids(client(admin, ["view"]).get("/api/v1/receipts")) == [str(theirs.id)]


def test_somebody_elses_receipt_is_not_found(mine, theirs, member, globex_owner):
    for person in (member, globex_owner):
        response = client(person).get(f"/api/v1/receipts/{theirs.id}")
        assert (response.status_code, response.json()["code"]) == (404, "receipt_not_found")
        response = client(person).get(f"/api/v1/tecp/verify?receipt={theirs.id}")
        assert (response.status_code, response.json()["code"]) == (404, "receipt_not_found")


def test_nobody_without_a_key_or_session_reads_anything(mine):
    for path in (
        "receipts",
        f"receipts/{mine.id}",
        "receipts/log/checkpoint",
        "receipts/log/export",
        "tecp/verify",
    ):
        assert factories.browser().get(f"/api/v1/{path}").status_code == 401, path


def test_the_list_names_run_kind_model_and_cost(mine, member):
    making.sequence(mine.workspace_id)
    (row,) = client(member).get("/api/v1/receipts").json()["results"]
    assert row.pop("leaf_index") >= 0
    assert row.pop("created_at").endswith("Z")
    assert row == {
        "id": str(mine.id),
        "run": str(mine.hold_id),
        "kind": "reply",
        "model": "gpt-4o-mini",
        "state": "numbered",
        "cost_micro": 270,
        "currency": "USD",
    }


def test_the_list_is_filtered(mine, member):
    other = receipt_of(member, kind="title", model="gpt-4o")
    get = client(member).get
    assert ids(get("/api/v1/receipts?kind=title")) == [str(other.id)]
    assert ids(get("/api/v1/receipts?model=gpt-4o-mini")) == [str(mine.id)]
    now = timezone.now().isoformat().replace("+", "%2B")
    assert ids(get(f"/api/v1/receipts?since={now}")) == []
    assert len(ids(get(f"/api/v1/receipts?until={now}"))) == 2
    assert get("/api/v1/receipts?since=yesterday").status_code == 400


def test_the_list_is_paged(member, db):
    for _ in range(5):
        receipt_of(member)
    get, seen, url = client(member).get, [], "/api/v1/receipts?limit=2"
    while url:
        response = get(url)
        seen += ids(response)
        url = response.json()["next"]
    assert len(seen) == len(set(seen)) == 5


def test_the_list_costs_the_same_for_two_and_for_twenty(member, db, django_assert_max_num_queries):
    key = client(member)
    receipt_of(member), receipt_of(member)
    key.get("/api/v1/receipts")
    with django_assert_max_num_queries(4):  # the search path, the key, the receipts
        key.get("/api/v1/receipts")
    for _ in range(18):
        receipt_of(member)
    with django_assert_max_num_queries(4):
        assert len(ids(key.get("/api/v1/receipts"))) == 20


def test_the_document_verifies(mine, member):
    response = client(member).get(f"/api/v1/receipts/{mine.id}")
    report = verify.verify([response.content.decode()], verify.Report())
    assert not report.problems
    assert response.json()["receipt"]["receipt_id"] == str(mine.id)


def test_a_receipt_that_waits_is_numbered_when_it_is_asked_for(mine, member):
    assert mine.state == "pending"
    assert client(member).get(f"/api/v1/receipts/{mine.id}").json()["leaf_index"] >= 0
    mine.refresh_from_db()
    assert mine.state == "numbered"


def test_checkpoint_consistency_and_export_verify_together(mine, member, admin):
    note = client(member).get("/api/v1/receipts/log/checkpoint")
    assert note["Content-Type"] == "text/plain; charset=utf-8"
    kept = verify.Checkpoint.parse(note.content.decode())
    receipt_of(member)
    document = client(member).get(f"/api/v1/receipts/log/consistency?from={kept.size}")
    assert not verify.verify([document.content.decode()], verify.Report(checkpoint=kept)).problems
    newest = verify.Checkpoint.parse(document.json()["checkpoint"])
    assert newest.size == kept.size + 1
    same = client(member).get(f"/api/v1/receipts/log/consistency?from={kept.size}&to={newest.size}")
    assert same.json() == document.json()
    export = client(admin).get("/api/v1/receipts/log/export")
    lines = b"".join(export.streaming_content).decode().splitlines(keepends=True)
    assert not verify.verify(lines, verify.Report(checkpoint=kept)).problems


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?from=x", 400), ("?from=-1", 400), ("?from=100000", 404), ("?from=0&to=1e9", 400)],
)
def test_a_consistency_that_cannot_be_proven_is_refused(mine, member, query, status):
    response = client(member).get(f"/api/v1/receipts/log/consistency{query}")
    assert response.status_code == status


def test_the_whole_log_is_for_who_manages_the_workspace(mine, member):
    assert client(member).get("/api/v1/receipts/log/export").status_code == 403


def test_the_audit_log_is_for_who_manages_the_workspace(mine, member, admin):
    for path in ("receipts/log/checkpoint", "tecp/verify", "receipts/log/consistency"):
        assert client(member).get(f"/api/v1/{path}?kind=audit&from=0").status_code == 403, path
    assert "/audit\n" in client(admin).get("/api/v1/receipts/log/checkpoint?kind=audit").content.decode()
    assert client(admin).get("/api/v1/tecp/verify?kind=other").status_code == 404
    export = client(admin).get("/api/v1/receipts/log/export?kind=audit")
    lines = b"".join(export.streaming_content).decode().splitlines(keepends=True)
    assert not verify.verify(lines, verify.Report()).problems


def test_two_verdicts(mine, admin, member):
    verdicts = client(admin).get("/api/v1/tecp/verify").json()
    assert verdicts["integrity"]["holds"] and verdicts["completeness"]["holds"]
    lone = making.settle(mine.workspace_id, has_receipt=False)
    verdicts = client(admin).get("/api/v1/tecp/verify").json()
    assert verdicts["integrity"]["holds"] and not verdicts["completeness"]["holds"]
    assert [problem["where"] for problem in verdicts["completeness"]["problems"]] == [str(lone)]
    # Who sees only their own learns that something is wrong, not whose.
    seen = client(member).get("/api/v1/tecp/verify").json()["completeness"]
    assert (seen["holds"], seen["count"], seen["problems"]) == (False, 1, [])


def test_two_verdicts_on_one_receipt(mine, member):
    verdicts = client(member).get(f"/api/v1/tecp/verify?receipt={mine.id}").json()
    assert verdicts["integrity"]["holds"] and verdicts["completeness"]["holds"]
    assert client(member).get(f"/api/v1/tecp/verify?receipt={uuid4()}").status_code == 404
    assert client(member).get("/api/v1/tecp/verify?receipt=x").status_code == 404


def test_logs_of_workspaces_are_apart(mine, globex_owner):
    note = client(globex_owner).get("/api/v1/receipts/log/checkpoint").content.decode()
    assert note.startswith(f"steward/{globex_owner.workspace.id}/receipts\n")
    assert ids(client(globex_owner).get("/api/v1/receipts")) == []


def test_the_schema_names_every_address(db):
    schema = factories.browser().get("/api/schema/?format=json").json()
    expected = {
        "/api/v1/receipts", "/api/v1/receipts/{receipt_id}", "/api/v1/receipts/log/checkpoint",
        "/api/v1/receipts/log/consistency", "/api/v1/receipts/log/export", "/api/v1/tecp/verify",
    }  # fmt: skip
    assert expected <= set(schema["paths"])


def test_an_answer_over_the_api_leaves_a_receipt(db, member):
    with workspace_scope(member.workspace.id):
        run = factories.answer(factories.ask(member.member).run)
    rows = client(member).get("/api/v1/receipts").json()["results"]
    assert [row["run"] for row in rows] == [str(run.id)]
    assert json.loads(Receipt.objects.get(hold_id=run.id).body)["run"]["id"] == str(run.id)
    assert take_checkpoint(member.workspace.id, LogKind.RECEIPTS).size >= 1
