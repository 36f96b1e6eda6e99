"""Real erasure: nothing is left that names the workspace, however often the work is cut off (docs/workspaces.md)."""

import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from accounts.mails import services as mails
from accounts.members.services import invite
from accounts.models import ApiKey, Mail, Membership
from assistants.models import Conversation, Run
from assistants.runs import endings, turns
from config import redis as redis_clients
from tenants import keys, sealing, slugs
from tenants import services as tenants_services
from tenants.audit import SYSTEM
from tenants.domains import services as domains
from tenants.lifecycle import erasing, leftovers, queries, services
from tenants.models import AuditEntry, Erasure, FormerSlug, SealingKey, Workspace
from tenants.scope import WorkspaceNotFound, WorkspaceRef, enter, workspace_scope
from tenants.settings import services as settings_services
from tests import canary, factories
from usage import stops
from usage import tasks as usage_tasks
from usage.holds import services as holds
from usage.models import Hold, LedgerEntry, Receipt, Stop
from usage.receipts import services as receipts
from usage.receipts.models import LogKind

NOW = timezone.now()
LATER = NOW + timedelta(days=14)
STEPS = [step.name for step in erasing.STEPS]


@dataclass(frozen=True)
class Team:
    word: str
    workspace: WorkspaceRef
    owner: factories.Person

    @property
    def schema(self) -> str:
        return self.workspace.schema_name


@pytest.fixture(autouse=True)
def files(tmp_path, settings):
    settings.MEDIA_ROOT, settings.MAIL_DIR = tmp_path / "files", tmp_path / "mail"


@pytest.fixture
def team(committed) -> Team:
    word = canary.new_canary()
    user = factories.make_user()
    workspace = factories.make_workspace(user, word)
    return Team(word, workspace, factories.Person(user, workspace, factories.member_of(workspace, user)))


def fill(team: Team) -> None:
    """The word everywhere that a workspace keeps something."""
    word, workspace, member = team.word, team.workspace, team.owner.member
    with enter(workspace):
        assistant = factories.make_assistant(member, f"Helper {word}", instructions=f"Say {word}.")
        run = factories.answer(
            factories.ask(member, f"What is {word}?", assistant=assistant).run, f"It is {word}."
        )
        endings.announce(workspace.id, run)
        cache.set(f"about-{word}", f"kept {word}", 600)
    default_storage.save(keys.file_name(workspace.id, "documents", f"{word}.txt"), ContentFile(word.encode()))
    default_storage.save(keys.file_name(workspace.id, "brand/small", "logo.txt"), ContentFile(word.encode()))
    ids = {"workspace_id": str(workspace.id), "kind": "audit", "note": word}
    usage_tasks.sequence_log.apply_async(kwargs=ids)
    redis_clients.client().hset(leftovers.UNACKED, f"tag-{word}", taken_message(ids))
    factories.join(workspace, factories.make_user(), Membership.Role.MEMBER)
    factories.make_key(member)
    ApiKey.objects.filter(membership_id=member.membership_id).update(name=f"Key {word}")
    about = {"workspace_id": workspace.id, "actor": member.actor}
    settings_services.change_settings(wanted={"name": f"Team {word}"}, **about)
    slugs.change_slug(slug=f"{word}-now", **about)
    domain = domains.add_domain(typed=f"{word}.test", **about)
    domains.remove_domain(domain_id=domain.pk, **about)
    domains.add_domain(typed=f"www.{word}.test", **about)
    invite(member=member, emails=[f"{word}@example.test"], role=Membership.Role.MEMBER)
    stops.set_stop(
        scope=Stop.Scope.ASSISTANT, target=str(assistant.id), reason=f"{word} costs too much", actor=member.actor,
        authority=Stop.Authority.WORKSPACE, workspace_id=workspace.id,
    )  # fmt: skip


def taken_message(kwargs: dict) -> str:
    """As kombu keeps what a worker has taken."""
    message = redis_clients.client().lindex("default", 0)
    body = json.loads(message) | {"headers": {"kwargsrepr": repr(kwargs)}}
    return json.dumps([body, "", "default"])


def schedule(team: Team) -> None:
    name = Workspace.objects.get(id=team.workspace.id).name
    services.schedule_deletion(workspace_id=team.workspace.id, typed_name=name, actor=SYSTEM, now=NOW)


def schema_exists(team: Team) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [team.schema])
        return cursor.fetchone()[0] == 1


def tasks_about(team: Team) -> list[str]:
    """Names of the tasks that wait and name the workspace."""
    waiting = [json.loads(message) for message in redis_clients.client().lrange("default", 0, -1)]
    return [found["headers"]["task"] for found in waiting if leftovers._names(found, str(team.workspace.id))]


def redis_keys(text: str) -> list[bytes]:
    return list(redis_clients.client().scan_iter(match=f"*{text}*"))


PLACES = (
    "name", "public.tenants_workspace.", "public.tenants_domain.", "public.tenants_formerslug.",
    "public.accounts_apikey.", "public.accounts_invitation.", "public.usage_stop.reason",
    "public.accounts_mail.", "redis key",
    "redis value of b'stream:", "redis value of b'default'", "redis value of b'unacked'", "redis value of b'ws_",
    "file ",
)  # fmt: skip


def test_nothing_of_a_workspace_is_found_after_its_erasure(team):
    fill(team)
    schedule(team)
    services.undo_deletion(workspace_id=team.workspace.id, actor=SYSTEM, now=NOW)
    with enter(team.workspace):
        assert Conversation.objects.count() == 1
    schedule(team)
    before = canary.search(team.word)
    in_schema = [place for place in before if place.startswith(team.schema)]
    assert {place.split(".")[1] for place in in_schema} == {
        "assistants_assistant", "assistants_assistantversion", "assistants_conversation", "assistants_message",
        "assistants_run",
    }  # fmt: skip
    for place in PLACES[1:]:
        assert any(found.startswith(place) for found in before), f"the control found nothing in {place}"

    assert services.erase(team.workspace.id, now=LATER - timedelta(seconds=1)) is False
    assert canary.search(team.word) == before
    assert services.erase(team.workspace.id, now=LATER) is True

    # The last mail still knows the name until it is sent.
    left = canary.search(team.word)
    assert {place.split(".")[1] for place in left} == {"accounts_mail"}, left
    mail = Mail.objects.get(key=f"workspace_deletion_done:{team.workspace.id}")
    assert mail.to == [team.owner.user.email]
    assert mails.send(mail.key)
    assert canary.search(team.word) == []


def test_what_stays_of_an_erased_workspace(team):
    with enter(team.workspace):
        factories.answer(factories.ask(team.owner.member).run)
    schedule(team)
    services.erase(team.workspace.id, now=LATER)
    workspace_id = team.workspace.id
    assert not Workspace.objects.filter(id=workspace_id).exists()
    assert not schema_exists(team)
    with pytest.raises(WorkspaceNotFound), workspace_scope(workspace_id, allow_suspended=True):
        pass
    assert Receipt.objects.filter(workspace_id=workspace_id).count() == 1
    assert LedgerEntry.objects.filter(workspace_id=workspace_id).count() == 1
    erasure = Erasure.objects.get(workspace_id=workspace_id)
    assert (erasure.done, erasure.farewell) == (STEPS, {})
    assert erasure.finished_at is not None
    assert AuditEntry.objects.filter(workspace_id=workspace_id).latest("id").action == "workspace.erased"
    assert not SealingKey.objects.filter(ref=workspace_id).exists()
    created = AuditEntry.objects.get(workspace_id=workspace_id, action="workspace.created")
    assert sealing.unseal([(workspace_id, part["text"]) for part in created.sealed]) == [None]
    assert redis_keys(str(workspace_id)) == redis_keys(team.schema) == []


def test_its_logs_go_on_to_be_numbered_and_verify(team):
    from usage.receipts import examination

    with enter(team.workspace):
        factories.answer(factories.ask(team.owner.member).run)
    schedule(team)
    services.erase(team.workspace.id, now=LATER)
    for kind in LogKind:
        receipts.sequence(team.workspace.id, kind)
        verdicts = examination.examine_whole(team.workspace.id, kind)
        assert verdicts.integrity.holds, kind
        assert verdicts.completeness.holds, kind


def test_its_address_is_reserved_and_its_people_stay(team):
    other = factories.make_workspace(team.owner.user)
    FormerSlug.objects.create(slug=f"{team.word}-was", workspace_id=team.workspace.id)
    schedule(team)
    services.erase(team.workspace.id, now=LATER)
    assert [row.workspace_id for row in Membership.objects.filter(user=team.owner.user)] == [other.id]
    for slug in (team.word, f"{team.word}-was"):
        with pytest.raises(slugs.SlugRefused):
            tenants_services.create_workspace(name="Next", slug=slug, actor=SYSTEM)


def test_erasing_twice_and_of_what_is_not_there(team):
    schedule(team)
    assert services.erase(team.workspace.id, now=LATER)
    entries = AuditEntry.objects.filter(workspace_id=team.workspace.id).count()
    assert services.erase(team.workspace.id, now=LATER)
    assert AuditEntry.objects.filter(workspace_id=team.workspace.id).count() == entries
    assert services.erase(uuid4(), now=LATER) is False


@pytest.mark.parametrize("state", ["active", "archived", "suspended"])
def test_what_nobody_scheduled_is_never_erased(team, state):
    Workspace.objects.filter(id=team.workspace.id).update(state=state)
    assert services.erase(team.workspace.id, now=LATER) is False
    assert schema_exists(team)
    Workspace.objects.filter(id=team.workspace.id).update(state="active")


def test_undoing_and_erasing_at_the_same_moment_do_not_both_happen(team):
    schedule(team)

    def act(number: int) -> str:
        if number % 2:
            services.undo_deletion(workspace_id=team.workspace.id, actor=SYSTEM, now=NOW)
            return "undone"
        return "begun" if erasing.begin(team.workspace.id, LATER) else "late"

    undone, begun = sorted(str(result) for result in factories.at_once(2, act))[::-1]
    state = Workspace.objects.get(id=team.workspace.id).state
    if undone == "undone":
        assert (begun, state, Erasure.objects.filter(workspace_id=team.workspace.id).count()) == (
            "late",
            "active",
            0,
        )
    else:
        assert Erasure.objects.filter(workspace_id=team.workspace.id).count() == 1
        assert state == "deleting"


def test_what_was_begun_cannot_be_undone_whatever_the_clock_says(team):
    schedule(team)
    assert erasing.begin(team.workspace.id, LATER)
    with pytest.raises(services.DeletionBegun):
        services.undo_deletion(workspace_id=team.workspace.id, actor=SYSTEM, now=NOW)


# killed at any point


def state_after(team: Team) -> dict:
    """What must be the same however often the work was cut off."""
    workspace_id = team.workspace.id
    return {
        "workspace": Workspace.objects.filter(id=workspace_id).exists(),
        "schema": schema_exists(team),
        "files": leftovers.inventory_of(workspace_id)[0].count,
        "keys": redis_keys(str(workspace_id)) + redis_keys(team.schema),
        "queue": tasks_about(team),
        "done": Erasure.objects.get(workspace_id=workspace_id).done,
        "farewell": Erasure.objects.get(workspace_id=workspace_id).farewell,
        "mails": Mail.objects.filter(key=f"workspace_deletion_done:{workspace_id}").count(),
        "entries": AuditEntry.objects.filter(workspace_id=workspace_id, action="workspace.erased").count(),
        "members": Membership.objects.filter(workspace_id=workspace_id).count(),
        "receipts": Receipt.objects.filter(workspace_id=workspace_id).count(),
    }


CLEAN = {
    "workspace": False, "schema": False, "files": 0, "keys": [],
    # Only the last mail, which is owed at the very end.
    "queue": ["accounts.tasks.send_mail"], "done": STEPS, "farewell": {}, "mails": 1,
    "entries": 1, "members": 0, "receipts": 1,
}  # fmt: skip


def die_in_a_child(work) -> None:
    """A worker of its own, killed by itself without a word. What fails before that says why."""
    connection.close()
    connection.close_pool()
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001  whatever it was
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)  # it should have been killed by now
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child ended by itself: {status}"
    assert os.WTERMSIG(status) == signal.SIGKILL


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.crash
@pytest.mark.parametrize("when", ["in", "after"])
@pytest.mark.parametrize("name", STEPS)
def test_killed_at_each_step_it_goes_on_and_ends_the_same(team, monkeypatch, name, when):
    """`in`: the step is done and not noted yet. `after`: it is noted, and the next one is not begun."""
    fill(team)
    schedule(team)
    with monkeypatch.context() as patch:
        note = erasing._note

        def noting(erasure, step, counts):
            if step.name == name and when == "in":
                kill()
            note(erasure, step, counts)
            if step.name == name:
                kill()

        patch.setattr(erasing, "_note", noting)
        die_in_a_child(lambda: services.erase(team.workspace.id, now=LATER))
    assert name in STEPS[len(Erasure.objects.get(workspace_id=team.workspace.id).done) - (when == "after") :]
    assert team.workspace.id in queries.list_due(now=LATER)

    assert services.erase(team.workspace.id, now=LATER)

    assert state_after(team) == CLEAN
    assert team.workspace.id not in queries.list_due(now=LATER)


@pytest.mark.crash
def test_killed_before_the_end_is_written_it_tells_the_owners_once(team, monkeypatch):
    fill(team)
    schedule(team)
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_finish", kill)
        die_in_a_child(lambda: services.erase(team.workspace.id, now=LATER))
    assert services.erase(team.workspace.id, now=LATER)
    assert state_after(team) == CLEAN


def test_two_workers_do_not_erase_the_same_workspace_at_once(team):
    schedule(team)
    results = factories.at_once(4, lambda _: services.erase(team.workspace.id, now=LATER))
    assert set(results) <= {True, False}, results
    assert services.erase(team.workspace.id, now=LATER)
    assert AuditEntry.objects.filter(workspace_id=team.workspace.id, action="workspace.erased").count() == 1


# what runs


def test_run_that_a_worker_has_is_waited_for(team):
    with enter(team.workspace):
        run = factories.ask(team.owner.member).run
    claim = holds.claim(run.id)
    schedule(team)
    assert services.erase(team.workspace.id, now=LATER) is False
    assert Erasure.objects.get(workspace_id=team.workspace.id).done == []
    assert Hold.objects.get(id=run.id).stop_reason == "workspace_deleting"
    with enter(team.workspace), transaction.atomic():
        holds.release(run.id, attempt=claim.attempt, reason="test")
    assert services.erase(team.workspace.id, now=LATER) is True


def test_runs_that_nobody_has_are_ended_and_charged_for_what_was_said(team):
    with enter(team.workspace):
        queued, lost = factories.ask(team.owner.member).run, factories.ask(team.owner.member).run
        claim = holds.claim(lost.id)
        Run.objects.filter(id=lost.id).update(attempt=claim.attempt, state="running", text="Half an answer")
        Hold.objects.filter(id=lost.id).update(lease_expires_at=NOW - timedelta(seconds=1))
    schedule(team)
    assert services.erase(team.workspace.id, now=LATER)
    found = {
        hold.id: (hold.state, hold.release_reason)
        for hold in Hold.objects.filter(id__in=[queued.id, lost.id])
    }
    assert found == {queued.id: ("released", "workspace_deleting"), lost.id: ("settled", "")}
    assert Receipt.objects.filter(hold_id=lost.id).count() == 1


def test_late_message_of_an_erased_workspace_does_no_harm(team):
    with enter(team.workspace):
        run = factories.ask(team.owner.member).run
    schedule(team)
    services.erase(team.workspace.id, now=LATER)
    turns.execute(workspace_id=team.workspace.id, run_id=run.id)
    usage_tasks.sweep_leases()
    usage_tasks.mail_checkpoints(workspace_id=str(team.workspace.id))
    assert Hold.objects.get(id=run.id).state == "released"


def test_only_its_own_queue_entries_and_keys_are_taken(team, acme):
    client = redis_clients.client()
    theirs = {"workspace_id": str(acme.id), "kind": "audit"}
    usage_tasks.sequence_log.apply_async(kwargs=theirs)
    usage_tasks.sequence_log.apply_async(kwargs={**theirs, "workspace_id": str(team.workspace.id)})
    with enter(acme):
        cache.set("theirs", "kept", 600)
    count = client.llen("default")
    schedule(team)
    ours = leftovers.purge_queue(team.workspace.id)
    assert ours >= 1
    services.erase(team.workspace.id, now=LATER)
    assert client.llen("default") >= count - ours
    assert leftovers.purge_queue(acme.id) >= 1
    with enter(acme):
        assert cache.get("theirs") == "kept"


def test_only_a_schema_of_a_workspace_is_ever_dropped(committed):
    stray = Erasure(workspace_id=uuid4(), schema_name="public", begun_at=NOW)
    with pytest.raises(RuntimeError):
        erasing._drop(stray)
