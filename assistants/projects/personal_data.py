"""Projects: of whoever owns them, and of the people in them."""

from uuid import UUID

from django.db.models import Q, QuerySet

from assistants.models import Document, Project, ProjectMember
from config.personal import Exported, Holding, Subject, deleted


def _projects(subject: Subject) -> QuerySet[Project]:
    return Project.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _all_projects(workspace_id: UUID) -> QuerySet[Project]:
    return Project.objects.order_by("created_at", "id")


def _places(subject: Subject) -> QuerySet[ProjectMember]:
    return ProjectMember.objects.filter(user_id=subject.user_id).order_by("created_at", "id")


def _all_places(workspace_id: UUID) -> QuerySet[ProjectMember]:
    return ProjectMember.objects.order_by("created_at", "id")


def _erase_projects(subject: Subject) -> int:
    """A project in which others are goes on: whoever has been in it longest owns it then. One without others goes; its
    files stay with their owners."""
    count = 0
    for project in _projects(subject):
        heir = ProjectMember.objects.filter(~Q(user_id=subject.user_id), project=project).order_by(
            "created_at", "id"
        )
        first = heir.first()
        if first is None:
            Document.objects.filter(project=project).update(project=None)
            project.delete()
        else:
            Project.objects.filter(id=project.id).update(owner_id=first.user_id)
            first.delete()
        count += 1
    return count


HELD: list[Holding] = [
    Exported(
        "assistants.ProjectMember",
        "People in projects",
        ("project_id", "project__name", "created_at"),
        person=deleted(_places),
        workspace=deleted(_all_places),
    ),
    Exported(
        "assistants.Project",
        "Projects",
        ("id", "name", "description", "instructions", "created_at", "updated_at", "archived_at"),
        person=deleted(_projects, erase=_erase_projects),
        workspace=deleted(_all_projects),
    ),
]
