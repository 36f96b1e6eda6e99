"""The list of conversations: by key set, filtered, at one cost; what is done to one conversation."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from assistants.builder import queries as builder
from assistants.chat import queries as chat
from assistants.library import keyset, queries, services
from assistants.models import Conversation, MemoryItem, Message, Project, ProjectMember, Run, ShareLink
from config import errors
from tenants.models import AuditEntry
from tests import factories, library

PLAIN = queries.Filters()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fill(member, count: int, **fields) -> list[Conversation]:
    """Two and two at the same moment: the order of those is by id."""
    assistant = builder.get_default_assistant(member)
    rows = [
        Conversation(
            owner_id=member.user_id, assistant=assistant, title=f"Talk {number}",
            updated_at=NOW - timedelta(minutes=number // 2), **fields,
        )
        for number in range(count)
    ]  # fmt: skip
    return Conversation.objects.bulk_create(rows)


def walk(member, filters=PLAIN) -> list[list[Conversation]]:
    scope, pages, after = queries.scope_of(member), [], None
    while True:
        page = queries.list_page(scope, filters, after)
        pages.append(page.rows)
        if not page.next:
            return pages
        after = page.next


def test_pages_hold_every_conversation_once_and_in_order(in_acme, owner) -> None:
    Conversation.objects.filter(owner_id=owner.user.id).delete()
    made = fill(owner.member, 75)
    pages = walk(owner.member)
    assert [len(page) for page in pages] == [30, 30, 15]
    found = [row.id for page in pages for row in page]
    expected = sorted(made, key=lambda row: (row.updated_at, row.id), reverse=True)
    assert found == [row.id for row in expected]


def test_a_conversation_that_arrives_while_paging_moves_no_other(in_acme, owner) -> None:
    Conversation.objects.filter(owner_id=owner.user.id).delete()
    fill(owner.member, 40)
    scope = queries.scope_of(owner.member)
    first = queries.list_page(scope, queries.Filters())
    library.talk(owner.member, "Newer", updated_at=NOW + timedelta(hours=1))
    second = queries.list_page(scope, queries.Filters(), first.next)
    assert len(second.rows) == 10
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}


@pytest.mark.parametrize("text", ["", "made-up", "é", "MjAyNg", "x" * 400])
def test_what_is_no_place_begins_at_the_first_row(text) -> None:
    assert keyset.read(text) is None


def test_a_place_survives_its_address() -> None:
    place = keyset.Place(NOW, uuid4())
    assert keyset.read(place.text) == place


def test_the_page_costs_the_same_with_2_and_200(
    acme, owner, assert_queries, django_assert_max_num_queries, db
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tenants.scope import workspace_scope

    client, counts = owner.browser(), []
    for number in (2, 198):
        with workspace_scope(acme.id):
            for row in fill(owner.member, number, tags=["swept"]):
                library.say(row, "A question about indexes", "An answer about indexes")
        for path in ("", "?q=indexes", "?tag=swept"):
            client.get(f"/w/acme/conversations/{path}")
            with CaptureQueriesContext(connection) as captured:
                assert client.get(f"/w/acme/conversations/{path}").status_code == 200
            counts.append(len([row for row in captured if not row["sql"].startswith("SET search_path")]))
    assert counts[:3] == counts[3:]
    assert max(counts) <= 30


def test_filters_show_what_they_say(in_acme, owner) -> None:
    Conversation.objects.filter(owner_id=owner.user.id).delete()
    plain, pinned, archived, tagged, deleted = fill(owner.member, 5)
    services.set_pinned(conversation=pinned, is_pinned=True)
    services.set_archived(conversation=archived, is_archived=True)
    services.set_tags(conversation=tagged, text="Python,  python , how to")
    services.delete(member=owner.member, conversation=deleted)
    shown = {
        show: {row.id for page in walk(owner.member, queries.Filters(show)) for row in page}
        for show in ("all", "pinned", "archived", "deleted")
    }
    assert shown == {
        "all": {plain.id, tagged.id},
        "pinned": {pinned.id},
        "archived": {archived.id},
        "deleted": {deleted.id},
    }
    scope = queries.scope_of(owner.member)
    assert [row.id for row in queries.list_page(scope, queries.Filters()).pinned] == [pinned.id]
    assert [row.id for row in queries.list_page(scope, queries.Filters(tag="python")).rows] == [tagged.id]
    assert queries.list_tags(scope) == [("how to", 1), ("python", 1)]


def test_the_sidebar_shows_pinned_ones_first_and_none_that_is_put_away(in_acme, owner) -> None:
    Conversation.objects.filter(owner_id=owner.user.id).delete()
    newest, older, archived, deleted = fill(owner.member, 4)
    services.set_pinned(conversation=older, is_pinned=True)
    services.set_archived(conversation=archived, is_archived=True)
    services.delete(member=owner.member, conversation=deleted)
    assert [(row.id, row.is_pinned) for row in chat.list_recent(owner.member)] == [
        (older.id, True),
        (newest.id, False),
    ]


@pytest.mark.parametrize(
    ("title", "refusal"),
    [("", services.TitleEmpty), (" \n", services.TitleEmpty), ("x" * 121, services.TitleTooLong)],
)
def test_a_name_is_checked(in_acme, owner, title, refusal) -> None:
    row = library.talk(owner.member, "Former")
    with pytest.raises(refusal):
        services.rename(conversation=row, title=title)
    row.refresh_from_db()
    assert (row.title, row.has_given_title) == ("Former", False)
    services.rename(conversation=row, title="  A \n name ")
    row.refresh_from_db()
    assert (row.title, row.has_given_title) == ("A name", True)


@pytest.mark.parametrize(
    ("text", "refusal"), [("x" * 41, services.TagTooLong), (",".join("abcdefghijk"), services.TooManyTags)]
)
def test_refused_tags_come_back_filled_in(acme, owner, db, text, refusal) -> None:
    from tenants.scope import workspace_scope

    with workspace_scope(acme.id):
        row = library.talk(owner.member)
    response = owner.browser().post(f"/w/acme/conversations/{row.id}/tags/", {"tags": text})
    assert response.status_code == 422
    assert response.context["refusal"].code == refusal.code
    assert f'value="{text}"' in response.content.decode()


# deleting


def test_deleting_hides_at_once_and_can_be_undone(in_acme, owner) -> None:
    row = library.talk(owner.member, "Gone", "A question")
    services.delete(member=owner.member, conversation=row)
    with pytest.raises(errors.NotFound):
        chat.access_conversation(owner.member, row.id)
    services.undo(member=owner.member, conversation=queries.access_deleted(owner.member, row.id))
    assert chat.access_conversation(owner.member, row.id).title == "Gone"
    actions = AuditEntry.objects.filter(target_id=str(row.id)).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["conversation.deleted", "conversation.restored"]


def test_undoing_is_for_its_owner(in_acme, owner, admin) -> None:
    row = library.talk(owner.member)
    services.delete(member=owner.member, conversation=row)
    with pytest.raises(errors.NotFound):
        queries.access_deleted(admin.member, row.id)


def test_what_is_being_answered_is_not_deleted(in_acme, owner) -> None:
    turn = factories.ask(owner.member)
    with pytest.raises(services.StillRunning):
        services.delete(member=owner.member, conversation=turn.conversation)
    factories.answer(turn.run)
    services.delete(member=owner.member, conversation=turn.conversation)
    assert Conversation.objects.get(id=turn.conversation.id).deleted_at is not None


def test_erasing_takes_along_whatever_hangs_on_it_and_nothing_else(in_acme, owner) -> None:
    turn = factories.ask(owner.member)
    factories.answer(turn.run)
    library.make(owner.member, "x", turn.conversation)
    now = timezone.now()
    memory = MemoryItem.objects.create(
        layer="semantic", person_id=owner.user.id, text="Likes indexes", source_conversation=turn.conversation,
        source_message=turn.question, created_at=now, updated_at=now,
    )  # fmt: skip
    other = library.talk(owner.member, "Stays", "A question", "An answer")
    services.delete(member=owner.member, conversation=turn.conversation)
    services.erase(member=owner.member, conversation=turn.conversation)
    gone = {"conversation_id": turn.conversation.id}
    assert not Conversation.objects.filter(id=turn.conversation.id).exists()
    assert not Message.objects.filter(**gone).exists()
    assert not ShareLink.objects.filter(**gone).exists()
    assert not Run.objects.filter(id=turn.run.id).exists()
    memory.refresh_from_db()
    assert (memory.source_conversation_id, memory.source_message_id) == (None, None)
    assert Message.objects.filter(conversation=other).count() == 2


def test_the_bin_is_emptied_after_thirty_days(acme, owner, db) -> None:
    from tenants.scope import workspace_scope

    now = timezone.now()
    with workspace_scope(acme.id):
        old, young, kept = (library.talk(owner.member, title) for title in ("Old", "Young", "Kept"))
        Conversation.objects.filter(id=old.id).update(deleted_at=now - timedelta(days=30, minutes=1))
        Conversation.objects.filter(id=young.id).update(deleted_at=now - timedelta(days=29))
    assert services.purge(acme.id, now=now) == 1
    assert services.purge(acme.id, now=now) == 0
    with workspace_scope(acme.id):
        left = Conversation.objects.filter(id__in=[old.id, young.id, kept.id]).values_list("id", flat=True)
        assert set(left) == {young.id, kept.id}
    assert AuditEntry.objects.filter(workspace_id=acme.id, action="conversation.purged").count() == 1


# what a colleague in a common project may do


def test_a_colleague_in_the_project_reads_but_does_not_keep(in_acme, owner, member) -> None:
    now = timezone.now()
    project = Project.objects.create(name="P", owner_id=owner.user.id, created_at=now, updated_at=now)
    ProjectMember.objects.create(project=project, user_id=member.user.id, created_at=now)
    row = library.talk(owner.member, "Shared", "A question", project=project)
    assert row.id in [
        found.id for found in queries.list_page(queries.scope_of(member.member), queries.Filters()).rows
    ]
    with pytest.raises(errors.Forbidden):
        queries.access_own(member.member, row.id)
