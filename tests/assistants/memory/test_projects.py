"""Where others read too nothing personal is recalled or noted; what somebody else asks is never its owner’s."""

import pytest
from django.utils import timezone

from assistants.chat import services as chat
from assistants.memory import extraction, queries, services
from assistants.models import Conversation, Project, ProjectMember
from assistants.prompting import builder
from assistants.prompting.types import Ask
from assistants.tools import lookups
from assistants.tools.types import ToolContext
from tests.factories import answer, ask


@pytest.fixture
def talk(in_acme, owner) -> Conversation:
    """The owner's, in a project of their own; memory knows something of them and something for all."""
    services.remember(member=owner.member, layer="semantic", text="My editor is Helix.")
    services.remember(member=owner.member, layer="shared", text="The company’s editor is Zed.")
    now = timezone.now()
    project = Project.objects.create(name="Launch", owner_id=owner.user.id, created_at=now, updated_at=now)
    turn = ask(owner.member, "I moved to Porto.", choices=chat.Choices(project=project))
    answer(turn.run, "Nice.")
    return turn.conversation


def join(talk, person) -> None:
    ProjectMember.objects.create(project=talk.project, user_id=person.user.id, created_at=timezone.now())


def prompt(talk, who, text="Which editor do I use?") -> str:
    turn = chat.send_message(member=who.member, conversation=talk, text=text, parent_id=None)
    made = builder.build(Ask(who.user.id, talk.assistant, talk, turn.answer, text))
    answer(turn.run, "Noted.")
    return made.messages[0]["content"]


def test_personal_memory_is_silent_where_others_read(talk, owner, member):
    alone = prompt(talk, owner)
    assert "Helix" in alone
    assert "Zed" in alone, "the control: alone in it both are recalled"
    join(talk, member)
    together = prompt(talk, owner)
    assert "Helix" not in together
    assert "Zed" in together


def test_nothing_is_noted_where_others_read(talk, member):
    newest = talk.messages.filter(role="assistant").get()
    assert len(extraction.look_back(answer_id=newest.id)) == 1, "the control"
    talk.messages.filter(role="assistant").get().runs.update(state="done")
    join(talk, member)
    assert queries.others_read(Conversation.objects.get(id=talk.id))
    assert extraction.look_back(answer_id=newest.id) == []


def test_a_question_of_another_is_not_read_as_the_owners(talk, owner, member):
    join(talk, member)
    prompt(talk, member, "I live in Lyon.")
    ProjectMember.objects.all().delete()
    newest = talk.messages.filter(role="assistant").order_by("-created_at")[0]
    (reading,) = extraction.look_back(answer_id=newest.id)
    said = reading.request["messages"][1]["content"]
    assert ("I moved to Porto." in said, "I live in Lyon." in said) == (True, False)


def test_the_tool_tells_nothing_personal_where_others_read(talk, owner, member):
    def found() -> str:
        conversation = Conversation.objects.select_related("assistant").get(id=talk.id)
        return lookups.MEMORY.run(
            ToolContext(
                workspace_id=owner.member.workspace_id,
                person_id=owner.user.id,
                zone="UTC",
                assistant=conversation.assistant,
                conversation=conversation,
            ),
            {"query": "editor"},
        ).text

    assert ("Helix" in found(), "Zed" in found()) == (True, True), "the control"
    join(talk, member)
    assert ("Helix" in found(), "Zed" in found()) == (False, True)
