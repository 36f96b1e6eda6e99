"""Picture, thumbs, templates and tests of assistants over REST."""

import io
from uuid import uuid4

import pytest
from PIL import Image

from assistants.chat import services as chat
from assistants.models import Assistant, Run
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.api.conftest import Caller
from tests.assistants.documents import files

BOUNDARY = "multipart/form-data; boundary=cut"


@pytest.fixture(autouse=True)
def storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def api(db, owner) -> Caller:
    return Caller(owner)


@pytest.fixture
def row(db, acme, owner) -> Assistant:
    with workspace_scope(acme.id):
        return factories.make_assistant(owner.member, "Notary", instructions="Be exact.")


@pytest.fixture
def one(row) -> str:
    return f"assistants/{row.id}"


def private(acme, owner) -> Assistant:
    with workspace_scope(acme.id):
        return factories.make_assistant(owner.member, "Mine", visibility="person")


def put_picture(caller, one, content: bytes, tag: str = ""):
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    headers = {"If-Match": tag} if tag else {}
    body = head + content + b"\r\n--cut--\r\n"
    return caller.client.put(f"/api/v1/{one}/avatar", body, content_type=BOUNDARY, headers=headers)


# picture


def test_picture_is_set_read_and_removed(api, acme, one, storage):
    assert api.get(one).json()["avatar_url"] is None
    assert api.get(f"{one}/avatar").status_code == 404
    saved = put_picture(api, one, files.picture())
    url = saved.json()["avatar_url"]
    assert saved.status_code == 200 and url.startswith(f"/api/v1/{one}/avatar?v=")
    assert api.get(one).json()["avatar_url"] == url
    assert url in [each["avatar_url"] for each in api.rows("assistants")]
    picture = api.client.get(url)
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(picture.content)).size == (256, 256)
    assert len(list(storage.rglob("*.png"))) == 1
    assert api.delete(f"{one}/avatar").status_code == 204
    assert api.delete(f"{one}/avatar").status_code == 204, "nothing happens a second time"
    assert (api.get(f"{one}/avatar").status_code, api.get(one).json()["avatar_url"]) == (404, None)
    actions = AuditEntry.objects.filter(workspace_id=acme.id, action__contains="avatar").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "assistant.avatar_set", "assistant.avatar_removed",
    ]  # fmt: skip


def test_refused_picture_changes_nothing(api, one, storage):
    put_picture(api, one, files.picture())
    before = api.get(f"{one}/avatar").content
    refused = put_picture(api, one, b"no picture")
    assert (refused.status_code, refused.json()["code"]) == (422, "picture_refused")
    assert api.put(f"{one}/avatar", file="x").status_code == 415
    refused = api.client.put(f"/api/v1/{one}/avatar", b"--cut--\r\n", content_type=BOUNDARY)
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["file"])
    assert api.get(f"{one}/avatar").content == before


def test_picture_with_a_stale_tag_is_refused(api, one):
    put_picture(api, one, files.picture())
    stale = api.get(f"{one}/avatar")["ETag"]
    refused = put_picture(api, one, files.picture(), '"stale"')
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert api.get(f"{one}/avatar")["ETag"] == stale
    assert api.send_if(stale, "delete", f"{one}/avatar").status_code == 204


# versions


def test_version_is_read_with_what_it_changed(api, one):
    api.patch(one, instructions="Be brief.")
    api.patch(one, instructions="Be exact.", temperature="0.1")
    third, second, first = api.rows(f"{one}/versions")
    read = api.get(f"{one}/versions/{third['id']}").json()
    assert read == {**third, "changed": ["instructions", "temperature"]}
    assert api.get(f"{one}/versions/{third['id']}", against="1").json()["changed"] == ["temperature"]
    assert api.get(f"{one}/versions/{second['id']}", fields="changed").json() == {"changed": ["instructions"]}
    assert api.get(f"{one}/versions/{first['id']}").json()["changed"] == []
    assert api.get(f"{one}/versions/{first['id']}", against="4").status_code == 404
    refused = api.get(f"{one}/versions/{first['id']}", against="x")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["against"])
    assert api.get(f"{one}/versions/{uuid4()}").status_code == 404


# thumbs


def test_thumbs_are_counted_and_no_words_told(api, acme, owner, member, row, one):
    assert api.get(f"{one}/feedback").json() == {"good": 0, "bad": 0, "total": 0, "percent_good": 0}
    with workspace_scope(acme.id):
        for person, is_good in ((owner, True), (member, True), (owner, False)):
            turn = factories.ask(person.member, "Well?", assistant=row)
            factories.answer(turn.run)
            chat.rate(member=person.member, answer=turn.answer, is_good=is_good, comment="SECRET")
    found = api.get(f"{one}/feedback")
    assert found.json() == {"good": 2, "bad": 1, "total": 3, "percent_good": 66}
    assert "SECRET" not in found.content.decode()
    assert api.get(f"{one}/feedback", fields="total").json() == {"total": 3}


# whose


def test_another_workspace_and_who_may_not_use_it_find_nothing(api, acme, owner, admin, globex_owner, one):
    mine = f"assistants/{private(acme, owner).id}"
    for caller, path in ((Caller(globex_owner), one), (Caller(globex_owner), mine), (Caller(admin), mine)):
        for response in (
            caller.get(f"{path}/avatar"),
            put_picture(caller, path, files.picture()),
            caller.delete(f"{path}/avatar"),
            caller.get(f"{path}/feedback"),
            caller.post("assistants/trials", assistant=path.removeprefix("assistants/"), question="Hello"),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert api.get(f"{mine}/feedback").status_code == 200, "the control"


def test_who_only_reads_changes_no_picture_and_tests_nothing(viewer, acme, one):
    reader = Caller(viewer)
    for response in (
        put_picture(reader, one, files.picture()), reader.delete(f"{one}/avatar"), reader.get(f"{one}/feedback"),
        reader.get("assistant-templates"), reader.post("assistants/trials", question="Hello"),
    ):  # fmt: skip
        assert (response.status_code, response.json()["needs"]) == (403, "assistants:manage")


# templates


def test_assistant_is_made_from_a_template(api):
    rows = {each["key"]: each for each in api.rows("assistant-templates")}
    assert list(rows) == ["general", "coding", "teaching", "writing", "career"]
    coding = rows["coding"]
    made = api.post("assistants", template="coding", model="gpt-4o-mini", description="Ours")
    body = made.json()
    assert (made.status_code, body["template"], body["description"]) == (201, "coding", "Ours")
    for name in (
        "name",
        "instructions",
        "temperature",
        "max_output_tokens",
        "tools",
        "uses_memory",
        "starters",
    ):
        assert body[name] == coding[name], name
    assert api.rows("assistant-templates", fields="key") == [{"key": key} for key in rows]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"template": "poetry", "name": "Poet", "model": "gpt-4o-mini"}, "template"),
        ({"template": ["coding"], "name": "Poet", "model": "gpt-4o-mini"}, "template"),
        ({"template": "coding"}, "model"),
        ({"model": "gpt-4o-mini"}, "name"),
    ],
)
def test_template_that_there_is_not_and_what_it_cannot_say_are_refused(api, body, named):
    refused = api.post("assistants", **body)
    assert (refused.status_code, list(refused.json()["fields"])) == (400, [named])
    assert [each["name"] for each in api.rows("assistants")] == ["Steward"]


def test_archived_ones_are_listed_apart(api, one):
    assert api.rows("assistants", archived="true") == []
    api.delete(one)
    assert [each["name"] for each in api.rows("assistants", archived="true")] == ["Notary"]
    assert [each["name"] for each in api.rows("assistants")] == ["Steward"]
    refused = api.get("assistants", archived="perhaps")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["archived"])


# tests of drafts


def requested(acme, run_id) -> dict:
    with workspace_scope(acme.id):
        return Run.objects.get(id=run_id).request


def test_draft_is_asked_on_top_of_what_is_saved(api, acme, row, one):
    started = api.post(
        "assistants/trials", assistant=str(row.id), question="Well?", draft={"temperature": "0.1"}
    )
    body = started.json()
    assert (started.status_code, body["events_url"]) == (201, f"/api/v1/runs/{body['run']}/events")
    said = requested(acme, body["run"])
    assert (said["draft"]["instructions"], said["draft"]["temperature"], said["question"]) == (
        "Be exact.", "0.10", "Well?",
    )  # fmt: skip
    assert api.get(one).json()["temperature"] != "0.10", "nothing is saved"
    with workspace_scope(acme.id):
        factories.answer(Run.objects.get(id=body["run"]), "Very well.")
    assert api.get(f"runs/{body['run']}").json()["text"] == "Very well."
    again = api.post(
        "assistants/trials", assistant=str(row.id), question="And now?", earlier=[body["run"]]
    ).json()
    assert [each["content"] for each in requested(acme, again["run"])["told"]] == [
        "Well?",
        "Very well.",
        "And now?",
    ]


def test_draft_of_nothing_that_is_saved(api, acme):
    draft = {"model": "gpt-4o-mini", "instructions": "Rhyme."}
    body = api.post("assistants/trials", question="Well?", draft=draft).json()
    assert requested(acme, body["run"])["draft"]["instructions"] == "Rhyme."
    assert [each["name"] for each in api.rows("assistants")] == ["Steward"]


@pytest.mark.parametrize(
    ("body", "status", "code", "named"),
    [
        ({}, 400, "invalid", "question"),
        ({"question": "Well?"}, 400, "invalid", "draft"),
        ({"question": "Well?", "draft": {"instructions": "Rhyme."}}, 400, "invalid", "draft"),
        (
            {"question": "Well?", "draft": {"model": "gpt-4o-mini", "temperature": "3"}},
            400,
            "invalid",
            "draft",
        ),
        ({"question": "Well?", "assistant": "no-id"}, 400, "invalid", "assistant"),
        ({"question": "Well?", "draft": {"model": "gpt-99"}}, 422, "assistant_refused", ""),
        (
            {"question": "Well?", "draft": {"model": "gpt-4o-mini", "tools": ["shell"]}},
            422,
            "assistant_refused",
            "",
        ),
        (
            {"question": "Well?", "draft": {"model": "gpt-4o-mini"}, "earlier": [str(uuid4())]},
            404,
            "not_found",
            "",
        ),
    ],
)
def test_refused_test_asks_nothing(api, acme, body, status, code, named):
    refused = api.post("assistants/trials", **body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert list(refused.json().get("fields", {})) == ([named] if named else [])
    with workspace_scope(acme.id):
        assert not Run.objects.exists()


def test_another_person_s_test_is_no_turn_of_mine(api, admin, acme):
    draft = {"model": "gpt-4o-mini"}
    theirs = Caller(admin).post("assistants/trials", question="Well?", draft=draft).json()["run"]
    refused = api.post("assistants/trials", question="And?", draft=draft, earlier=[theirs])
    assert refused.status_code == 404
    assert api.get(f"runs/{theirs}").status_code == 404
