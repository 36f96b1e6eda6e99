"""Staff who look into a workspace leave an entry in its log; and nothing sealed is opened to them."""

from datetime import timedelta
from uuid import uuid4

import pytest

from accounts import api_keys
from accounts.models import ApiKey, Membership
from tenants import audit, origins, support
from tenants.models import AuditEntry, Workspace
from tests import factories
from tests.staff.pages import make_entry, page, reference_of

HERE = origins.Origin(address="203.0.113.9", agent="Mozilla/5.0", session="abcd1234")


def views(workspace_id) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(workspace_id=workspace_id, action="support.viewed").order_by("id"))


@pytest.fixture
def client(db, staff):
    return staff.browser()


def rows(acme, owner):
    return {
        "tenants.workspace": Workspace.objects.get(id=acme.id),
        "accounts.membership": Membership.objects.get(id=owner.member.membership_id),
        "accounts.apikey": ApiKey.objects.get(prefix=api_keys.prefix_of(factories.make_key(owner.member))),
        "usage.ledgerentry": make_entry(acme.id),
        "tenants.auditentry": AuditEntry.objects.filter(workspace_id=acme.id).latest("id"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "tenants.workspace",
        "accounts.membership",
        "accounts.apikey",
        "usage.ledgerentry",
        "tenants.auditentry",
    ],
)
def test_opening_a_row_of_a_workspace_is_told_to_it_once(client, acme, globex, owner, staff, name):
    row = rows(acme, owner)[name]
    for _ in range(2):
        assert client.get(page(name, "change", row.pk)).status_code == 200
    (entry,) = views(acme.id)
    assert (entry.actor_kind, entry.actor_ref) == ("staff", reference_of(staff))
    assert (entry.target_type, entry.target_id) == (name.split(".")[1], str(row.pk))
    assert views(globex.id) == []


@pytest.mark.parametrize("term", ["acme", "id"])
def test_list_of_one_workspace_is_told_to_it(client, acme, globex, term):
    asked = str(acme.id) if term == "id" else term
    assert client.get(page("usage.ledgerentry"), {"q": asked}).status_code == 200
    assert len(views(acme.id)) == 1
    assert views(globex.id) == []


def test_lists_of_everything_are_told_to_nobody(client, acme):
    for query in ({}, {"q": str(uuid4())}, {"q": "no-such-team"}):
        assert client.get(page("usage.ledgerentry"), query).status_code == 200
    assert views(acme.id) == []


def test_after_an_hour_it_is_told_again(db, acme, monkeypatch):
    actor, seen = audit.Actor("staff", uuid4()), ("workspace", acme.id)
    assert support.note_view(workspace_id=acme.id, actor=actor, seen=seen)
    assert not support.note_view(workspace_id=acme.id, actor=actor, seen=seen)
    assert support.note_view(workspace_id=acme.id, actor=audit.Actor("staff", uuid4()), seen=seen)
    monkeypatch.setattr(support, "ONCE_IN", timedelta(0))
    assert support.note_view(workspace_id=acme.id, actor=actor, seen=seen)


def test_page_of_a_person_is_told_in_the_platforms_log(client, owner, staff):
    newest = AuditEntry.objects.latest("id").id
    assert client.get(page("accounts.user", "change", owner.user.pk)).status_code == 200
    (entry,) = AuditEntry.objects.filter(id__gt=newest, action="support.viewed")
    assert (entry.workspace_id, entry.target_type, entry.target_id) == (
        None,
        "person",
        str(reference_of(owner)),
    )


def test_who_is_no_staff_looks_at_nothing_and_leaves_nothing(db, acme, owner):
    response = owner.browser().get(page("tenants.workspace", "change", acme.id))
    assert response.status_code != 200
    assert views(acme.id) == []


def test_staff_see_nothing_that_is_sealed(client, acme):
    with origins.from_where(lambda: HERE):
        audit.record("thing.made", actor=audit.Actor("person", uuid4()), workspace_id=acme.id)
    entry = AuditEntry.objects.filter(workspace_id=acme.id).latest("id")
    text = client.get(page("tenants.auditentry", "change", entry.pk)).content.decode()
    assert "203.0.113.9" not in text
    assert entry.sealed[0]["text"] not in text
