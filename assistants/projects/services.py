"""Writes to projects. Their owner manages them; their members see everything in them and write in it."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import queries as accounts_queries
from accounts import services as accounts_services
from accounts.permissions import Member
from assistants.models import Project, ProjectMember
from config import errors
from tenants import audit

MAX_INSTRUCTIONS = 8_000
MAX_MEMBERS = 200
FIELDS = ("name", "description", "instructions")


class NotProjectOwner(errors.Forbidden):
    code = "not_project_owner"
    message = "Only the owner of this project may change it."


class OwnerStays(errors.DomainError):
    code = "project_owner_stays"
    status = 409
    message = "The owner of a project cannot be taken out of it. Archive it instead."


class NotInWorkspace(errors.DomainError):
    code = "not_in_workspace"
    status = 422
    message = "Choose somebody of this workspace."


class TooManyMembers(errors.DomainError):
    code = "too_many_members"
    status = 422
    message = f"A project can have {MAX_MEMBERS} members at most."


def create(*, member: Member, name: str, description: str = "", instructions: str = "") -> Project:
    now = timezone.now()
    with transaction.atomic():
        project = Project.objects.create(
            name=name,
            description=description,
            instructions=instructions,
            owner_id=member.user_id,
            created_at=now,
            updated_at=now,
        )
        _record("project.created", member, project)
    return project


def edit(*, member: Member, project: Project, changes: dict[str, str]) -> None:
    """`changes`: FIELDS → value. The names of those that changed go into the audit log. Raises NotProjectOwner."""
    require_owner(member, project)
    changed = [name for name in FIELDS if name in changes and getattr(project, name) != changes[name]]
    if not changed:
        return
    with transaction.atomic():
        for name in changed:
            setattr(project, name, changes[name])
        project.updated_at = timezone.now()
        project.save(update_fields=[*changed, "updated_at"])
        _record("project.edited", member, project, fields=changed)


def set_archived(*, member: Member, project: Project, is_archived: bool) -> None:
    """An archived one is in no list and takes nothing new; what is in it stays. Raises NotProjectOwner."""
    require_owner(member, project)
    if bool(project.archived_at) == is_archived:
        return
    with transaction.atomic():
        Project.objects.filter(id=project.id).update(archived_at=timezone.now() if is_archived else None)
        _record("project.archived" if is_archived else "project.unarchived", member, project)


def change(
    *, member: Member, project: Project, changes: dict[str, str], is_archived: bool | None = None
) -> None:
    """`edit` and `set_archived` together, all or nothing; None leaves the archive as it is. Raises NotProjectOwner."""
    with transaction.atomic():
        edit(member=member, project=project, changes=changes)
        if is_archived is not None:
            set_archived(member=member, project=project, is_archived=is_archived)


def add_member(*, member: Member, project: Project, user_id: UUID) -> None:
    """Somebody of the workspace. Nothing happens for who is in it. Raises NotProjectOwner, NotInWorkspace,
    TooManyMembers."""
    require_owner(member, project)
    if user_id not in accounts_queries.list_people(member.workspace_id):
        raise NotInWorkspace()
    if user_id == project.owner_id:
        return
    with transaction.atomic():
        Project.objects.select_for_update().get(id=project.id)
        there = ProjectMember.objects.filter(project=project)
        if there.filter(user_id=user_id).exists():
            return
        if there.count() >= MAX_MEMBERS:
            raise TooManyMembers()
        ProjectMember.objects.create(project=project, user_id=user_id, created_at=timezone.now())
        _record_person("project.member_added", member, project, user_id)


def remove_member(*, member: Member, project: Project, user_id: UUID) -> None:
    """By the owner, or oneself. Conversations that the person started in it stay theirs, and stay in it.
    Raises NotProjectOwner, OwnerStays, NotFound for who is not in it."""
    if user_id != member.user_id:
        require_owner(member, project)
    if user_id == project.owner_id:
        raise OwnerStays()
    with transaction.atomic():
        if not ProjectMember.objects.filter(project=project, user_id=user_id).delete()[0]:
            raise errors.NotFound()
        _record_person("project.member_removed", member, project, user_id)


def require_owner(member: Member, project: Project) -> None:
    if project.owner_id != member.user_id:
        raise NotProjectOwner()


def _record(action: str, member: Member, project: Project, **data: Any) -> None:
    audit.record(
        action,
        actor=member.actor,
        workspace_id=member.workspace_id,
        target=("project", project.id),
        **data,
    )


def _record_person(action: str, member: Member, project: Project, user_id: UUID) -> None:
    """Who it was is sealed under the person's reference: erasing them names nobody there either."""
    ref = accounts_services.person_reference_of(user_id=user_id)
    name = accounts_queries.list_people(member.workspace_id).get(user_id, "")
    _record(action, member, project, personal={"person": name}, about=ref)
