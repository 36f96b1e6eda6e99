"""A résumé over REST: taken in, read, its profile filled by a model, and nobody else's."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from assistants.documents import resumes
from assistants.models import Document, ResumeProfile, Run
from tenants.scope import enter
from tests import factories
from tests.assistants.documents import shelf

URL = "/api/v1/resume"
PROFILE = {
    "summary": "A baker.",
    "experience": [{"role": "Baker", "organisation": "Crumb", "period": "2020", "summary": "Bread"}],
    "skills": ["Baking"],
    "education": [],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    shelf.read_plain_quickly(monkeypatch)


@pytest.fixture
def client(db, member):
    return factories.with_key(factories.make_key(member.member))


def post(client, **body):
    return client.post(URL, body, content_type="application/json")


def read(workspace) -> Document:
    with enter(workspace):
        return shelf.read(Document.objects.get(kind="resume"))


def fill(acme, text: str, **outcome) -> None:
    with enter(acme):
        run = factories.answer(Run.objects.get(kind="resume", state="queued"), text, **outcome)
    resumes.keep(workspace_id=acme.id, run_id=run.id)


def test_text_becomes_a_profile(client, acme):
    taken = post(client, text="I bake since 2020.")
    assert (taken.status_code, taken.json()["state"], taken.json()["profile"]) == (202, "reading", None)
    read(acme)
    filling = client.get(URL).json()
    assert filling["state"] == "filling"
    assert client.get(f"/api/v1/runs/{filling['run']}").json()["kind"] == "resume"
    fill(acme, json.dumps(PROFILE))
    ready = client.get(URL).json()
    assert (ready["state"], ready["profile"], ready["problem"], ready["run"]) == (
        "ready",
        PROFILE,
        None,
        None,
    )
    again = post(client, text="I bake since 2020.").json()
    assert (again["state"], again["profile"]) == ("ready", PROFILE)
    with enter(acme):
        assert Run.objects.filter(kind="resume").count() == 1, "the same content starts nothing"


def test_file_is_taken_as_it_is(client):
    file = SimpleUploadedFile("cv.md", b"# I bake\n")
    taken = client.post(URL, {"file": file})
    assert (taken.status_code, taken.json()["name"]) == (202, "cv.md")


def test_profile_that_failed_is_asked_for_again_by_the_same_content(client, acme):
    post(client, text="I bake.")
    read(acme)
    fill(acme, "no profile")
    failed = client.get(URL).json()
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "profile_unusable")
    assert post(client, text="I bake.").json()["state"] == "filling"


def test_stopped_profile_says_so(client, acme):
    post(client, text="I bake.")
    read(acme)
    run = client.get(URL).json()["run"]
    assert client.post(f"/api/v1/runs/{run}/stop").status_code == 204
    with enter(acme):
        assert Run.objects.get(id=run).state == "stopped"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [({}, 400, "invalid"), ({"text": ""}, 400, "invalid"), ({"text": "x" * 200_001}, 400, "invalid")],
)
def test_refused_resume_leaves_nothing(client, acme, body, status, code):
    response = post(client, **body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    with enter(acme):
        assert not Document.objects.exists()


def test_file_of_another_kind_is_refused(client, acme):
    response = client.post(URL, {"file": SimpleUploadedFile("cv.exe", b"MZ\x00\x01")})
    assert response.status_code == 415
    assert response["Content-Type"] == "application/problem+json"
    with enter(acme):
        assert not Document.objects.exists()


def test_nobody_sees_another_s_resume(client, owner, acme):
    post(client, text="I bake.")
    with enter(acme):
        assert ResumeProfile.objects.count() == 0
    other = factories.with_key(factories.make_key(owner.member))
    assert other.get(URL).status_code == 404
    assert client.get(URL).status_code == 200


# the profile

EDITED = PROFILE | {"summary": "A baker of bread.", "skills": ["Baking", "Selling"]}


@pytest.fixture
def filled(client, acme) -> None:
    post(client, text="I bake since 2020.")
    read(acme)
    fill(acme, json.dumps(PROFILE))


def put(client, body, **headers):
    return client.put(f"{URL}/profile", body, content_type="application/json", headers=headers)


def test_profile_is_read_edited_and_emptied(client, filled, acme):
    assert client.get(f"{URL}/profile").json() == PROFILE
    assert client.get(f"{URL}/profile?fields=skills").json() == {"skills": ["Baking"]}
    edited = put(client, EDITED)
    assert (edited.status_code, edited.json()) == (200, EDITED)
    whole = client.get(URL).json()
    assert (whole["profile"], whole["is_edited"], whole["state"]) == (EDITED, True, "ready")
    assert client.delete(f"{URL}/profile").status_code == 204
    empty = {"summary": "", "experience": [], "skills": [], "education": []}
    assert client.get(f"{URL}/profile").json() == empty
    whole = client.get(URL).json()
    assert (whole["profile"], whole["state"], whole["name"]) == (None, "ready", "resume.txt")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"summary": "x" * 1501}, "summary"),
        ({"summary": None}, "summary"),
        ({"skills": ["x" * 201]}, "skills"),
        ({"skills": ["x"] * 81}, "skills"),
        ({"skills": "Baking"}, "skills"),
        ({"experience": [{"role": "Baker"}]}, "experience"),
        ({"education": [{"degree": "", "institution": "", "period": ""}] * 41}, "education"),
    ],
)
def test_refused_profile_changes_nothing(client, filled, change, named):
    refused = put(client, PROFILE | change)
    assert (refused.status_code, refused.json()["code"], list(refused.json()["fields"])) == (
        400,
        "invalid",
        [named],
    )
    assert client.get(URL).json()["profile"] == PROFILE


def test_profile_with_a_stale_tag_is_refused(client, filled):
    stale = client.get(f"{URL}/profile")["ETag"]
    fresh = put(client, EDITED, **{"If-Match": stale})
    assert (fresh.status_code, fresh["ETag"]) == (200, client.get(f"{URL}/profile")["ETag"])
    refused = put(client, PROFILE, **{"If-Match": stale})
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert client.delete(f"{URL}/profile", headers={"If-Match": stale}).status_code == 412
    assert client.get(f"{URL}/profile").json() == EDITED


def test_profile_is_written_anew_by_a_model(client, filled, acme):
    put(client, EDITED)
    again = client.post(f"{URL}/fill")
    assert (again.status_code, again.json()["state"]) == (202, "filling")
    fill(acme, json.dumps(PROFILE))
    whole = client.get(URL).json()
    assert (whole["profile"], whole["is_edited"]) == (PROFILE, False)


def test_what_is_not_read_yet_cannot_be_filled(client):
    assert client.post(f"{URL}/fill").status_code == 404
    assert client.get(f"{URL}/profile").status_code == 404
    post(client, text="I bake.")
    refused = client.post(f"{URL}/fill")
    assert (refused.status_code, refused.json()["code"]) == (409, "resume_not_read")
    assert client.get(f"{URL}/profile").status_code == 404


def test_resume_is_deleted_with_its_profile(client, filled, acme):
    assert client.delete(URL).status_code == 204
    assert (client.get(URL).status_code, client.delete(URL).status_code) == (404, 404)
    with enter(acme):
        assert not Document.objects.exists() and not ResumeProfile.objects.exists()


def test_nobody_touches_another_s_profile(client, filled, owner):
    other = factories.with_key(factories.make_key(owner.member))
    for response in (
        other.get(f"{URL}/profile"),
        put(other, EDITED),
        other.delete(f"{URL}/profile"),
        other.post(f"{URL}/fill"),
        other.delete(URL),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert client.get(f"{URL}/profile").json() == PROFILE
