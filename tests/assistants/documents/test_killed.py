"""A worker that is killed while it has a document read: another reads it, from the beginning, once."""

import os
import signal
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from assistants.documents import parsing, sandbox, services
from assistants.models import Document
from tenants.scope import enter
from tests import factories


def killed(*_, **__) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_a_child(document: Document, workspace_id) -> int:
    """A process of its own parses, and dies of the signal; returns which."""
    connection.close()
    connection.close_pool()
    child = os.fork()
    if child == 0:
        parsing.parse(workspace_id=workspace_id, document_id=document.id)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


@pytest.fixture
def document(committed):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    with enter(workspace):
        row = services.upload(
            member=factories.member_of(workspace, user),
            file=SimpleUploadedFile("a.txt", b"30 days of leave."),
        )
    return row, workspace


@pytest.mark.crash
@pytest.mark.parametrize("when", ["while it is read", "before its passages are written"])
def test_a_killed_worker_s_document_is_read_by_another(document, monkeypatch, when):
    row, workspace = document
    with monkeypatch.context() as patch:
        if when == "while it is read":
            patch.setattr(sandbox, "_listen", killed)
        else:
            patch.setattr(parsing.DocumentChunk.objects, "bulk_create", killed)
        assert die_in_a_child(row, workspace.id) == signal.SIGKILL
    with enter(workspace):
        row.refresh_from_db()
        assert (row.state, row.attempt, row.chunks.count()) == ("parsing", 1, 0)
    # Its lease still holds: nobody else begins.
    parsing.parse(workspace_id=workspace.id, document_id=row.id)
    with enter(workspace):
        row.refresh_from_db()
        assert row.attempt == 1
        assert row.lease_expires_at <= timezone.now() + timedelta(seconds=parsing.LEASE_S)

    later = row.lease_expires_at + timedelta(seconds=1)
    woken: list = []
    monkeypatch.setattr(services, "enqueue", lambda *, workspace_id, document_id: woken.append(document_id))
    parsing.sweep(now=later)
    assert woken.count(row.id) == 1
    monkeypatch.setattr(parsing.timezone, "now", lambda: later)
    parsing.parse(workspace_id=workspace.id, document_id=row.id)

    with enter(workspace):
        row.refresh_from_db()
        assert (row.state, row.attempt, row.tries) == ("ready", 2, 2)
        assert list(row.chunks.values_list("text", flat=True)) == ["30 days of leave."]
