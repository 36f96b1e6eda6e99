"""Reads of projects. `access_project` is the only way a view obtains one: it checks who may see it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts import queries as accounts_queries
from accounts.permissions import Member
from assistants.models import Conversation, Document, Project, ProjectMember
from config import errors


def visible_to(member: Member) -> QuerySet[Project]:
    """Those that the person made, and those that they were taken into; archived ones too."""
    # SECURITY: a project is nobody else's, whatever their role in the workspace.
    joined = ProjectMember.objects.filter(user_id=member.user_id).values("project_id")
    return Project.objects.filter(Q(owner_id=member.user_id) | Q(id__in=joined))


def visible_project_ids(member: Member) -> QuerySet[Any, UUID]:
    """Their ids, for use within another query: `project_id__in=visible_project_ids(member)`."""
    return visible_to(member).values_list("id", flat=True)


def access_project(member: Member, project_id: UUID) -> Project:
    """Raises NotFound."""
    project = visible_to(member).filter(id=project_id).first()
    if project is None:
        raise errors.NotFound()
    return project


@dataclass(frozen=True)
class ProjectRow:
    id: UUID
    name: str
    description: str
    owner_id: UUID
    is_archived: bool
    conversations: int
    people: int


def list_projects(member: Member, *, is_archived: bool = False) -> list[ProjectRow]:
    """By name. One query."""
    rows = counted(member).filter(archived_at__isnull=not is_archived).order_by("name", "id")
    return [
        ProjectRow(
            row.id, row.name, row.description, row.owner_id, bool(row.archived_at), row.talks, row.others + 1
        )
        for row in rows
    ]


def counted(member: Member) -> QuerySet[Any]:
    """With `talks`, how many conversations are in each, and `others`, how many people besides its owner."""
    return visible_to(member).annotate(
        talks=_count(Conversation.objects.filter(project=OuterRef("id"), deleted_at=None), "project"),
        others=_count(ProjectMember.objects.filter(project=OuterRef("id")), "project"),
    )


def access_counted(member: Member, project_id: UUID) -> Project:
    """Raises NotFound."""
    row = counted(member).filter(id=project_id).first()
    if row is None:
        raise errors.NotFound()
    return row


@dataclass(frozen=True)
class Person:
    id: UUID
    name: str
    is_owner: bool
    is_self: bool


def list_names(member: Member) -> list[tuple[UUID, str]]:
    """Of those that are open, for a choice. One query."""
    rows = visible_to(member).filter(archived_at=None).order_by("name", "id")
    return list(rows.values_list("id", "name"))


def list_person_ids(project: Project) -> list[UUID]:
    """Everybody in it, its owner first, then in the order of joining."""
    joined = ProjectMember.objects.filter(project=project).order_by("created_at", "id")
    return [project.owner_id, *joined.values_list("user_id", flat=True)]


def list_people(member: Member, project: Project) -> list[Person]:
    """Who has left the workspace is not shown: they see nothing here. Two queries."""
    names = accounts_queries.list_people(member.workspace_id)
    return [
        Person(key, names[key], key == project.owner_id, key == member.user_id)
        for key in list_person_ids(project)
        if key in names
    ]


def list_documents(project: Project) -> list[Document]:
    """Its files, newest first."""
    return list(Document.objects.filter(project=project).order_by("-created_at", "-id")[:200])


def _count(rows: QuerySet[Any], group: str) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values(group).annotate(n=Count("id")).values("n")), 0)
