"""A conversation is its owner's; a project's is its members' too. Nobody else's, whatever their role."""

import pytest
from django.utils import timezone

from assistants.chat import queries
from assistants.models import Conversation, Project, ProjectMember
from assistants.projects import queries as projects
from config import errors
from tests import factories


@pytest.fixture
def shared(in_acme, owner, member) -> Conversation:
    """The owner's, in the owner's project; the member is in it."""
    now = timezone.now()
    project = Project.objects.create(name="Launch", owner_id=owner.user.id, created_at=now, updated_at=now)
    ProjectMember.objects.create(project=project, user_id=member.user.id, created_at=now)
    conversation = factories.ask(owner.member).conversation
    Conversation.objects.filter(id=conversation.id).update(project=project)
    return Conversation.objects.get(id=conversation.id)


def test_a_project_shows_its_conversations_to_its_members_only(shared, owner, member, admin) -> None:
    seen = {name: shared in queries.visible_to(who.member) for name, who in _people(owner, member, admin)}
    assert seen == {"owner": True, "member": True, "admin": False}
    assert projects.access_project(member.member, shared.project_id).name == "Launch"
    for access in (
        lambda: projects.access_project(admin.member, shared.project_id),
        lambda: queries.access_conversation(admin.member, shared.id),
    ):
        with pytest.raises(errors.NotFound):
            access()


def test_without_the_project_it_is_the_owners_alone(shared, owner, member, admin) -> None:
    Conversation.objects.filter(id=shared.id).update(project=None)
    seen = {name: shared in queries.visible_to(who.member) for name, who in _people(owner, member, admin)}
    assert seen == {"owner": True, "member": False, "admin": False}


def test_what_was_deleted_is_hidden_from_everybody(shared, owner, member) -> None:
    Conversation.objects.filter(id=shared.id).update(deleted_at=timezone.now())
    for who in (owner, member):
        assert shared not in queries.visible_to(who.member)
        with pytest.raises(errors.NotFound):
            queries.access_conversation(who.member, shared.id)


def test_messages_and_runs_follow_their_conversation(shared, member, admin) -> None:
    answer = shared.messages.get(role="assistant")
    run = answer.runs.get()
    assert queries.access_message(member.member, shared.id, answer.id) == answer
    assert queries.access_run(member.member, run.id) == run
    for access in (
        lambda: queries.access_message(admin.member, shared.id, answer.id),
        lambda: queries.access_run(admin.member, run.id),
    ):
        with pytest.raises(errors.NotFound):
            access()


def _people(owner, member, admin):
    return (("owner", owner), ("member", member), ("admin", admin))
