"""What the composer's form holds. Without scripts its files come along with it; with them they came before."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts.requests import MemberRequest
from assistants.chat import attaching, file_presenters
from assistants.documents.refusals import FileRefused
from usage.holds.types import QuotaExceeded


@dataclass
class Asked:
    """`refusals`: why files were not taken in, in words; then nothing may be sent."""

    text: str
    attachments: list[UUID] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    status: int = 422


def read(request: MemberRequest) -> Asked:
    """Takes the form's files in, each by itself."""
    asked = Asked(request.POST.get("text", ""))
    for text in request.POST.getlist("attachments")[: attaching.MOST_UNSENT]:
        try:
            asked.attachments.append(UUID(text))
        except ValueError:
            raise attaching.AttachmentGone() from None
    for file in request.FILES.getlist("files")[: attaching.MOST_UNSENT]:
        try:
            asked.attachments.append(attaching.upload(member=request.member, file=file).id)
        except (FileRefused, QuotaExceeded, attaching.AttachmentRefused) as refusal:
            asked.refusals.append(f"{file.name}: {refusal.message}")
            asked.status = refusal.status
    return asked


def refused(asked: Asked, refusal: attaching.AttachmentRefused) -> Asked:
    """Read, and not sent."""
    return Asked(asked.text, asked.attachments, [refusal.message], refusal.status)


def filled(request: MemberRequest, asked: Asked) -> dict[str, Any]:
    """For the page that comes back: what was written and given is in the composer, with why it was not sent."""
    rows = attaching.list_unsent(request.member, asked.attachments)
    return {
        "composer_text": asked.text,
        "pending": [file_presenters.shown(request, row) for row in rows],
        "refusals": asked.refusals,
    }
