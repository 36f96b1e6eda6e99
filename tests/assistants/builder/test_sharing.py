"""Who may use an assistant: its maker alone, chosen members, everybody. Nobody else finds out that it exists."""

import pytest

from assistants.builder import queries, services
from assistants.builder.refusals import (
    AssistantArchived,
    AssistantRefused,
    AssistantWithdrawn,
    SharingRefused,
)
from assistants.chat import services as chat_services
from assistants.models import Assistant, Run
from config import errors, personal
from tenants.scope import workspace_scope
from tests import factories

FORM = {
    "name": "Diary", "description": "", "instructions": "SECRET-words", "model": "gpt-4o-mini", "temperature": "0.7",
    "max_output_tokens": "2048", "uses_memory": "on",
}  # fmt: skip


@pytest.fixture
def private(in_acme, member) -> Assistant:
    return factories.make_assistant(
        member.member, "Diary", visibility="person", instructions="SECRET-words", starters=["SECRET-starter"]
    )


def names(person) -> list[str]:
    return [row.name for row in queries.list_assistants(person.member)]


def share(person, assistant, visibility: str, *members) -> None:
    changes = {"visibility": visibility, "members": {each.user.id for each in members}}
    services.edit_assistant(member=person.member, assistant=assistant, changes=changes)


def test_private_assistant_is_its_makers_whatever_the_others_role(private, owner, admin, member, viewer):
    assert "Diary" in names(member)
    for other in (owner, admin, viewer):
        assert "Diary" not in names(other)
        with pytest.raises(errors.NotFound):
            queries.access_any(other.member, private.id)


def test_chosen_members_may_use_it_and_nobody_else(private, owner, admin, member, viewer):
    share(member, private, "members", admin)
    assert ["Diary" in names(each) for each in (member, admin, owner, viewer)] == [True, True, False, False]
    share(member, private, "members", viewer)
    assert ["Diary" in names(each) for each in (member, admin, owner, viewer)] == [True, False, False, True]
    share(member, private, "workspace")
    assert all("Diary" in names(each) for each in (member, admin, owner, viewer))
    assert private.members.count() == 0, "a later choice of members begins anew"


def test_without_the_condition_everybody_would_see_it(private, owner, monkeypatch):
    """The control."""
    monkeypatch.setattr(queries, "_visible", lambda member: ~queries.Q(id=None))
    assert "Diary" in names(owner)


def test_no_page_and_no_api_of_others_tells_of_it(db, acme, owner, member):
    with workspace_scope(acme.id):
        made = factories.make_assistant(
            member.member,
            "Diary",
            visibility="person",
            instructions="SECRET-words",
            starters=["SECRET-starter"],
        )
        version = made.versions.get().id
    one = f"/w/acme/assistants/{made.id}/"
    pages = [one, f"{one}versions/", f"{one}compare/", f"{one}avatar/", f"/w/acme/chat/?assistant={made.id}"]
    acts = [
        one, f"{one}duplicate/", f"{one}archive/", f"{one}unarchive/", f"{one}unpin/", f"{one}limits/",
        f"{one}avatar/change/", f"{one}versions/{version}/restore/", f"{one}versions/{version}/pin/",
    ]  # fmt: skip
    found = owner.browser()
    assert {found.get(path).status_code for path in pages} == {404}
    assert {found.post(path, FORM).status_code for path in acts} == {404}
    assert found.post("/w/acme/assistants/test/", FORM | {"assistant": made.id}).status_code == 404
    key = factories.with_key(factories.make_key(owner.member))
    shown = ("", "assistants/", "chat/", "usage/limits/", "usage/stops/")
    everything = [found.get(f"/w/acme/{path}").content.decode() for path in shown]
    everything += [key.get(path).content.decode() for path in ("/api/v1/assistants", "/v1/models")]
    assert not any("Diary" in text or "SECRET" in text or str(made.id) in text for text in everything)
    # The control: its maker finds it.
    mine = member.browser()
    assert "SECRET-words" in mine.get(one).content.decode()
    assert "SECRET-starter" in mine.get(f"/w/acme/chat/?assistant={made.id}").content.decode()


def test_reports_of_admins_do_not_name_it(private, in_acme, member):
    shared = factories.make_assistant(member.member, "Shared")
    assert queries.names_of(ids=[private.id, shared.id]) == {private.id: queries.PRIVATE, shared.id: "Shared"}
    assert "Diary" not in queries.names_of(ids=None).values()


# who may change it


def test_only_the_maker_or_an_admin_changes_who_may_use_it(in_acme, owner, admin, member):
    colleague = factories.join(owner.workspace, factories.make_user(), "member")
    made = factories.make_assistant(member.member, "Shared")
    with pytest.raises(SharingRefused):
        services.edit_assistant(member=colleague, assistant=made, changes={"visibility": "members"})
    services.edit_assistant(member=colleague, assistant=made, changes={"instructions": "Better."})
    share(admin, made, "members", owner)
    chosen = {row.user_id for row in made.members.all()}
    assert chosen == {owner.user.id, admin.user.id}, "who chooses others keeps it in sight"
    assert "Shared" in names(member), "and its maker always does"


def test_nobody_but_the_maker_keeps_it_to_themselves(in_acme, admin, member):
    made = factories.make_assistant(member.member, "Shared")
    with pytest.raises(AssistantRefused) as refused:
        share(admin, made, "person")
    assert refused.value.data == {"field": "visibility"}
    first = queries.get_default_assistant(admin.member)
    with pytest.raises(AssistantRefused):
        share(admin, first, "person")
    assert Assistant.objects.filter(visibility="person").count() == 0


def test_members_are_of_the_workspace_and_at_least_one(private, member, globex_owner):
    for chosen in ([globex_owner], []):
        with pytest.raises(AssistantRefused) as refused:
            share(member, private, "members", *chosen)
        assert refused.value.data == {"field": "members"}
    assert Assistant.objects.get(id=private.id).visibility == "person"


def test_form_of_somebody_who_may_not_share_has_no_such_field(db, acme, owner, member):
    with workspace_scope(acme.id):
        colleague = factories.make_user()
        factories.join(acme, colleague, "member")
        made = factories.make_assistant(member.member, "Shared")
    browser = factories.sign_in(colleague)
    url = f"/w/acme/assistants/{made.id}/"
    assert 'name="visibility"' not in browser.get(url).content.decode()
    assert browser.post(url, FORM | {"visibility": "person"}).status_code == 302
    with workspace_scope(acme.id):
        row = Assistant.objects.get(id=made.id)
        assert (row.name, row.visibility) == ("Diary", "workspace")


# a conversation outlives the right to ask


def conversation_with(person, assistant):
    turn = factories.ask(person.member, assistant=assistant)
    factories.answer(turn.run)
    return turn


def ask_on(person, turn):
    return chat_services.send_message(
        member=person.member, conversation=turn.conversation, text="And?", parent_id=turn.answer.id
    )


@pytest.mark.parametrize(
    ("visibility", "refusal"), [("person", AssistantWithdrawn), ("members", AssistantWithdrawn)]
)
def test_talk_with_a_withdrawn_assistant_is_read_and_not_continued(
    in_acme, admin, member, owner, visibility, refusal
):
    made = factories.make_assistant(member.member, "Shared")
    turn = conversation_with(owner, made)
    share(member, made, visibility, admin)
    turn.conversation.assistant.refresh_from_db()
    with pytest.raises(refusal):
        ask_on(owner, turn)
    assert Run.objects.count() == 1
    share(member, made, "members", owner)  # the control: chosen again, it answers again
    turn.conversation.assistant.refresh_from_db()
    assert ask_on(owner, turn).run is not None


def test_talk_with_an_archived_assistant_is_read_and_not_continued(in_acme, member, owner):
    made = factories.make_assistant(member.member, "Shared")
    turn = conversation_with(owner, made)
    services.archive_assistant(member=member.member, assistant=made)
    turn.conversation.assistant.refresh_from_db()
    with pytest.raises(AssistantArchived):
        ask_on(owner, turn)
    services.unarchive_assistant(member=member.member, assistant=made)
    turn.conversation.assistant.refresh_from_db()
    assert ask_on(owner, turn).run is not None


def test_asking_whether_it_may_be_used_costs_a_query_only_where_members_were_chosen(
    private, member, admin, assert_queries
):
    shared = factories.make_assistant(member.member, "Shared")
    with assert_queries(0):
        queries.require_usable(admin.member, shared)
        queries.require_usable(member.member, private)
    share(member, private, "members", admin)
    private.refresh_from_db()
    with assert_queries(1):
        queries.require_usable(admin.member, private)


# when a person goes


def test_erasing_its_maker_erases_what_only_they_could_use(in_acme, member, admin):
    subject = personal.Subject(user_id=member.user.id, ref=member.member.person_ref)
    alone = factories.make_assistant(member.member, "Alone", visibility="person", instructions="SECRET")
    shared = factories.make_assistant(member.member, "Shared", instructions="Stays.")
    talked = factories.make_assistant(member.member, "Talked", instructions="SECRET")
    conversation_with(admin, talked)
    share(member, talked, "person")
    share(admin, shared, "members", member)
    holding = next(each for each in personal.all_holdings() if each.model == "assistants.Assistant")
    assert holding.person.erase(subject) == 3
    assert not Assistant.objects.filter(id=alone.id).exists()
    rows = {row.id: row for row in Assistant.objects.filter(id__in=[shared.id, talked.id])}
    assert (rows[shared.id].instructions, rows[shared.id].created_by_id) == ("Stays.", None)
    kept = rows[talked.id]
    assert (kept.name, kept.instructions, kept.archived_at is None) == ("A removed assistant", "", False)
    assert kept.versions.count() == 0
