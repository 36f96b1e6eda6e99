"""Taking one's data along: what is in the archive, who gets it, and that a killed worker costs nothing."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from accounts.mails.models import Mail
from accounts.privacy import exporting, leases, refusals, services
from accounts.privacy.models import ExportJob
from tenants import keys
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.accounts import proving

pytestmark = pytest.mark.django_db
PRIVACY = "/me/privacy/"


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def person(acme):
    """With a conversation, beside a colleague's."""
    user, colleague = factories.make_user(display_name="Ada"), factories.make_user()
    member, other = (factories.join(acme, each, "member") for each in (user, colleague))
    with workspace_scope(acme.id):
        factories.answer(factories.ask(member, "My own question?").run, "My own answer\nin two lines.")
        factories.answer(factories.ask(other, "A colleague’s question?").run)
    default_storage.save(keys.person_file_name(user.id, "avatar", "a.png"), ContentFile(b"a picture"))
    return user


def build(job: ExportJob) -> zipfile.ZipFile:
    assert exporting.build(job.id)
    job.refresh_from_db()
    return opened(job)


def opened(job: ExportJob) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(default_storage.open(job.file).read()))


def test_it_holds_what_is_kept_about_the_person_as_json_and_markdown(person):
    archive = build(services.request_export(user=person))
    said = json.loads(archive.read("workspaces/acme/assistants-message.json"))
    assert [row["text"] for row in said] == ["My own question?", "My own answer\nin two lines."]
    assert "My own answer" in archive.read("workspaces/acme/assistants-message.md").decode()
    (me,) = json.loads(archive.read("account/accounts-user.json"))
    assert (me["email"], me["display_name"]) == (person.email, "Ada")
    assert archive.read("files/avatar/a.png") == b"a picture"
    assert "usage-ledgerentry.json" in " ".join(archive.namelist())


def test_it_holds_nothing_of_others_and_no_secret(person, acme):
    factories.make_key(factories.member_of(acme, person))
    archive = build(services.request_export(user=person))
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"My own question?" in everything
    assert "A colleague’s question?".encode() not in everything
    assert person.password.encode() not in everything
    assert b"key_hash" not in everything


def test_the_manifest_names_every_file_with_its_sum_and_rows(person):
    archive = build(services.request_export(user=person))
    manifest = json.loads(archive.read("manifest.json"))
    assert {each["file"] for each in manifest["files"]} == set(archive.namelist()) - {"manifest.json"}
    for each in manifest["files"]:
        content = archive.read(each["file"])
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (each["sha256"], each["bytes"])
        if each["file"].endswith(".json"):
            assert len(json.loads(content)) == each["rows"]


def test_a_workspaces_export_holds_everything_in_it(person, acme, owner):
    job = services.request_workspace_export(member=owner.member)
    archive = build(job)
    lines = archive.read("conversations/assistants-message.jsonl").decode().splitlines()
    texts = {json.loads(line)["text"] for line in lines}
    assert {"My own question?", "A colleague’s question?"} <= texts
    members = archive.read("workspace/accounts-membership.jsonl").decode()
    assert person.email in members
    assert archive.testzip() is None


def test_asking_is_entered_and_being_ready_is_told(person):
    job = services.request_export(user=person)
    entry = AuditEntry.objects.get(action="person.export_requested", actor_ref=person.person_reference.ref)
    assert entry.workspace_id is None
    build(job)
    assert Mail.objects.get(key=f"export:{job.id}").kind == "export_ready"


def test_one_at_a_time(person):
    job = services.request_export(user=person)
    with pytest.raises(refusals.ExportRunning):
        services.request_export(user=person)
    build(job)
    services.request_export(user=person)
    assert ExportJob.objects.filter(user=person).count() == 2


def test_a_worker_at_a_time_and_a_dead_ones_successor_finishes(person):
    job = services.request_export(user=person)
    dead = leases.claim(ExportJob, job.id)
    assert exporting.build(job.id) is False
    assert services.sweep(now=timezone.now()) == 0
    ExportJob.objects.filter(id=job.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert leases.list_due(ExportJob, now=timezone.now()) == [job.id]
    build(job)
    assert job.attempt == 2
    with pytest.raises(leases.LeaseLost):
        exporting._finish(dead, default_storage.save("late.zip", ContentFile(b"late")), 4)
    assert not default_storage.exists("late.zip")


def test_it_is_given_up_after_some_attempts(person):
    job = services.request_export(user=person)
    ExportJob.objects.filter(id=job.id).update(attempt=exporting.MOST_ATTEMPTS)
    assert exporting.build(job.id) is False
    job.refresh_from_db()
    assert job.state == "failed"


def test_a_lost_wake_up_is_found(person):
    job = services.request_export(user=person)
    later = timezone.now() + leases.UNSEEN
    assert leases.list_due(ExportJob, now=timezone.now()) == []
    assert leases.list_due(ExportJob, now=later) == [job.id]


def test_it_is_deleted_after_its_days(person):
    job = services.request_export(user=person)
    build(job)
    assert services.sweep(now=job.expires_at - timedelta(seconds=1)) == 0
    assert services.sweep(now=job.expires_at) == 1
    assert not default_storage.exists(job.file)
    client = proving.sign_in(person)
    assert client.get(reverse("privacy-export-download", args=[job.id])).status_code == 404


def test_only_the_newest_is_kept(person):
    first, second = services.request_export(user=person), None
    build(first)
    second = services.request_export(user=person)
    build(second)
    assert not default_storage.exists(first.file)
    assert default_storage.exists(second.file)


def test_its_owner_downloads_it_after_proving_who_they_are(person):
    job = services.request_export(user=person)
    build(job)
    url = reverse("privacy-export-download", args=[job.id])
    client = factories.sign_in(person)
    asked = client.get(url)
    assert asked.status_code == 302
    assert "reauthenticate" in asked["Location"]
    response = proving.sign_in(person).get(url)
    assert response["Content-Type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))).testzip() is None


def test_nobody_else_downloads_it(person, owner, acme):
    job = services.request_export(user=person)
    build(job)
    assert (
        proving.sign_in(owner.user).get(reverse("privacy-export-download", args=[job.id])).status_code == 404
    )
    assert factories.browser().get(reverse("privacy-export-download", args=[job.id])).status_code == 302
    of_workspace = f"/w/{acme.slug}/settings/export/{job.id}/"
    assert proving.sign_in(owner.user).get(of_workspace).status_code == 404


def test_a_workspaces_export_is_its_owners(acme, owner, admin, globex_owner):
    job = services.request_workspace_export(member=owner.member)
    build(job)
    url = f"/w/{acme.slug}/settings/export/{job.id}/"
    assert proving.sign_in(owner.user).get(url).status_code == 200
    assert proving.sign_in(admin.user).get(url).status_code == 403
    assert proving.sign_in(globex_owner.user).get(f"/w/globex/settings/export/{job.id}/").status_code == 404


def test_the_pages_ask_and_show_progress(person):
    client = proving.sign_in(person)
    assert client.post("/me/privacy/export/").status_code == 302
    job = ExportJob.objects.get(user=person)
    page = client.get(PRIVACY).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "Being made" in page
    build(job)
    fragment = client.get(PRIVACY, headers={"HX-Request": "true"}).content.decode()
    assert fragment.startswith('<div id="exports"')
    assert "hx-trigger" not in fragment
    assert reverse("privacy-export-download", args=[job.id]) in fragment
