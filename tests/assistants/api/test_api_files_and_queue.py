"""Files for questions, questions that wait, links, exports and imports over REST."""

import json
from uuid import uuid4

import pytest

from assistants.library import sharing
from assistants.models import Attachment, Run, ShareLink
from tests import factories, library
from tests.assistants import exports_elsewhere as elsewhere
from tests.assistants.documents import files
from tests.assistants.test_attaching import picture


@pytest.fixture
def running(api):
    """A conversation whose answer is being written."""
    return api.post("conversations", text="One").json()


# files


def test_picture_is_uploaded_sent_and_seen(api, other, here):
    response = api.upload("attachments", files.upload("cat.png", picture((40, 30))))
    row = response.json()
    assert response.status_code == 201
    assert (row["name"], row["state"], row["width"], row["height"]) == ("cat.png", "ready", 40, 30)
    assert [each["id"] for each in api.rows("attachments")] == [row["id"]]
    assert other.rows("attachments") == []
    assert other.get(f"attachments/{row['id']}").status_code == 404
    content = api.client.get(row["content_url"])
    assert (content.status_code, content["Content-Type"]) == (200, "image/png")
    started = api.post("conversations", text="What is it?", attachments=[row["id"]]).json()
    assert api.rows("attachments") == []
    question = api.rows(f"conversations/{started['conversation']}/messages")[0]
    assert [(each["id"], each["document"]) for each in question["attachments"]] == [(row["id"], None)]
    again = api.post("conversations", text="Again", attachments=[row["id"]])
    assert (again.status_code, again.json()["code"]) == (404, "attachment_gone")


def test_document_must_be_read_before_it_is_sent(api):
    row = api.upload("attachments", files.upload("leave.txt", b"30 days.")).json()
    assert (row["state"], row["content_url"], row["document"] is None) == ("reading", None, False)
    refused = api.post("conversations", text="How many?", attachments=[row["id"]])
    assert (refused.status_code, refused.json()["code"]) == (409, "attachment_being_read")
    assert api.rows("conversations") == []


def test_upload_needs_a_file_in_multipart(api):
    assert api.post("attachments", file="x").status_code == 415
    response = api.client.post("/api/v1/attachments", {"file": "text"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert "file" in response.json()["fields"]


def test_unsent_file_is_deleted_a_sent_one_is_not(api, here):
    row = api.upload("attachments", files.upload("cat.png", picture())).json()
    assert api.delete(f"attachments/{row['id']}").status_code == 204
    with here():
        assert Attachment.objects.count() == 0
    kept = api.upload("attachments", files.upload("cat.png", picture())).json()
    api.post("conversations", text="What is it?", attachments=[kept["id"]])
    assert api.delete(f"attachments/{kept['id']}").status_code == 404


# waiting questions


def test_question_waits_is_reworded_and_taken_back(api, running):
    where = f"conversations/{running['conversation']}/follow-ups"
    made = api.post(where, text="Two").json()
    assert made["turn"] is None
    row = made["follow_up"]
    assert (row["text"], row["after"]) == ("Two", running["answer"])
    assert [each["id"] for each in api.rows(where)] == [row["id"]]
    assert api.patch(f"follow-ups/{row['id']}", text="Two, please").json()["text"] == "Two, please"
    assert api.patch(f"follow-ups/{row['id']}", text=" ").json()["code"] == "message_empty"
    assert api.get(f"follow-ups/{row['id']}").json()["text"] == "Two, please"
    assert api.delete(f"follow-ups/{row['id']}").status_code == 204
    assert api.get(f"follow-ups/{row['id']}").status_code == 404
    assert api.rows(where) == []


def test_question_is_asked_at_once_when_nothing_runs(api, here, running):
    with here():
        factories.answer(Run.objects.get(id=running["run"]))
    made = api.post(f"conversations/{running['conversation']}/follow-ups", text="Two").json()
    assert (made["follow_up"], made["turn"]["conversation"]) == (None, running["conversation"])


def test_waiting_question_is_sent_after_a_stop(api, running):
    row = api.post(f"conversations/{running['conversation']}/follow-ups", text="Two").json()["follow_up"]
    waits = api.post(f"follow-ups/{row['id']}/send").json()
    assert waits["follow_up"]["id"] == row["id"], "while the answer is being written"
    api.post(f"runs/{running['run']}/stop")
    sent = api.post(f"follow-ups/{row['id']}/send").json()
    assert (sent["follow_up"], sent["turn"]["conversation"]) == (None, running["conversation"])


def test_nobody_else_sees_what_waits(api, other, running):
    row = api.post(f"conversations/{running['conversation']}/follow-ups", text="Two").json()["follow_up"]
    for response in (
        other.get(f"follow-ups/{row['id']}"),
        other.patch(f"follow-ups/{row['id']}", text="Mine"),
        other.delete(f"follow-ups/{row['id']}"),
        other.get(f"conversations/{running['conversation']}/follow-ups"),
    ):
        assert response.status_code == 404
    assert api.get(f"follow-ups/{row['id']}").json()["text"] == "Two"


# links


def test_link_is_made_shown_once_and_revoked(api, here, owner):
    with here():
        talk = library.talk(owner.member, "A talk", "Hello", "Hi")
    where = f"conversations/{talk.id}/share-links"
    response = api.post(where, days=7)
    made = response.json()
    assert response.status_code == 201
    token = made["url"].rstrip("/").rsplit("/", 1)[1]
    assert sharing.open_link(token).title == "A talk"
    assert "url" not in api.rows(where)[0]
    assert [row["id"] for row in api.rows("share-links")] == [made["id"]]
    assert api.delete(f"share-links/{made['id']}").status_code == 204
    with pytest.raises(sharing.LinkGone):
        sharing.open_link(token)
    assert api.rows(where)[0]["revoked_at"] is not None
    with here():
        assert ShareLink.objects.get().snapshot == {}


def test_lifetime_of_a_link(api, here, owner):
    with here():
        talk = library.talk(owner.member, "A talk", "Hello", "Hi")
    where = f"conversations/{talk.id}/share-links"
    assert api.post(where, days=None).json()["expires_at"] is None
    assert api.post(where).json()["expires_at"] is not None
    assert api.post(where, days=3).status_code == 400


# export and import


@pytest.mark.parametrize(
    ("kind", "media_type", "begins"),
    [
        ("md", "text/markdown; charset=utf-8", b"# A talk"),
        ("json", "application/json", b"{"),
        ("pdf", "application/pdf", b"%PDF"),
    ],
)
def test_export(api, here, owner, kind, media_type, begins):
    with here():
        talk = library.talk(owner.member, "A talk", "Hello", "Hi")
    response = api.get(f"conversations/{talk.id}/export", kind=kind)
    assert (response.status_code, response["Content-Type"]) == (200, media_type)
    assert response.content.startswith(begins)
    assert response["Content-Disposition"] == f'attachment; filename="a-talk.{kind}"'


def test_export_of_another_kind_is_refused(api, here, owner):
    with here():
        talk = library.talk(owner.member, "A talk", "Hello", "Hi")
    assert api.get(f"conversations/{talk.id}/export", kind="exe").json()["code"] == "invalid"


def test_import_is_begun_and_one_at_a_time(api, other):
    content = json.dumps([elsewhere.chatgpt()]).encode()
    response = api.upload("imports", files.upload("conversations.json", content))
    assert response.status_code == 201, response.content
    row = response.json()
    assert (row["name"], row["state"], row["size_bytes"]) == ("conversations.json", "waiting", len(content))
    assert [each["id"] for each in api.rows("imports")] == [row["id"]]
    assert api.get(f"imports/{row['id']}").json() == row
    again = api.upload("imports", files.upload("conversations.json", content))
    assert (again.status_code, again.json()["code"]) == (409, "import_running")
    assert other.get(f"imports/{row['id']}").status_code == 404
    assert other.rows("imports") == []


def test_file_that_is_no_export_is_refused(api):
    response = api.upload("imports", files.upload("x.json", b'[{"a": 1}]'))
    assert (response.status_code, response.json()["code"]) == (422, "not_an_export")
    assert api.rows("imports") == []
    assert api.get(f"imports/{uuid4()}").status_code == 404
