"""Projects: who manages them, who is in them, what their instructions do, what erasing their owner does."""

import pytest
from django.utils import timezone

from assistants.library import services as library_services
from assistants.models import Conversation, Document, Project, ProjectMember
from assistants.projects import personal_data, queries, services
from assistants.prompting import builder
from assistants.prompting.types import Ask
from config import errors
from config.personal import Subject
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories, library


@pytest.fixture
def project(in_acme, owner, member) -> Project:
    made = services.create(member=owner.member, name="Launch", instructions="Say it in one sentence.")
    services.add_member(member=owner.member, project=made, user_id=member.user.id)
    return made


def test_its_owner_manages_it_and_its_members_do_not(project, owner, member, admin) -> None:
    attempts = (
        lambda who: services.edit(member=who, project=project, changes={"name": "Taken"}),
        lambda who: services.set_archived(member=who, project=project, is_archived=True),
        lambda who: services.add_member(member=who, project=project, user_id=admin.user.id),
        lambda who: services.remove_member(member=who, project=project, user_id=owner.user.id),
    )
    for attempt in attempts:
        with pytest.raises(services.NotProjectOwner):
            attempt(member.member)
    project.refresh_from_db()
    assert (project.name, project.archived_at) == ("Launch", None)
    assert queries.list_person_ids(project) == [owner.user.id, member.user.id]
    services.edit(
        member=owner.member,
        project=project,
        changes={"name": "Landing", "instructions": project.instructions},
    )
    entry = AuditEntry.objects.get(action="project.edited", target_id=str(project.id))
    assert entry.data["fields"] == ["name"]


def test_only_people_of_the_workspace_can_be_in_it(project, owner, globex_owner) -> None:
    with pytest.raises(services.NotInWorkspace):
        services.add_member(member=owner.member, project=project, user_id=globex_owner.user.id)
    assert ProjectMember.objects.filter(project=project).count() == 1


def test_adding_twice_is_adding_once_and_leaving_ends_the_sight(project, owner, member) -> None:
    services.add_member(member=owner.member, project=project, user_id=member.user.id)
    assert AuditEntry.objects.filter(action="project.member_added", target_id=str(project.id)).count() == 1
    talk = library.talk(owner.member, "In it", "A question", project=project)
    assert talk in queries_of(member)
    services.remove_member(member=member.member, project=project, user_id=member.user.id)
    assert talk not in queries_of(member)
    with pytest.raises(errors.NotFound):
        queries.access_project(member.member, project.id)
    with pytest.raises(services.OwnerStays):
        services.remove_member(member=owner.member, project=project, user_id=owner.user.id)


def queries_of(person):
    from assistants.chat import queries as chat

    return chat.visible_to(person.member)


def test_the_log_names_nobody_in_the_clear(project, member) -> None:
    entry = AuditEntry.objects.get(action="project.member_added", target_id=str(project.id))
    assert str(member.user.id) not in str(entry.data) + entry.target_id
    assert member.user.name not in str(entry.data)


def test_instructions_are_a_trusted_part_of_the_prompt_within_what_was_reserved(project, owner) -> None:
    turn = factories.ask(owner.member)
    plain = Ask(owner.user.id, turn.conversation.assistant, turn.conversation, turn.answer, "x")
    assert "Say it in one sentence." not in str(builder.build(plain).messages)
    Conversation.objects.filter(id=turn.conversation.id).update(project=project)
    row = Conversation.objects.select_related("assistant").get(id=turn.conversation.id)
    ask = Ask(owner.user.id, row.assistant, row, turn.answer, "x")
    system = builder.build(ask).messages[0]["content"]
    assert "Say it in one sentence." in system
    assert "<data" not in system
    noted = factories.tokens_of(builder.DATA_NOTE)
    assert builder.draft(ask).reserved_tokens == factories.tokens_of("Say it in one sentence.") + noted


def test_a_conversation_moves_in_and_out_and_the_log_tells(project, owner, member) -> None:
    talk = library.talk(owner.member, "Moves")
    library_services.move(member=owner.member, conversation=talk, project=project)
    assert talk in queries_of(member)
    talk.refresh_from_db()
    library_services.move(member=owner.member, conversation=talk, project=None)
    assert talk not in queries_of(member)
    assert AuditEntry.objects.filter(action="conversation.moved", target_id=str(talk.id)).count() == 2


def test_a_member_goes_on_in_a_colleagues_conversation(project, owner, member) -> None:
    from assistants.chat import queries as chat
    from assistants.chat import services as chat_services

    turn = factories.ask(owner.member)
    factories.answer(turn.run)
    Conversation.objects.filter(id=turn.conversation.id).update(project=project)
    row = chat.access_conversation(member.member, turn.conversation.id)
    second = chat_services.send_message(
        member=member.member, conversation=row, text="And mine?", parent_id=row.current_leaf_id
    )
    assert second.run.owner_id == member.user.id
    assert chat.access_run(owner.member, second.run.id) == second.run


# erasing a person


def test_a_project_with_others_goes_on_without_its_owner(project, owner, member) -> None:
    assert personal_data._erase_projects(Subject(owner.user.id, None)) == 1
    project.refresh_from_db()
    assert project.owner_id == member.user.id
    assert queries.list_person_ids(project) == [member.user.id]


def test_a_project_without_others_goes_and_its_files_stay_with_whoever_gave_them(
    in_acme, owner, member
) -> None:
    alone = services.create(member=owner.member, name="Alone")
    now = timezone.now()
    file = Document.objects.create(
        owner_id=member.user.id, project=alone, name="n", media_type="m", size_bytes=1, sha256="s", file="f",
        created_at=now, updated_at=now,
    )  # fmt: skip
    talk = library.talk(owner.member, "In it", project=alone)
    personal_data._erase_projects(Subject(owner.user.id, None))
    assert not Project.objects.filter(id=alone.id).exists()
    file.refresh_from_db()
    talk.refresh_from_db()
    assert (file.project_id, talk.project_id) == (None, None)


# pages


def test_pages_make_show_and_change_a_project(acme, owner, member, db) -> None:
    client = owner.browser()
    refused = client.post("/w/acme/projects/new/", {"name": "", "instructions": "Kept as typed"})
    assert refused.status_code == 422
    assert "Kept as typed" in refused.content.decode()
    made = client.post("/w/acme/projects/new/", {"name": "Paged", "instructions": "Shortly."})
    address = made["Location"]
    assert "Shortly." in client.get(address).content.decode()
    added = client.post(f"{address}members/add/", {"person": str(member.user.id)})
    assert added.status_code == 302
    page = member.browser().get(address)
    assert (page.status_code, [person.name for person in page.context["people"]]) == (
        200,
        [owner.user.name, member.user.name],
    )
    assert member.browser().get(f"{address}edit/").status_code == 403
    client.post(f"{address}archive/", {"archived": "1"})
    with workspace_scope(acme.id):
        row = Project.objects.get(name="Paged")
        assert row.archived_at is not None
    assert client.get("/w/acme/projects/").context["projects"] == []
    assert [entry.name for entry in client.get("/w/acme/projects/?show=archived").context["projects"]] == [
        "Paged"
    ]


def test_lists_of_projects_cost_the_same_with_2_and_20(in_acme, owner, assert_queries) -> None:
    for number in range(2):
        services.create(member=owner.member, name=f"P{number}")
    with assert_queries(1):
        queries.list_projects(owner.member)
    for number in range(18):
        services.create(member=owner.member, name=f"Q{number}")
    with assert_queries(1):
        assert len(queries.list_projects(owner.member)) == 20
