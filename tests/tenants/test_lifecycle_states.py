"""The states of a workspace: which change leads where, who is told, and what is refused."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Mail
from tenants import services as tenants_services
from tenants import slugs as slugs_of
from tenants.audit import SYSTEM
from tenants.lifecycle import queries, services, slugs
from tenants.lifecycle.services import DeletionBegun, NameMismatch, StateConflict
from tenants.models import AuditEntry, Workspace
from tenants.scope import WorkspaceNotFound
from tests import factories
from usage.holds import queries as holds_queries

NOW = timezone.now()
State = Workspace.State


@pytest.fixture
def workspace(db):
    return factories.make_workspace(factories.make_user("ends@example.test"), "ending-team")


def found(workspace) -> Workspace:
    return Workspace.objects.get(id=workspace.id)


def last_entry(workspace) -> AuditEntry:
    return AuditEntry.objects.filter(workspace_id=workspace.id).latest("id")


def schedule(workspace, name: str = "Ending-Team", now: datetime = NOW) -> datetime:
    return services.schedule_deletion(workspace_id=workspace.id, typed_name=name, actor=SYSTEM, now=now)


def change(name: str, workspace) -> None:
    extra = {
        "suspend": {"reason": "unpaid"}, "resume": {"reason": "paid"}, "archive": {}, "unarchive": {},
        "undo_deletion": {"now": NOW},
    }  # fmt: skip
    if name == "schedule_deletion":
        schedule(workspace)
    else:
        getattr(services, name)(workspace_id=workspace.id, actor=SYSTEM, **extra[name])


# Which change leads from which state where; every other pair is refused.
LEADS = {
    ("active", "suspend"): "suspended",
    ("active", "archive"): "archived",
    ("active", "schedule_deletion"): "deleting",
    ("suspended", "resume"): "active",
    ("archived", "suspend"): "suspended",
    ("archived", "unarchive"): "active",
    ("archived", "schedule_deletion"): "deleting",
    ("deleting", "undo_deletion"): "active",
}
CHANGES = ("suspend", "resume", "archive", "unarchive", "schedule_deletion", "undo_deletion")
ACTIONS = {
    "suspend": "workspace.suspended", "resume": "workspace.resumed", "archive": "workspace.archived",
    "unarchive": "workspace.unarchived", "schedule_deletion": "workspace.deletion_scheduled",
    "undo_deletion": "workspace.deletion_undone",
}  # fmt: skip


@pytest.mark.parametrize("state", [state.value for state in State])
@pytest.mark.parametrize("name", CHANGES)
def test_each_change_from_each_state(workspace, state, name):
    delete_at = NOW + timedelta(days=3) if state == "deleting" else None
    Workspace.objects.filter(id=workspace.id).update(state=state, delete_at=delete_at)
    before = AuditEntry.objects.count()
    if (state, name) not in LEADS:
        with pytest.raises(StateConflict):
            change(name, workspace)
        assert (found(workspace).state, found(workspace).delete_at) == (state, delete_at)
        assert AuditEntry.objects.count() == before
        return
    change(name, workspace)
    assert found(workspace).state == LEADS[state, name]
    assert AuditEntry.objects.count() == before + 1
    entry = last_entry(workspace)
    assert entry.action == ACTIONS[name]
    assert entry.data["before"] == {"state": state}
    assert entry.data["after"] == {"state": LEADS[state, name]}


@pytest.mark.parametrize("name", CHANGES)
def test_a_workspace_that_is_not_there(db, name):
    workspace = factories.make_workspace(factories.make_user())
    gone = Workspace(id="0c6f4c1e-0000-4000-8000-000000000000", name=workspace.name)
    with pytest.raises(WorkspaceNotFound):
        change(name, gone)


def test_resuming_and_undoing_lead_back_to_what_it_was(workspace):
    services.archive(workspace_id=workspace.id, actor=SYSTEM)
    services.suspend(workspace_id=workspace.id, reason="x", actor=SYSTEM)
    services.resume(workspace_id=workspace.id, reason="y", actor=SYSTEM)
    assert found(workspace).state == "archived"
    schedule(workspace)
    services.undo_deletion(workspace_id=workspace.id, actor=SYSTEM, now=NOW)
    assert found(workspace).state == "archived"


@pytest.mark.parametrize("typed", ["", "ending-team", "Ending-Teams", "Ending"])
def test_another_name_schedules_nothing(workspace, typed):
    with pytest.raises(NameMismatch):
        schedule(workspace, typed)
    assert (found(workspace).state, found(workspace).delete_at) == ("active", None)
    assert Mail.objects.filter(key__contains=str(workspace.id)).count() == 0


def test_spaces_around_the_name_do_not_matter(workspace):
    Workspace.objects.filter(id=workspace.id).update(name="The  Ending Team")
    assert schedule(workspace, "  The Ending   Team ") == NOW + timedelta(days=14)


def test_owners_are_told_when_it_is_scheduled_and_when_it_is_undone(
    workspace, mailoutbox, django_capture_on_commit_callbacks
):
    second = factories.make_user("second@example.test")
    factories.join(workspace, second, "owner")
    factories.join(workspace, factories.make_user("admin@example.test"), "admin")
    moment = datetime.fromisoformat("2026-03-02T10:30:00+00:00")
    Workspace.objects.filter(id=workspace.id).update(timezone="Europe/Berlin")
    delete_at = schedule(workspace, now=moment)
    (mail,) = Mail.objects.filter(kind="workspace_deletion_scheduled")
    assert mail.to == ["ends@example.test", "second@example.test"]
    assert delete_at == datetime.fromisoformat("2026-03-16T10:30:00+00:00")
    assert mail.context["delete_at"] == "16 March 2026, 11:30 (Europe/Berlin)"
    assert mail.context["url"].endswith("/w/ending-team/settings/ending/")

    services.undo_deletion(workspace_id=workspace.id, actor=SYSTEM, now=moment)
    assert Mail.objects.get(kind="workspace_deletion_undone").to == [
        "ends@example.test",
        "second@example.test",
    ]


def test_it_can_be_undone_until_the_last_moment_and_not_a_moment_longer(workspace):
    delete_at = schedule(workspace)
    with pytest.raises(DeletionBegun):
        services.undo_deletion(workspace_id=workspace.id, actor=SYSTEM, now=delete_at)
    assert queries.list_due(now=delete_at - timedelta(microseconds=1)) == []
    assert queries.list_due(now=delete_at) == [workspace.id]
    services.undo_deletion(workspace_id=workspace.id, actor=SYSTEM, now=delete_at - timedelta(microseconds=1))
    assert queries.list_due(now=delete_at) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("suspend", "workspace_suspended"),
        ("archive", "workspace_archived"),
        ("schedule_deletion", "workspace_deleting"),
    ],
)
def test_what_runs_is_asked_to_end(workspace, name, reason, django_capture_on_commit_callbacks):
    hold_id = factories.open_hold(workspace_id=workspace.id)
    with django_capture_on_commit_callbacks(execute=True):
        change(name, workspace)
    assert [order.reason for order in holds_queries.list_stop_orders([hold_id])] == [reason]


def test_the_database_keeps_state_and_day_together(workspace):
    for fields in ({"state": "deleting"}, {"delete_at": NOW}):
        with pytest.raises(IntegrityError, match="workspace_deleted_at_some_time"), transaction.atomic():
            Workspace.objects.filter(id=workspace.id).update(**fields)


# addresses of deleted workspaces


def test_reserved_address_is_nobodys_until_its_time_is_over(db):
    slugs.reserve(["long-gone"], now=NOW)
    assert slugs.reserved_of(["long-gone", "others"], now=NOW + timedelta(days=89)) == {"long-gone"}
    with pytest.raises(slugs_of.SlugRefused) as refused:
        tenants_services.create_workspace(name="X", slug="long-gone", actor=SYSTEM)
    assert refused.value.code == "slug_taken"
    assert slugs_of.free_slug("Long Gone").startswith("long-gone-")
    assert slugs.forget_expired(now=NOW + timedelta(days=90)) == 1
    assert tenants_services.create_workspace(name="X", slug="long-gone", actor=SYSTEM).slug == "long-gone"


def test_reserved_address_survives_another_secret_key(db, settings):
    slugs.reserve(["long-gone"], now=NOW)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10
    assert slugs.reserved_of(["long-gone"], now=NOW) == {"long-gone"}
    settings.SECRET_KEY_FALLBACKS = []
    assert slugs.reserved_of(["long-gone"], now=NOW) == set()
