"""Conversations from ChatGPT and Claude: the tree, the dates, once; and files that are none, or too much."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from assistants.chat import services as chat_services
from assistants.chat.tree import Tree
from assistants.library import queries, services
from assistants.library.importing import files
from assistants.library.importing import services as importing
from assistants.models import Conversation, ConversationImport, Message
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants import exports_elsewhere as elsewhere


@pytest.fixture(autouse=True)
def storage(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def workspace(acme, owner, db):
    return acme, owner.member


def bring(workspace, file) -> ConversationImport:
    """Uploads it and reads it as the worker does."""
    ref, member = workspace
    with workspace_scope(ref.id):
        row = importing.start(member=member, upload=SimpleUploadedFile(file.name, file.getvalue()))
    importing.run(ref.id, row.id)
    with workspace_scope(ref.id):
        return ConversationImport.objects.get(id=row.id)


def counts(row: ConversationImport) -> tuple:
    return row.state, row.error_code, row.done, row.added, row.known, row.left_out


def test_a_chatgpt_export_keeps_tree_title_and_dates(workspace) -> None:
    row = bring(workspace, elsewhere.zipped(elsewhere.chatgpt()))
    assert counts(row) == ("done", "", 1, 1, 0, 0)
    with workspace_scope(workspace[0].id):
        talk = Conversation.objects.get(imported_from="chatgpt")
        messages = list(talk.messages.order_by("created_at", "id"))
        tree = Tree(messages)
        shown = [place.message.text for place in tree.branch(talk.current_leaf_id)]
        question = next(row for row in messages if row.text == "Which database?")
        answers = [tree.by_id[key].text for key in tree.children[question.id]]
    assert (talk.title, talk.has_given_title) == ("Databases 1", True)
    assert talk.created_at == datetime.fromtimestamp(elsewhere.SPRING, UTC)
    assert talk.updated_at == datetime.fromtimestamp(elsewhere.SPRING + 600, UTC)
    # An answer in two messages is one; what tools and the system said is left out.
    assert answers == ["PostgreSQL.\n\nVersion 18.", "SQLite."]
    assert shown == ["Which database?", "SQLite.", "Why?", "It is small."]
    assert question.created_at == datetime.fromtimestamp(elsewhere.SPRING + 2, UTC)


def test_a_claude_export_keeps_order_title_and_dates(workspace) -> None:
    row = bring(workspace, elsewhere.zipped(elsewhere.claude(), users=b"[]"))
    assert counts(row) == ("done", "", 1, 1, 0, 0)
    with workspace_scope(workspace[0].id):
        talk = Conversation.objects.get(imported_from="claude")
        messages = list(talk.messages.order_by("created_at"))
    assert talk.title == "Gardens 1"
    assert talk.created_at == datetime(2025, 4, 1, 10, 0, 0, 123456, UTC)
    assert [(row.role, row.text) for row in messages] == [
        ("user", "When to sow?\n\n*(attached: plan.txt)*"),
        ("assistant", "In May."),
    ]
    assert messages[1].parent_id == messages[0].id
    assert talk.current_leaf_id == messages[1].id


def test_a_claude_export_with_parents_keeps_its_branches(workspace) -> None:
    root = "00000000-0000-4000-8000-000000000000"
    said = [
        {"uuid": "a", "sender": "human", "text": "Q", "parent_message_uuid": root},
        {"uuid": "b", "sender": "assistant", "text": "A1", "parent_message_uuid": "a"},
        {"uuid": "c", "sender": "assistant", "text": "A2", "parent_message_uuid": "a"},
    ]
    bring(workspace, elsewhere.zipped(elsewhere.claude(chat_messages=said)))
    with workspace_scope(workspace[0].id):
        rows = {row.text: row for row in Message.objects.filter(conversation__imported_from="claude")}
    assert rows["Q"].parent_id is None
    assert rows["A1"].parent_id == rows["A2"].parent_id == rows["Q"].id


def test_the_same_file_twice_adds_nothing_twice(workspace) -> None:
    file = elsewhere.zipped(
        elsewhere.chatgpt(1), elsewhere.chatgpt(2), elsewhere.chatgpt(3, conversation_id="")
    )
    first, second = bring(workspace, file), bring(workspace, file)
    assert counts(first) == ("done", "", 3, 3, 0, 0)
    assert counts(second) == ("done", "", 3, 0, 3, 0)
    with workspace_scope(workspace[0].id):
        assert Conversation.objects.filter(imported_from="chatgpt").count() == 3


def test_a_newer_file_adds_what_is_new_also_beside_deleted_ones(workspace) -> None:
    ref, member = workspace
    bring(workspace, elsewhere.zipped(elsewhere.chatgpt(1)))
    with workspace_scope(ref.id):
        services.delete(member=member, conversation=Conversation.objects.get(imported_from="chatgpt"))
    row = bring(workspace, elsewhere.zipped(elsewhere.chatgpt(1), elsewhere.chatgpt(2)))
    assert counts(row) == ("done", "", 2, 1, 1, 0)


def test_two_people_may_bring_the_same_file(workspace) -> None:
    ref, _ = workspace
    file = elsewhere.zipped(elsewhere.chatgpt())
    colleague = factories.join(ref, factories.make_user(), "member")
    assert bring(workspace, file).added == 1
    assert bring((ref, colleague), file).added == 1


def test_a_person_goes_on_where_they_left_elsewhere(workspace) -> None:
    ref, member = workspace
    bring(workspace, elsewhere.zipped(elsewhere.chatgpt()))
    with workspace_scope(ref.id):
        talk = queries.access_own(member, Conversation.objects.get(imported_from="chatgpt").id)
        turn = chat_services.send_message(
            member=member, conversation=talk, text="And now?", parent_id=talk.current_leaf_id
        )
    assert turn.question.parent_id == talk.current_leaf_id


def test_an_imported_answer_is_shown_as_prose(workspace) -> None:
    ref, member = workspace
    bring(workspace, elsewhere.zipped(elsewhere.claude()))
    with workspace_scope(ref.id):
        talk = Conversation.objects.get(imported_from="claude")
    client = factories.sign_in(factories.accounts_queries.get_active_user(member.user_id))
    page = client.get(f"/w/{ref.slug}/chat/{talk.id}/")
    assert page.status_code == 200
    assert "<p>In May.</p>" in page.content.decode()


# what is no export, or a bad one


def ring() -> dict:
    talk = elsewhere.chatgpt(9)
    talk["mapping"]["q"]["parent"] = "a3"
    return talk


@pytest.mark.parametrize(
    "bad",
    [
        ring(),
        elsewhere.chatgpt(8, mapping={}),
        elsewhere.claude(8, chat_messages=[None, 1, {"sender": "human"}]),
        {"title": "neither"},
        elsewhere.chatgpt(7, mapping={"a": {"parent": None, "message": {"author": None, "content": 7}}}),
    ],
    ids=["ring", "empty", "no text", "neither", "odd types"],
)
def test_one_bad_conversation_does_not_keep_the_others_out(workspace, bad) -> None:
    row = bring(workspace, elsewhere.zipped(elsewhere.chatgpt(1), bad, elsewhere.chatgpt(2)))
    assert counts(row) == ("done", "", 3, 2, 0, 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"create_time": 1e300, "update_time": None}, None),
        ({"create_time": "2024-01-06T07:08:09+02:00"}, datetime(2024, 1, 6, 5, 8, 9, tzinfo=UTC)),
        ({"create_time": -5}, None),
        ({"create_time": True}, None),
    ],
)
def test_odd_dates_are_left_out(workspace, changes, expected) -> None:
    bring(workspace, elsewhere.zipped(elsewhere.chatgpt(1, **changes)))
    with workspace_scope(workspace[0].id):
        created = Conversation.objects.get(imported_from="chatgpt").created_at
    assert created == expected if expected else created >= datetime(2024, 1, 1, tzinfo=UTC)


def test_texts_that_postgresql_does_not_keep_come_in_without_that(workspace) -> None:
    talk = elsewhere.chatgpt(1, title="A\x00 \ud800 title" + "x" * 300)
    talk["mapping"]["q"]["message"]["content"]["parts"] = ["nul\x00 \udfff and " + "long " * 40_000]
    row = bring(workspace, elsewhere.zipped(talk))
    assert row.added == 1
    with workspace_scope(workspace[0].id):
        found = Conversation.objects.get(imported_from="chatgpt")
        text = found.messages.get(parent=None).text
    assert found.title.startswith("A ? title")
    assert len(found.title) == 120
    assert text.startswith("nul ? and long")
    assert (len(text), text.endswith("than a message can be)")) == (100_000, True)


def zip_with(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return elsewhere.named(file.getvalue(), "export.zip")


@pytest.mark.parametrize(
    "file",
    [
        elsewhere.named(b""),
        elsewhere.named(b"{}"),
        elsewhere.named(b"[1, 2]"),
        elsewhere.named(b'[{"title": "x"}]'),
        elsewhere.named(b"[" * 100_000),
        elsewhere.named(b'[{"a": ' + b"[" * 100_000),
        elsewhere.named(b'[{"title": "cut'),
        elsewhere.named(b"\xff\xfe\x00"),
        elsewhere.named(b"PK\x03\x04 no archive", "export.zip"),
        zip_with("other.json", b"[]"),
    ],
    ids=["empty", "object", "numbers", "neither", "deep", "deeper", "cut", "binary", "no zip", "other names"],
)
def test_what_is_no_export_is_refused_while_the_form_is_there(workspace, storage, file) -> None:
    ref, member = workspace
    with workspace_scope(ref.id):
        with pytest.raises(files.NotAnExport):
            importing.start(member=member, upload=SimpleUploadedFile(file.name, file.getvalue()))
        assert not ConversationImport.objects.exists()
    assert list(storage.rglob("imports/*")) == []


def test_a_file_that_breaks_off_keeps_what_was_read(workspace, storage) -> None:
    whole = json.dumps([elsewhere.chatgpt(number) for number in range(60)])
    row = bring(workspace, elsewhere.named(whole[: int(len(whole) * 0.9)].encode()))
    assert (row.state, row.error_code, row.added) == ("failed", "not_an_export", 50)
    assert row.file == ""
    assert [path for path in storage.rglob("*") if path.is_file()] == []


def test_a_bomb_is_refused_whatever_its_header_says(workspace, monkeypatch) -> None:
    """A real one: a megabyte of zeros in a kilobyte. The limits are lowered, the reading is what is tested."""
    monkeypatch.setattr(files, "RATIO_FROM", 100_000)
    bomb = zip_with("conversations.json", b"[" + b" " * 2_000_000 + b"]")
    with pytest.raises(files.DecompressionBomb):
        list(files.conversations(bomb))
    # The control: as large, but not as hollow.
    filled = json.dumps([elsewhere.chatgpt(number) for number in range(150)]).encode()
    assert len(filled) > 200_000
    assert len(list(files.conversations(zip_with("conversations.json", filled)))) == 150


def test_what_grows_beyond_every_export_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(files, "MAX_UNPACKED", 300_000)
    whole = json.dumps([elsewhere.chatgpt(number) for number in range(400)]).encode()
    with pytest.raises(files.ExportTooLarge):
        list(files.conversations(elsewhere.named(whole)))
    monkeypatch.setattr(files, "MAX_CONVERSATION", 100_000)
    monkeypatch.setattr(files, "CHUNK", 10_000)
    huge = json.dumps([elsewhere.claude(1, name="x" * 250_000)]).encode()
    with pytest.raises(files.ConversationTooLarge):
        list(files.conversations(elsewhere.named(huge)))


def test_too_large_an_upload_is_refused_before_it_is_kept(workspace, monkeypatch, storage) -> None:
    ref, member = workspace
    monkeypatch.setattr(files, "MAX_UPLOAD", 10)
    file = elsewhere.zipped(elsewhere.chatgpt())
    with workspace_scope(ref.id), pytest.raises(files.ExportTooLarge):
        importing.start(member=member, upload=SimpleUploadedFile("x.zip", file.getvalue()))
    assert [path for path in storage.rglob("*") if path.is_file()] == []


def test_conversations_larger_than_a_chunk_are_read_whole(monkeypatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 7)
    talks = [elsewhere.chatgpt(1, title="é" * 50), elsewhere.claude(2, name="x" * 500)]
    found = files.conversations(elsewhere.named(json.dumps(talks, ensure_ascii=False).encode()))
    assert [item for item, _ in found] == talks


# workers


def test_one_import_of_a_person_at_a_time(workspace) -> None:
    ref, member = workspace
    file = elsewhere.zipped(elsewhere.chatgpt())
    with workspace_scope(ref.id):
        importing.start(member=member, upload=SimpleUploadedFile("a.zip", file.getvalue()))
        with pytest.raises(importing.ImportRunning):
            importing.start(member=member, upload=SimpleUploadedFile("b.zip", file.getvalue()))
        assert len(default_storage.listdir(f"workspaces/{ref.id}/imports")[1]) == 1


def test_what_a_worker_left_is_read_by_the_next_and_never_by_two(workspace) -> None:
    ref, member = workspace
    file = elsewhere.zipped(elsewhere.chatgpt(1), elsewhere.chatgpt(2))
    with workspace_scope(ref.id):
        row = importing.start(member=member, upload=SimpleUploadedFile("a.zip", file.getvalue()))
        ConversationImport.objects.filter(id=row.id).update(state="running", touched_at=timezone.now())
    importing.run(ref.id, row.id)
    with workspace_scope(ref.id):
        row.refresh_from_db()
        assert counts(row) == ("running", "", 0, 0, 0, 0)
        ConversationImport.objects.filter(id=row.id).update(touched_at=timezone.now() - timedelta(minutes=4))
    importing.run(ref.id, row.id)
    with workspace_scope(ref.id):
        row.refresh_from_db()
    assert counts(row) == ("done", "", 2, 2, 0, 0)


def test_uploading_on_the_page_is_entered_and_leads_to_the_progress(acme, owner, db) -> None:
    file = elsewhere.zipped(elsewhere.claude())
    client = owner.browser()
    response = client.post(
        "/w/acme/conversations/import/", {"file": SimpleUploadedFile("x.zip", file.getvalue())}
    )
    assert response.status_code == 302
    page = client.get(response["Location"])
    assert (page.status_code, page.context["row"].state) == (200, "waiting")
    entry = AuditEntry.objects.get(workspace_id=acme.id, action="conversations.import_started")
    assert entry.target_id == str(page.context["row"].id)
    refused = client.post("/w/acme/conversations/import/", {"file": SimpleUploadedFile("x.zip", b"nothing")})
    assert (refused.status_code, refused.context["refusal"].code) == (422, "not_an_export")
