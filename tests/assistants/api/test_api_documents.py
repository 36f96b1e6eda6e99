"""Documents and their passages over REST: whose they are, what is refused, and what is told."""

from uuid import uuid4

import pytest

from assistants.models import Document
from tests import factories
from tests.assistants.api.conftest import Caller
from tests.assistants.documents import files, shelf

TEXT = b"Everybody has 30 days of leave."
FIELDS = {
    "id", "name", "kind", "media_type", "size_bytes", "sha256", "project", "is_shared", "is_own", "may_change", "state",
    "progress", "error_code", "problem", "version", "pages", "characters", "created_at", "updated_at", "parsed_at",
}  # fmt: skip


@pytest.fixture
def project(api) -> str:
    return api.post("projects", name="Launch").json()["id"]


@pytest.fixture
def kept(here, owner) -> Document:
    """The owner's alone, read already."""
    with here():
        return shelf.keep(owner.member, TEXT.decode())


def test_life_of_a_document(api, here, storage):
    made = api.upload("documents", files.upload("leave.txt", TEXT))
    body = made.json()
    one = f"documents/{body['id']}"
    assert made.status_code == 201 and set(body) == FIELDS
    assert {name: body[name] for name in ("name", "kind", "state", "version", "size_bytes", "project")} == {
        "name": "leave.txt", "kind": "file", "state": "uploaded", "version": 1, "size_bytes": len(TEXT),
        "project": None,
    }  # fmt: skip
    assert (body["is_own"], body["may_change"], body["is_shared"], body["problem"]) == (True, True, False, "")
    assert api.get(one).json() == body
    assert api.rows("documents") == [body]
    file = api.get(f"{one}/file")
    assert b"".join(file.streaming_content) == TEXT
    shared = api.patch(one, is_shared=True)
    assert (shared.status_code, shared.json()["is_shared"]) == (200, True)
    replaced = api.client.put(
        f"/api/v1/{one}/file",
        *_multipart("holidays.txt", b"25 days."),
    )
    assert (replaced.status_code, replaced.json()["name"], replaced.json()["version"]) == (
        200,
        "holidays.txt",
        2,
    )
    assert api.delete(one).status_code == 204
    assert (api.get(one).status_code, api.delete(one).status_code, api.rows("documents")) == (404, 404, [])
    with here():
        assert not Document.objects.exists()


def _multipart(name: str, content: bytes) -> tuple[bytes, str]:
    body = b"\r\n".join(
        [
            b"--cut",
            f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode(),
            b"Content-Type: text/plain",
            b"",
            content,
            b"--cut--",
            b"",
        ]
    )
    return body, "multipart/form-data; boundary=cut"


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("leave.txt", b"", 422, "file_empty"),
        ("leave.exe", b"MZ\x00\x01", 415, "type_disagrees"),
        ("leave.pdf", b"no pdf at all", 415, "type_disagrees"),
        ("cat.png", files.picture(), 415, "type_not_allowed"),
    ],
)
def test_refused_file_leaves_nothing(api, here, storage, name, content, status, code):
    response = api.upload("documents", files.upload(name, content))
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"
    with here():
        assert not Document.objects.exists()
    assert [path for path in storage.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("fields", "status", "code", "named"),
    [
        ({"project": "no-id"}, 400, "invalid", "project"),
        ({"is_shared": "perhaps"}, 400, "invalid", "is_shared"),
        ({"project": str(uuid4())}, 404, "not_found", ""),
    ],
)
def test_upload_to_where_there_is_nothing_is_refused(api, here, fields, status, code, named):
    response = api.upload("documents", files.upload("leave.txt", TEXT), **fields)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert list(body.get("fields", {})) == ([named] if named else [])
    with here():
        assert not Document.objects.exists()


def test_file_of_a_project_is_not_for_everyone(api, project):
    refused = api.upload("documents", files.upload("leave.txt", TEXT), project=project, is_shared="true")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["is_shared"])
    made = api.upload("documents", files.upload("leave.txt", TEXT), project=project).json()
    refused = api.patch(f"documents/{made['id']}", is_shared=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "document_not_shareable")


@pytest.mark.parametrize("body", [{}, {"is_shared": "perhaps"}, {"is_shared": None}])
def test_change_that_says_nothing_is_refused(api, kept, body):
    refused = api.patch(f"documents/{kept.id}", **body)
    assert (refused.status_code, refused.json()["code"], list(refused.json()["fields"])) == (
        400, "invalid", ["is_shared"],
    )  # fmt: skip


def test_another_person_and_another_workspace_find_nothing(api, other, elsewhere, kept):
    one, passage = f"documents/{kept.id}", kept_passage(api, kept)
    for caller in (other, elsewhere):
        assert caller.rows("documents") == []
        assert caller.rows("passages", q="leave") == []
        for path in (one, f"{one}/file", f"{one}/passages", f"{one}/passages/{passage}"):
            response = caller.get(path)
            assert (response.status_code, response.json()["code"]) == (404, "not_found"), path
        assert caller.patch(one, is_shared=True).status_code == 404
        assert caller.delete(one).status_code == 404
        assert caller.post(f"{one}/read").status_code == 404
    assert api.get(one).status_code == 200, "the control"


def kept_passage(api, kept) -> str:
    (row,) = api.rows(f"documents/{kept.id}/passages")
    return row["id"]


def test_shared_one_is_read_by_all_and_changed_by_its_owner_and_who_manages(
    api, other, member, elsewhere, kept
):
    one, reader = f"documents/{kept.id}", Caller(member)
    api.patch(one, is_shared=True)
    seen = reader.get(one).json()
    assert (seen["is_own"], seen["may_change"], seen["name"]) == (False, False, "leave.txt")
    assert [row["id"] for row in reader.rows("documents", place="shared")] == [str(kept.id)]
    assert reader.rows("documents", place="mine") == []
    for refused in (
        reader.delete(one),
        reader.patch(one, is_shared=False),
        reader.post(f"{one}/read"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert elsewhere.get(one).status_code == 404
    assert other.get(one).json()["may_change"] is True
    assert other.patch(one, is_shared=False).json()["is_shared"] is False


def test_changes_with_a_stale_tag_are_refused(api, kept):
    one = f"documents/{kept.id}"
    stale = api.get(one)["ETag"]
    fresh = api.send_if(stale, "patch", one, is_shared=True)
    assert (fresh.status_code, fresh["ETag"]) == (200, api.get(one)["ETag"])
    for method in ("patch", "delete"):
        refused = api.send_if(stale, method, one, is_shared=False)
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert api.get(one).json()["is_shared"] is True
    assert api.send_if(fresh["ETag"], "delete", one).status_code == 204


def test_list_is_paged_and_narrowed(api, here, owner, project):
    with here():
        made = [shelf.keep(owner.member, f"Number {n}.", f"{n}.txt") for n in range(5)]
    api.upload("documents", files.upload("plan.txt", b"A plan."), project=project)
    names, page = [], api.get("documents", limit="2").json()
    while True:
        names += [row["name"] for row in page["results"]]
        if page["next"] is None:
            break
        page = api.client.get(page["next"]).json()
    assert names == ["plan.txt", "4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]
    assert [row["name"] for row in api.rows("documents", project=project)] == ["plan.txt"]
    assert [row["name"] for row in api.rows("documents", state="uploaded")] == ["plan.txt"]
    assert [row["id"] for row in api.rows("documents", name="3.")] == [str(made[3].id)]
    for wrong in ({"state": "gone"}, {"place": "moon"}, {"project": "x"}):
        refused = api.get("documents", **wrong)
        assert (refused.status_code, list(refused.json()["fields"])) == (400, list(wrong))


def test_sparse_answers(api, kept):
    one = f"documents/{kept.id}"
    assert api.get(one, fields="id,state").json() == {"id": str(kept.id), "state": "ready"}
    assert api.rows("documents", fields="name") == [{"name": "leave.txt"}]
    assert api.rows(f"{one}/passages", fields="text") == [{"text": TEXT.decode()}]
    assert api.rows("passages", q="leave", fields="text") == [{"text": TEXT.decode()}]
    refused = api.get(one, fields="id,secret")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["fields"])


def test_passages_are_read_and_found(api, kept):
    one, passage = f"documents/{kept.id}", kept_passage(api, kept)
    read = api.get(f"{one}/passages/{passage}").json()
    assert (read["number"], read["page"], read["text"]) == (1, 0, TEXT.decode())
    (found,) = api.rows("passages", q="days of leave")
    assert (found["id"], found["document"], found["name"]) == (passage, str(kept.id), "leave.txt")
    assert api.rows("passages", q="leave", document=str(uuid4())) == []
    gone = api.get(f"{one}/passages/{uuid4()}")
    assert (gone.status_code, gone.json()["code"]) == (404, "passage_gone")
    for wrong in ({}, {"q": ""}, {"q": "x", "limit": "51"}):
        assert api.get("passages", **wrong).status_code == 400


def test_only_a_failed_one_is_read_again(api, here, kept):
    one = f"documents/{kept.id}"
    assert api.post(f"{one}/read").json()["state"] == "ready"
    with here():
        Document.objects.filter(id=kept.id).update(state="failed", error_code="file_unreadable")
    failed = api.get(one).json()
    assert (failed["error_code"], failed["problem"] == "") == ("file_unreadable", False)
    again = api.post(f"{one}/read").json()
    assert (again["state"], again["error_code"], again["problem"]) == ("uploaded", "", "")


def test_key_that_may_only_read_changes_nothing(owner, kept, api):
    reader = factories.with_key(factories.make_key(owner.member, ["read"]))
    url = f"/api/v1/documents/{kept.id}"
    assert reader.get(url).status_code == 200
    for response in (
        reader.delete(url),
        reader.patch(url, {"is_shared": True}, content_type="application/json"),
        reader.post("/api/v1/documents", {"file": files.upload("x.txt", b"x")}),
    ):
        assert (response.status_code, response.json()["code"], response.json()["needs"]) == (
            403, "forbidden", "chat",
        )  # fmt: skip
    assert api.get(f"documents/{kept.id}").json()["is_shared"] is False


def test_list_costs_the_same_with_many(api, here, owner):
    with here():
        for number in range(2):
            shelf.keep(owner.member, "Text.", f"{number}.txt")
    few = api.queries("documents")
    with here():
        for number in range(2, 8):
            shelf.keep(owner.member, "Text.", f"{number}.txt")
    assert api.queries("documents") == few
