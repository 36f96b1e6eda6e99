"""Runs that are ended before their end: by a person, an emergency stop, a deadline, or the end of access."""

import time
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import transaction

from accounts import services as accounts_services
from accounts.models import Membership
from assistants.runs import services as runs
from tenants.audit import SYSTEM
from tenants.lifecycle import services as lifecycle
from tenants.scope import enter
from tests import factories
from tests.assistants.books import SLOW, assert_charged, assert_ended, assert_not_charged
from tests.assistants.conftest import Stage
from usage import stops
from usage.holds import services as holds
from usage.models import Hold, Stop


def test_person_stops_a_running_answer_and_keeps_what_was_said(stage):
    turn = stage.ask(SLOW)
    finish = stage.begin(turn)
    runs.stop_run(workspace_id=stage.workspace.id, run=stage.reload(turn.run))
    played = finish()
    assert_ended(played, "stopped")
    assert played.run.text != ""
    assert [row["state"] for row in played.requests] == ["aborted"]
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=True)


def test_person_stops_a_queued_answer_at_once_without_a_worker(stage):
    turn = stage.ask("Count")
    with enter(stage.workspace):
        runs.stop_run(workspace_id=stage.workspace.id, run=turn.run)
    played = stage.result(turn.run)
    assert_ended(played, "stopped")
    assert_not_charged(played, "stopped")
    stage.execute(turn.run)
    assert stage.result(turn.run).requests == []


def test_stop_that_came_before_the_worker_is_obeyed_without_a_call(stage):
    turn = stage.ask("Count")
    with transaction.atomic():
        holds.request_stop(turn.run.id, reason="person")
    stage.execute(turn.run)
    played = stage.result(turn.run)
    assert_ended(played, "stopped")
    assert_not_charged(played, "stopped")
    assert played.requests == []


@pytest.fixture
def emergency():
    """Sets a stop; it is lifted whatever happens, since it is committed."""
    made = []

    def stop(scope: str, target: str) -> None:
        made.append(stops.set_stop(scope=Stop.Scope(scope), target=target, reason="incident", actor=SYSTEM))

    yield stop
    for row in made:
        stops.lift_stop(stop_id=row.id, actor=SYSTEM)


def test_emergency_stop_ends_a_running_answer_within_a_second_and_no_other(stage, emergency):
    with enter(stage.workspace):
        assistant = factories.make_assistant(stage.member, f"Stopped {uuid4().hex[:6]}")
    turn = stage.ask(SLOW, assistant=assistant)
    other = stage.ask("Go on\n/sim tokens=60 rate=40")
    finish, finish_other = stage.begin(turn), stage.begin(other)
    begun = time.monotonic()
    emergency("assistant", str(assistant.id))
    played = finish()
    assert time.monotonic() - begun < 3
    assert_ended(played, "failed", "emergency_stop")
    assert played.run.text != ""
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=True)
    assert_ended(finish_other(), "done")


def test_emergency_stop_that_came_while_it_was_queued_lets_no_call_out(stage, emergency):
    with enter(stage.workspace):
        assistant = factories.make_assistant(stage.member, f"Stopped {uuid4().hex[:6]}")
    turn = stage.ask("Count", assistant=assistant)
    emergency("assistant", str(assistant.id))
    stage.execute(turn.run)
    played = stage.result(turn.run)
    assert_ended(played, "failed", "emergency_stop")
    assert_not_charged(played, "emergency_stop")
    assert played.requests == []


def test_answer_that_takes_too_long_ends_with_what_was_said(stage, settings):
    settings.RUN_DEADLINE_S = 0.5
    played = stage.play(SLOW)
    assert_ended(played, "failed", "deadline")
    assert played.run.text != ""
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=True)


@pytest.fixture
def elsewhere(provider, engine) -> Stage:
    """A workspace of its own, for what would disturb others."""
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    return Stage(workspace, factories.member_of(workspace, user), provider, engine)


def test_member_who_is_removed_gets_no_more(elsewhere):
    user = factories.make_user()
    member = factories.join(elsewhere.workspace, user, Membership.Role.MEMBER)
    theirs = Stage(elsewhere.workspace, member, elsewhere.provider, elsewhere.engine)
    turn = theirs.ask(SLOW)
    finish = theirs.begin(turn)
    accounts_services.remove_member(
        membership_id=member.membership_id, workspace_id=elsewhere.workspace.id, actor=SYSTEM
    )
    assert_ended(finish(), "failed", "access_ended")


def test_suspended_workspace_ends_what_runs_and_calls_nobody_for_what_is_queued(elsewhere):
    running, queued = elsewhere.ask(SLOW), elsewhere.ask("Count")
    finish = elsewhere.begin(running)
    lifecycle.suspend(workspace_id=elsewhere.workspace.id, reason="unpaid", actor=SYSTEM)
    assert_ended(finish(), "failed", "workspace_suspended")
    elsewhere.execute(queued.run)
    played = elsewhere.result(queued.run)
    assert_ended(played, "failed", "workspace_suspended")
    assert_not_charged(played, "workspace_suspended")
    assert played.requests == []


@pytest.fixture
def keyed(elsewhere) -> Stage:
    """The same person, by an API key."""
    key, _ = accounts_services.create_api_key(member=elsewhere.member, name="Robot", scopes=["chat"])
    return Stage(
        elsewhere.workspace,
        replace(elsewhere.member, api_key_id=key.id),
        elsewhere.provider,
        elsewhere.engine,
    )


def test_revoked_key_ends_what_runs_for_it_and_nothing_else(elsewhere, keyed):
    theirs, queued, own = keyed.ask(SLOW), keyed.ask("Count"), elsewhere.ask("Go on\n/sim tokens=60 rate=40")
    finish, finish_own = keyed.begin(theirs), elsewhere.begin(own)
    begun = time.monotonic()
    accounts_services.revoke_api_key(member=elsewhere.member, key_id=keyed.member.api_key_id)
    played = finish()
    assert time.monotonic() - begun < 5
    assert_ended(played, "failed", "key_revoked")
    assert played.run.text != ""
    assert_charged(played, output_tokens=factories.tokens_of(played.run.text), is_estimated=True)
    keyed.execute(queued.run)
    played = keyed.result(queued.run)
    assert_ended(played, "failed", "key_revoked")
    assert_not_charged(played, "key_revoked")
    assert played.requests == []
    assert_ended(finish_own(), "done")


def test_revoked_key_ends_what_waits_for_it_at_once(elsewhere, keyed):
    factories.give_limits(elsewhere.workspace.id, ("messages", "day", 1))
    first = elsewhere.ask("Count")
    waiting = keyed.ask("Count")
    assert Hold.objects.get(id=waiting.run.id).state == "waiting"
    accounts_services.revoke_api_key(member=elsewhere.member, key_id=keyed.member.api_key_id)
    played = keyed.result(waiting.run)
    assert_ended(played, "failed", "key_revoked")
    assert_not_charged(played, "key_revoked")
    assert Hold.objects.get(id=first.run.id).state == "held"


def test_removed_member_waits_for_nothing_any_more(elsewhere):
    factories.give_limits(elsewhere.workspace.id, ("messages", "day", 1))
    elsewhere.ask("Count")
    member = factories.join(elsewhere.workspace, factories.make_user(), Membership.Role.MEMBER)
    theirs = Stage(elsewhere.workspace, member, elsewhere.provider, elsewhere.engine)
    waiting = theirs.ask("Count")
    accounts_services.remove_member(
        membership_id=member.membership_id, workspace_id=elsewhere.workspace.id, actor=SYSTEM
    )
    assert_ended(theirs.result(waiting.run), "failed", "access_ended")
