"""Uploading, reading, uploading anew, deleting; who sees what; and a worker that dies."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from assistants.documents import parsing, queries, refusals, sandbox, services
from assistants.models import AssistantKnowledge, Document, DocumentChunk, Run
from config import errors, personal
from tenants.models import AuditEntry
from tests import factories
from tests.assistants.documents import files, shelf
from usage.holds.types import QuotaExceeded
from usage.limits import services as limit_services
from usage.models import Counter, Meter

pytestmark = pytest.mark.usefixtures("in_acme")


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    shelf.read_plain_quickly(monkeypatch)


def state(document: Document) -> tuple[str, str, int, int, int]:
    document.refresh_from_db()
    return document.state, document.error_code, document.version, document.tries, document.progress


def actions() -> list[str]:
    rows = AuditEntry.objects.filter(action__startswith="document.").order_by("-id")
    return list(rows.values_list("action", flat=True))


def test_an_upload_is_kept_and_read(member, acme, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as waiting:
        document = shelf.upload(member.member)

    assert (document.name, document.media_type, document.size_bytes) == ("leave.txt", "text/plain", 31)
    assert state(document) == ("uploaded", "", 1, 0, 0)
    assert default_storage.open(document.file).read() == shelf.LEAVE
    assert document.file.startswith(f"workspaces/{acme.id}/documents/") and "leave" not in document.file
    assert len(waiting) == 1
    assert actions()[:1] == ["document.uploaded"]

    shelf.read(document)

    assert state(document) == ("ready", "", 1, 1, 100)
    assert shelf.texts(document) == [shelf.LEAVE.decode()]
    assert (document.characters, document.pages) == (31, 0)


def test_a_refused_file_leaves_nothing(member, tmp_path):
    with pytest.raises(refusals.TypeDisagrees):
        shelf.upload(member.member, b"text", "a.pdf")
    with pytest.raises(refusals.TypeNotAllowed):
        shelf.upload(member.member, files.picture(), "a.png")

    assert not Document.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\Mia\\leave.txt", "leave.txt"),
        ("le\u202eave\u0000\n.txt", "leave.txt"),
        (" \u200b ", "document.txt"),
        ("x" * 300 + ".txt", "x" * 196 + ".txt"),
    ],
)
def test_names_are_what_people_see_and_no_paths(name, kept):
    assert services.clean_name(name, "txt") == kept


def test_the_same_name_again_replaces_and_the_old_passages_stay_until_the_new_are_there(
    member, django_capture_on_commit_callbacks
):
    document = shelf.read(shelf.upload(member.member))
    first_file = document.file

    with django_capture_on_commit_callbacks(execute=True):
        again = shelf.upload(member.member, b"Everybody has 32 days of leave.")

    assert again.id == document.id
    assert state(document) == ("uploaded", "", 2, 0, 0)
    assert shelf.texts(document) == [shelf.LEAVE.decode()]
    assert (default_storage.exists(first_file), default_storage.exists(document.file)) == (False, True)

    shelf.read(document)

    assert state(document) == ("ready", "", 2, 1, 100)
    assert shelf.texts(document) == ["Everybody has 32 days of leave."]
    assert actions()[:2] == ["document.replaced", "document.uploaded"]


def test_the_same_content_again_changes_nothing(member, tmp_path):
    document = shelf.read(shelf.upload(member.member))

    shelf.upload(member.member)

    assert state(document) == ("ready", "", 1, 1, 100)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_the_same_name_in_another_place_is_another_document(member, owner):
    project = shelf.make_project(member)
    ids = {
        shelf.upload(member.member).id,
        shelf.upload(owner.member).id,
        shelf.upload(member.member, is_shared=True).id,
        shelf.upload(member.member, project=project).id,
    }

    assert len(ids) == 4


def test_a_new_version_that_cannot_be_read_leaves_the_old_passages(member):
    document = shelf.read(shelf.upload(member.member, files.pdf(), "a.pdf"))
    before = shelf.texts(document)

    services.replace(
        member=member.member, document=document, file=files.upload("a.pdf", files.pdf("#rect(width: 1pt)"))
    )
    shelf.read(document)

    assert state(document)[:3] == ("failed", "no_text", 2)
    assert shelf.texts(document) == before == ["Leave\nEverybody has 30 days of leave."]


def test_deleting_takes_passages_and_file_along(member, django_capture_on_commit_callbacks):
    document = shelf.read(shelf.upload(member.member))
    stays = shelf.read(shelf.upload(member.member, name="stays.txt"))

    with django_capture_on_commit_callbacks(execute=True):
        services.delete(member=member.member, document=document)

    assert list(Document.objects.values_list("id", flat=True)) == [stays.id]
    assert set(DocumentChunk.objects.values_list("document_id", flat=True)) == {stays.id}
    assert (default_storage.exists(document.file), default_storage.exists(stays.file)) == (False, True)
    assert actions()[0] == "document.deleted"


def used_bytes(acme) -> int:
    return Counter.objects.get(workspace_id=acme.id, meter=Meter.STORED_BYTES).used


def test_the_plan_limits_how_much_is_kept(member, acme, tmp_path):
    limit_services.push_plan(
        workspace_id=acme.id,
        limits=[limit_services.LimitSpec(Meter.STORED_BYTES, "total", 70, block_percent=100)],
    )
    document = shelf.upload(member.member)
    shelf.upload(member.member, name="b.txt")
    assert used_bytes(acme) == 62

    with pytest.raises(QuotaExceeded):
        shelf.upload(member.member, name="c.txt")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2

    # Anew, only what is more counts.
    shelf.upload(member.member, shelf.LEAVE + b" Always")
    assert used_bytes(acme) == 69
    services.delete(member=member.member, document=document)
    assert used_bytes(acme) == 31


# who sees what


def visible(person) -> set[str]:
    return set(queries.visible_to(person.member).values_list("name", flat=True))


def test_a_document_is_its_owner_s_unless_it_is_shared(member, owner, admin):
    mine = shelf.upload(member.member, name="mine.txt")
    shared = shelf.upload(member.member, name="shared.txt", is_shared=True)
    shelf.upload(member.member, name="resume.txt", kind=Document.Kind.RESUME)
    project = shelf.make_project(owner, member)
    shelf.upload(owner.member, name="project.txt", project=project)

    assert visible(member) == {"mine.txt", "shared.txt", "resume.txt", "project.txt"}
    assert visible(owner) == {"shared.txt", "project.txt"}
    assert visible(admin) == {"shared.txt"}

    for document, person in [(mine, owner), (mine, admin)]:
        with pytest.raises(errors.NotFound):
            queries.access_document(person.member, document.id)
    assert queries.access_document(member.member, mine.id) == mine

    with pytest.raises(errors.Forbidden):
        queries.access_changeable(factories.member_of(member.workspace, make_other(member)), shared.id)
    assert queries.access_changeable(admin.member, shared.id) == shared

    services.share(member=member.member, document=shared, is_shared=False)
    assert visible(admin) == set()


def make_other(person):
    user = factories.make_user()
    factories.join(person.workspace, user, factories.Role.MEMBER)
    return user


def test_a_resume_is_never_shared(member, owner):
    shelf.upload(member.member, name="resume.txt", kind=Document.Kind.RESUME, is_shared=True)

    assert visible(owner) == set()


def test_knowledge_of_an_assistant_is_readable_by_whoever_may_use_it(member, owner):
    document = shelf.upload(owner.member, name="knowledge.txt")
    assistant = factories.make_assistant(owner.member)
    AssistantKnowledge.objects.create(assistant=assistant, document=document)

    assert queries.access_document(member.member, document.id) == document
    assert visible(member) == set()
    with pytest.raises(errors.Forbidden):
        queries.access_changeable(member.member, document.id)

    type(assistant).objects.filter(id=assistant.id).update(visibility="person")
    with pytest.raises(errors.NotFound):
        queries.access_document(member.member, document.id)


def test_erasing_a_person_takes_their_documents_along_and_nobody_else_s(
    member, owner, acme, django_capture_on_commit_callbacks
):
    gone = shelf.keep(member.member, "Of mine.", "mine.txt", is_shared=True)
    stays = shelf.keep(owner.member, "Of the owner.", "owner.txt")
    turn = factories.ask(owner.member, "Mine?")
    passage = gone.chunks.get()
    used = {"kind": "passage", "id": str(passage.id), "n": 1, "document": str(gone.id), "name": gone.name}
    Run.objects.filter(id=turn.run.id).update(context={"used": [used]})
    subject = personal.Subject(member.user.id, member.member.person_ref)

    with django_capture_on_commit_callbacks(execute=True):
        counts = personal.erase_person(subject, in_schema=True)

    assert counts["assistants.Document"] == 1
    assert list(Document.objects.values_list("id", flat=True)) == [stays.id]
    assert (default_storage.exists(gone.file), default_storage.exists(stays.file)) == (False, True)
    assert used_bytes(acme) == stays.size_bytes
    turn.run.refresh_from_db()
    assert turn.run.context["used"][0]["name"] == services.GONE


# workers that die


def claim(document: Document) -> Document:
    """As a worker does before it reads; what follows is up to the test."""
    claimed = parsing._claim(document.id)
    assert claimed is not None
    return claimed


def expire(document: Document) -> None:
    Document.objects.filter(id=document.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def woken(monkeypatch, now=None) -> list:
    ids: list = []
    monkeypatch.setattr(services, "enqueue", lambda *, workspace_id, document_id: ids.append(document_id))
    parsing.sweep(now=now or timezone.now())
    return ids


def test_what_a_dead_worker_left_is_read_by_another(member, monkeypatch):
    document = shelf.upload(member.member)
    dead = claim(document)
    assert (woken(monkeypatch), parsing._claim(document.id)) == ([], None)

    expire(document)
    assert woken(monkeypatch) == [document.id]
    shelf.read(document)

    assert state(document) == ("ready", "", 1, 2, 100)
    # What the first one still writes, if it lives after all, is not taken.
    with pytest.raises(parsing.LeaseLost):
        parsing._finish(dead, sandbox.Reading(1, [sandbox.Passage(1, "", "late", 1)]))
    assert shelf.texts(document) == [shelf.LEAVE.decode()]


def test_what_the_broker_lost_is_woken(member, monkeypatch):
    document = shelf.upload(member.member)

    assert woken(monkeypatch) == []
    assert woken(monkeypatch, timezone.now() + timedelta(seconds=61)) == [document.id]


def test_a_document_that_kills_its_workers_is_given_up(member, monkeypatch):
    document = shelf.upload(member.member)
    for _ in range(parsing.MAX_TRIES):
        claim(document)
        expire(document)

    shelf.read(document)

    assert state(document)[:2] == ("failed", "parser_killed")
    assert woken(monkeypatch) == []

    services.retry(member=member.member, document=document)
    shelf.read(document)
    assert state(document)[:4] == ("ready", "", 1, 1)


def test_a_reader_that_fails_says_why_and_the_worker_goes_on(member, monkeypatch):
    bad = shelf.upload(member.member, b"<b>" * 400_000, "a.html")
    monkeypatch.setattr(sandbox, "read", partial(sandbox.read, cpu_s=1))
    shelf.read(bad)
    assert state(bad)[:2] == ("failed", "parser_timeout")
    assert not bad.chunks.exists()

    assert shelf.read(shelf.upload(member.member)).state == "ready"


def test_uploaded_anew_while_it_is_read_the_former_reading_is_dropped(member):
    document = shelf.upload(member.member)
    slow = claim(document)
    shelf.upload(member.member, b"Everybody has 32 days of leave.")

    with pytest.raises(parsing.LeaseLost):
        parsing._finish(slow, sandbox.Reading(0, [sandbox.Passage(0, "", "old", 1)]))

    shelf.read(document)
    assert shelf.texts(document) == ["Everybody has 32 days of leave."]


def test_a_missing_file_says_so(member):
    document = shelf.upload(member.member)
    default_storage.delete(document.file)

    shelf.read(document)

    assert state(document)[:2] == ("failed", "file_missing")
