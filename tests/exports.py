"""Exports that are there to be downloaded, without a worker that made them."""

from datetime import timedelta
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.privacy.models import ExportJob
from tenants import keys


def make(workspace_id: UUID) -> ExportJob:
    """A workspace's, with a file that is none of anybody's."""
    job = ExportJob(workspace_id=workspace_id, state="done", progress=100)
    job.file = default_storage.save(
        keys.file_name(workspace_id, "exports", f"{job.id}.zip"), ContentFile(b"PK")
    )
    job.size, job.finished_at = 2, timezone.now()
    job.expires_at = timezone.now() + timedelta(days=7)
    job.save()
    return job
