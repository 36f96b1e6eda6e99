"""Where a document goes: to its owner alone, to everyone in the workspace, or into a project."""

from dataclasses import dataclass
from uuid import UUID

from accounts.permissions import Member
from assistants.documents import queries
from assistants.models import Project
from config import errors

SHARED = "shared"


@dataclass(frozen=True)
class Place:
    project: Project | None = None
    is_shared: bool = False


def read(member: Member, text: str) -> Place:
    """Of a form's field: empty, `shared`, or a project's id. Raises NotFound for a project that is not the member's."""
    if not text:
        return Place()
    if text == SHARED:
        return Place(is_shared=True)
    try:
        return Place(project=queries.access_project(member, UUID(text)))
    except ValueError as error:
        raise errors.NotFound() from error
