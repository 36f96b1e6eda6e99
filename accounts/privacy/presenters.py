"""What the pages about one's data show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.privacy.models import ExportJob, Job


@dataclass(frozen=True)
class Row:
    """`download_url` is empty for an export that is not there."""

    bar_id: str
    created_at: datetime
    is_open: bool
    has_failed: bool
    progress: int
    progress_text: str
    size: int
    expires_at: datetime | None
    download_url: str


def rows(jobs: Sequence[ExportJob], url_of: Callable[[UUID], str]) -> list[Row]:
    return [
        Row(
            bar_id=f"export-{job.id}",
            created_at=job.created_at,
            is_open=job.is_open,
            has_failed=job.state == Job.State.FAILED,
            progress=job.progress,
            progress_text=f"{job.progress} %",
            size=job.size,
            expires_at=job.expires_at,
            download_url=url_of(job.id) if job.file else "",
        )
        for job in jobs
    ]
