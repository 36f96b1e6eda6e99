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
