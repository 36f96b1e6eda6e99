"""Conversations that are older than their workspace keeps them go, with texts and salts; receipts stay and verify."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from assistants.chat import services as chat
from assistants.models import Conversation, Message, Run
from assistants.retention import services, tasks
from assistants.retention.queries import Due
from assistants.runs import endings
from config import errors
from config import redis as redis_clients
from tenants import keys
from tenants.models import AuditEntry, Workspace
from tenants.scope import enter
from tests import canary, factories
from usage.models import LedgerEntry, Receipt
from usage.receipts import services as receipts
from usage.receipts import verify

NOW = timezone.now()
DAYS = 30


@pytest.fixture
def team(db):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    Workspace.objects.filter(id=workspace.id).update(retention_days=DAYS)
    return factories.Person(user, workspace, factories.member_of(workspace, user))


def aged(conversation: Conversation, days: int) -> Conversation:
    """As if all of it had been said so many days ago."""
    at = NOW - timedelta(days=days)
    Conversation.objects.filter(id=conversation.id).update(updated_at=at)
    runs = Run.objects.filter(message__conversation_id=conversation.id)
    runs.update(created_at=at)
    runs.exclude(finished_at=None).update(finished_at=at)
    return conversation


def talk(team, days: int, text: str = "What is a hold?") -> Conversation:
    turn = factories.ask(team.member, text)
    factories.answer(turn.run, f"About: {text}")
    return aged(turn.conversation, days)


def call(team, days: int, text: str = "By a program") -> Run:
    """A run without a conversation."""
    turn = factories.ask(team.member, text)
    run = factories.answer(turn.run, text)
    at = NOW - timedelta(days=days)
    Run.objects.filter(id=run.id).update(message=None, request={"messages": [text]}, finished_at=at)
    turn.conversation.delete()
    return run


def apply(team, **options) -> Due:
    return services.apply(team.workspace.id, now=NOW, **options)


def left(team) -> list[int]:
    with enter(team.workspace):
        return [model.objects.count() for model in (Conversation, Message, Run)]


def applied(team) -> list[dict]:
    rows = AuditEntry.objects.filter(workspace_id=team.workspace.id, action="retention.applied")
    return [row.data for row in rows.order_by("id")]


def test_what_is_older_goes_and_the_rest_stays(team):
    with enter(team.workspace):
        talk(team, DAYS + 1)
        young = talk(team, DAYS - 1)
        call(team, DAYS + 1)
        call(team, DAYS - 1)
    assert apply(team) == Due(conversations=1, calls=1)
    with enter(team.workspace):
        assert [row.id for row in Conversation.objects.all()] == [young.id]
        assert {row.message_id is None for row in Run.objects.all()} == {True, False}
    assert left(team) == [1, 2, 2]
    (entry,) = applied(team)
    assert (entry["conversations"], entry["calls"]) == (1, 1)
    assert apply(team) == Due(0, 0)
    assert len(applied(team)) == 1


def test_the_text_is_gone_from_everywhere_and_the_receipt_still_verifies(team):
    word = canary.new_canary()
    with enter(team.workspace):
        conversation = talk(team, DAYS + 1, f"What is {word}?")
        run = Run.objects.get(message__conversation_id=conversation.id)
        salt = bytes(run.salt)
        endings.announce(team.workspace.id, run)
    receipt = Receipt.objects.get(hold_id=run.id)
    before = canary.search(word)
    assert {place.split(".")[1] for place in before if place.startswith("ws_")} == {
        "assistants_conversation", "assistants_message", "assistants_run",
    }  # fmt: skip
    assert any(place.startswith("redis value of b'stream:") for place in before)

    with transaction.atomic():
        apply(team)
    redis_clients.client().unlink(keys.stream_key(team.workspace.id, run.id))

    assert canary.search(word) == []
    with enter(team.workspace):
        assert not Run.objects.filter(salt=salt).exists()
    document = json.dumps(receipts.document(receipt.id), ensure_ascii=False)
    assert verify.verify([document], verify.Report()).problems == []
    altered = document.replace(receipt.model, "another-model")
    assert verify.verify([altered], verify.Report()).problems != []
    assert LedgerEntry.objects.filter(hold_id=run.id).count() == 1


def test_streams_of_erased_runs_go_after_the_commit(team, django_capture_on_commit_callbacks):
    with enter(team.workspace):
        conversation = talk(team, DAYS + 1)
        run = Run.objects.get(message__conversation_id=conversation.id)
        endings.announce(team.workspace.id, run)
    key = keys.stream_key(team.workspace.id, run.id)
    assert redis_clients.client().exists(key) == 1
    with django_capture_on_commit_callbacks(execute=True):
        apply(team)
    assert redis_clients.client().exists(key) == 0


def test_what_is_being_written_is_left(team):
    with enter(team.workspace):
        turn = factories.ask(team.member)
        aged(turn.conversation, DAYS + 5)
    assert apply(team) == Due(0, 0)
    with enter(team.workspace):
        factories.answer(turn.run)
    # It was answered just now: that is its last activity.
    assert apply(team) == Due(0, 0)
    assert left(team) == [1, 2, 1]


def test_whoever_writes_into_it_at_that_moment_keeps_it(committed):
    """A rival has locked the row: it is skipped, and not waited for."""
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    Workspace.objects.filter(id=workspace.id).update(retention_days=DAYS)
    team = factories.Person(user, workspace, factories.member_of(workspace, user))
    with enter(workspace):
        kept = talk(team, DAYS + 1)
        talk(team, DAYS + 1)

    with enter(workspace), transaction.atomic():
        Conversation.objects.select_for_update().get(id=kept.id)
        found = _elsewhere(lambda: services.apply(workspace.id, now=NOW))
    assert found.conversations == 1
    with enter(workspace):
        assert [row.id for row in Conversation.objects.all()] == [kept.id]


def _elsewhere(work: Callable[[], Due]) -> Due:
    """In another thread, with a connection of its own."""

    def begin():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(begin).result(timeout=30)


def test_question_into_an_erased_conversation_is_refused_in_words(team):
    with enter(team.workspace):
        conversation = talk(team, DAYS + 1)
    apply(team)
    with enter(team.workspace), pytest.raises(errors.NotFound):
        chat.send_message(member=team.member, conversation=conversation, text="And?", parent_id=None)


def test_branches_go_with_their_conversation(team):
    with enter(team.workspace):
        turn = factories.ask(team.member)
        factories.answer(turn.run)
        other = chat.regenerate(member=team.member, answer=turn.answer)
        factories.answer(other.run)
        again = chat.edit_question(member=team.member, question=turn.question, text="In other words?")
        factories.answer(again.run)
        aged(turn.conversation, DAYS + 1)
    assert left(team) == [1, 5, 3]
    apply(team)
    assert left(team) == [0, 0, 0]


def test_many_go_in_batches_with_one_entry(team, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    with enter(team.workspace):
        for _ in range(5):
            talk(team, DAYS + 1)
        for _ in range(3):
            call(team, DAYS + 1)
    said = []
    assert apply(team, write=said.append) == Due(5, 3)
    assert said == [f"{count} of 5 conversations erased" for count in (2, 4, 5)]
    assert left(team) == [0, 0, 0]
    (entry,) = applied(team)
    assert (entry["conversations"], entry["calls"]) == (5, 3)


@pytest.mark.parametrize(
    ("state", "is_applied"), [("active", True), ("suspended", True), ("archived", True), ("deleting", False)]
)
def test_which_states_it_is_applied_in(team, state, is_applied):
    with enter(team.workspace):
        talk(team, DAYS + 1)
    fields = {"delete_at": NOW} if state == "deleting" else {}
    Workspace.objects.filter(id=team.workspace.id).update(state=state, **fields)
    assert (team.workspace.id in services.list_workspaces()) is is_applied
    assert apply(team).conversations == is_applied


def test_workspace_that_keeps_everything(team):
    Workspace.objects.filter(id=team.workspace.id).update(retention_days=None)
    with enter(team.workspace):
        talk(team, 5000)
    assert team.workspace.id not in services.list_workspaces()
    assert apply(team) == Due(0, 0)
    assert left(team) == [1, 2, 1]


def test_nightly_task_wakes_one_for_each(team, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.apply_retention_in, "delay", lambda **ids: woken.append(ids))
    tasks.apply_retention()
    assert {"workspace_id": str(team.workspace.id)} in woken


def test_command_says_what_it_would_do_and_does_it(team):
    with enter(team.workspace):
        talk(team, DAYS + 1)
    slug = team.workspace.slug

    def run(*options: str) -> list[str]:
        out = StringIO()
        call_command("erase_old_conversations", "--workspace", slug, *options, stdout=out)
        return out.getvalue().splitlines()

    looked = "1 workspaces looked at"
    assert run("--dry-run") == [f"{slug}: 1 conversations and 0 calls would be erased", looked]
    assert left(team) == [1, 2, 1]
    assert applied(team) == []
    assert run() == ["1 of 1 conversations erased", f"{slug}: 1 conversations and 0 calls erased", looked]
    assert left(team) == [0, 0, 0]
