"""The job that makes an export: reads the registry of personal data, writes a ZIP, and may die at any point."""

import contextlib
import logging
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import PurePosixPath
from typing import IO
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts import queries as accounts_queries
from accounts.mails import services as mails
from accounts.privacy import files, leases, subjects
from accounts.privacy.archive import Archive, read
from accounts.privacy.models import ExportJob, Job
from config import personal
from config.personal import Exported
from tenants import keys, links
from tenants.scope import get_ref, workspace_scope
from tenants.webhooks import emission

KEPT = timedelta(days=7)
MOST_ATTEMPTS = 5
RENEW_S = 20
FOLDER = "exports"
README = """# Your data

Everything that is kept about {whose}, as of the time in manifest.json.

- `*.json` (or `*.jsonl`, one row a line) is for programs, the `*.md` beside it says the same for people.
- `files/` holds files that were uploaded.
- `manifest.json` lists every file with its SHA-256 and how many rows it has.

Times are in UTC. Passwords, keys and codes are not in here: nobody can read them, and nobody should.
"""
logger = logging.getLogger(__name__)


def build(job_id: UUID) -> bool:
    """Makes the export, unless somebody else does or did. True when this call finished it."""
    job = leases.claim(ExportJob, job_id)
    if job is None:
        return False
    if job.attempt > MOST_ATTEMPTS:
        leases.write(job, state=Job.State.FAILED, finished_at=timezone.now())
        return False
    try:
        with tempfile.TemporaryFile() as file:
            _write(job, file)
            size = file.tell()
            file.seek(0)
            name = default_storage.save(_file_name(job), File(file))
        return _finish(job, name, size)
    except leases.LeaseLost:
        logger.warning("an export was taken over by another worker", extra={"job_id": str(job_id)})
        return False


def _file_name(job: ExportJob) -> str:
    """With the attempt: what a dead worker left behind is another file."""
    name = f"{job.id}-{job.attempt}.zip"
    if job.workspace_id is not None:
        return keys.file_name(job.workspace_id, FOLDER, name)
    assert job.user_id is not None
    return keys.person_file_name(job.user_id, FOLDER, name)


class _Progress:
    """Tells how far it is, and renews the lease, no more often than every RENEW_S; also within a long part."""

    def __init__(self, job: ExportJob, parts: int) -> None:
        self._job, self._parts, self._done, self._renewed_at_s = job, parts, 0, time.monotonic()

    def advance(self) -> None:
        self._done += 1
        leases.renew(self._job, progress=min(99, self._done * 100 // self._parts))
        self._renewed_at_s = time.monotonic()

    def tick(self) -> None:
        if time.monotonic() - self._renewed_at_s > RENEW_S:
            leases.renew(self._job)
            self._renewed_at_s = time.monotonic()


def _write(job: ExportJob, file: IO[bytes]) -> None:
    if job.workspace_id is not None:
        _write_workspace(job, job.workspace_id, file)
    else:
        _write_person(job, file)


def _write_person(job: ExportJob, file: IO[bytes]) -> None:
    assert job.user is not None
    subject = subjects.of(job.user)
    outside = [item for item in personal.exported(in_schema=False) if item.person is not None]
    inside = [item for item in personal.exported(in_schema=True) if item.person is not None]
    workspaces = accounts_queries.list_workspaces(job.user.id)
    progress = _Progress(job, len(outside) + len(inside) * len(workspaces) + 1)
    archive = Archive(file, as_lines=False, on_rows=progress.tick)
    archive.add_text("README.md", README.format(whose="you"))
    for item in outside:
        _add(archive, "account", item, subject, progress)
    for workspace in workspaces:
        with workspace_scope(workspace.id, allow_suspended=True):
            for item in inside:
                folder = f"workspaces/{workspace.slug}"
                _add(archive, folder, item, subject, progress)
                if item.files is not None:
                    _add_named(archive, folder, item.files(subject))
    _add_files(archive, f"people/{job.user.id}", progress)
    archive.close(of="person", person=job.user.email)


def _write_workspace(job: ExportJob, workspace_id: UUID, file: IO[bytes]) -> None:
    items = [item for item in personal.exported() if item.workspace is not None]
    workspace = get_ref(id=workspace_id)
    progress = _Progress(job, len(items) + 1)
    archive = Archive(file, as_lines=True, on_rows=progress.tick)
    archive.add_text("README.md", README.format(whose=f"the workspace {workspace.name}"))
    with workspace_scope(workspace_id, allow_suspended=True):
        for item in items:
            folder = "conversations" if personal.lives_in_schema(item) else "workspace"
            _add(archive, folder, item, workspace_id, progress)
    _add_files(archive, f"workspaces/{workspace_id}", progress)
    archive.close(of="workspace", workspace=workspace.name)


def _add(archive: Archive, folder: str, item: Exported, whose: object, progress: _Progress) -> None:
    part = item.workspace if isinstance(whose, UUID) else item.person
    assert part is not None
    archive.add_rows(folder, item, _ticking(read(item, part.rows(whose), whose), progress))
    progress.advance()


def _ticking(rows: Iterator[dict[str, object]], progress: _Progress) -> Iterator[dict[str, object]]:
    for row in rows:
        progress.tick()
        yield row


def _add_files(archive: Archive, folder: str, progress: _Progress) -> None:
    for name in files.below(folder):
        inside = PurePosixPath(name).relative_to(folder)
        if inside.parts[0] != FOLDER:
            with default_storage.open(name) as source:
                archive.add_file(f"files/{inside}", source)
    progress.advance()


def _add_named(archive: Archive, folder: str, names: list[str]) -> None:
    """Under their last part, which is nobody's choice and never used twice."""
    for name in names:
        with contextlib.suppress(FileNotFoundError), default_storage.open(name) as source:
            archive.add_file(f"{folder}/files/{PurePosixPath(name).name}", source)


def _finish(job: ExportJob, name: str, size: int) -> bool:
    now = timezone.now()
    fields = {"state": Job.State.DONE, "progress": 100, "file": name, "size": size}
    try:
        with transaction.atomic():
            leases.write(job, finished_at=now, expires_at=now + KEPT, **fields)
            _tell(job)
            if job.workspace_id is not None:
                emission.emit(
                    "export.ready",
                    workspace_id=job.workspace_id,
                    export_id=job.id,
                    size=size,
                    expires_at=(now + KEPT).isoformat(),
                )
    except leases.LeaseLost:
        default_storage.delete(name)
        raise
    _delete_former(job)
    return True


def _tell(job: ExportJob) -> None:
    if job.user is None or not job.user.is_active:
        return
    if job.workspace_id is not None:
        workspace = get_ref(id=job.workspace_id)
        url = links.absolute_workspace_url(workspace, "settings-export")
        context = {"what": f"the workspace {workspace.name}", "url": url}
    else:
        context = {"what": "your data", "url": settings.BASE_URL + reverse("privacy")}
    mails.send_once(
        f"export:{job.id}", kind="export_ready", to=[job.user.email], context={**context, "days": KEPT.days}
    )


def _delete_former(job: ExportJob) -> None:
    """Only the newest export of a person or a workspace is kept."""
    of = (
        {"workspace_id": job.workspace_id}
        if job.workspace_id
        else {"user_id": job.user_id, "workspace": None}
    )
    for former in ExportJob.objects.filter(**of).exclude(id=job.id).exclude(file=""):
        delete_file(former)


def delete_file(job: ExportJob) -> None:
    """The row stays and says that there was one."""
    if job.file:
        default_storage.delete(job.file)
    ExportJob.objects.filter(id=job.id).update(file="", size=0, expires_at=None)
