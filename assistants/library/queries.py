"""Lists of conversations: by key set, filtered, at the same cost on every page."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, Func, OuterRef, Q, QuerySet, Value

from accounts.permissions import Member
from assistants.library import keyset
from assistants.models import Conversation, Run
from assistants.projects import queries as projects
from config import errors

PAGE_LENGTH = 30
PINNED_LENGTH = 50
TAGS_LENGTH = 40


@dataclass(frozen=True)
class Filters:
    """`show`: all (but archived), pinned, archived, deleted."""

    show: str = "all"
    tag: str = ""
    project_id: UUID | None = None

    @property
    def is_plain(self) -> bool:
        return self == Filters()


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to, each only where it is said. `is_deleted`: one's own, while they can be taken back."""

    is_deleted: bool = False
    is_archived: bool | None = None
    is_pinned: bool | None = None
    is_temporary: bool | None = None
    tag: str = ""
    project_id: UUID | None = None
    assistant_id: UUID | None = None


def list_wanted(member: Member, wanted: Wanted) -> QuerySet[Conversation]:
    """What the member sees of it, in no order. Asks for the member's projects at once."""
    scope = scope_of(member)
    rows = scope.own().filter(deleted_at__isnull=False) if wanted.is_deleted else scope.all()
    for column, said in (("archived_at", wanted.is_archived), ("pinned_at", wanted.is_pinned)):
        if said is not None:
            rows = rows.filter(**{f"{column}__isnull": not said})
    if wanted.is_temporary is not None:
        rows = rows.filter(is_temporary=wanted.is_temporary)
    if wanted.tag:
        rows = rows.filter(tags__contains=[wanted.tag])
    if wanted.project_id:
        rows = rows.filter(project_id=wanted.project_id)
    if wanted.assistant_id:
        rows = rows.filter(assistant_id=wanted.assistant_id)
    return rows


@dataclass(frozen=True)
class Page:
    rows: list[Conversation]
    pinned: list[Conversation] = field(default_factory=list)
    next: str = ""


@dataclass(frozen=True)
class Scope:
    """Whose conversations are listed: one's own, and those of others in these projects. Made by one query."""

    person_id: UUID
    project_ids: tuple[UUID, ...]

    def own(self) -> QuerySet[Conversation]:
        return Conversation.objects.filter(owner_id=self.person_id)

    def others(self) -> QuerySet[Conversation]:
        rows = Conversation.objects.filter(project_id__in=self.project_ids)
        return rows.exclude(owner_id=self.person_id)

    def all(self) -> QuerySet[Conversation]:
        # SECURITY: the same rule as chat.queries.visible_to, with the projects' ids already known.
        return Conversation.objects.filter(
            Q(owner_id=self.person_id) | Q(project_id__in=self.project_ids), deleted_at=None
        )


def scope_of(member: Member) -> Scope:
    return Scope(member.user_id, tuple(projects.visible_project_ids(member)))


def list_page(scope: Scope, filters: Filters, after: str | None = None) -> Page:
    """Two queries; a third for what is pinned, on the first page of the plain list."""
    place = keyset.read(after)
    is_first = filters.is_plain and place is None
    without_pinned = Q(pinned_at=None) if filters.is_plain else Q()
    branches = [_filtered(scope.own().filter(without_pinned), filters)]
    if scope.project_ids and filters.show in ("all", "archived"):
        branches.append(_filtered(scope.others(), filters))
    ids = [_ids(rows.filter(place.beyond if place else Q())) for rows in branches]
    found = ids[0].union(*ids[1:], all=True).order_by("-updated_at", "-id") if ids[1:] else ids[0]
    keys = list(found[: PAGE_LENGTH + 1])
    more = len(keys) > PAGE_LENGTH
    rows = _rows([key for key, _ in keys[:PAGE_LENGTH]])
    last = keyset.Place(rows[-1].updated_at, rows[-1].id).text if more and rows else ""
    return Page(rows, _pinned(scope) if is_first else [], last)


def _ids(rows: QuerySet[Conversation]) -> QuerySet[Conversation, Any]:
    return rows.order_by("-updated_at", "-id").values_list("id", "updated_at")[: PAGE_LENGTH + 1]


def _filtered(rows: QuerySet[Conversation], filters: Filters) -> QuerySet[Conversation]:
    rows = rows.filter(deleted_at__isnull=filters.show != "deleted")
    if filters.show != "deleted":
        rows = rows.filter(archived_at__isnull=filters.show != "archived")
    if filters.show == "pinned":
        rows = rows.filter(pinned_at__isnull=False)
    if filters.tag:
        rows = rows.filter(tags__contains=[filters.tag])
    if filters.project_id:
        rows = rows.filter(project_id=filters.project_id)
    return rows


def _pinned(scope: Scope) -> list[Conversation]:
    rows = _filtered(scope.own(), replace(Filters(), show="pinned")).order_by("-pinned_at", "-id")
    return list(told(rows)[:PINNED_LENGTH])


def _rows(ids: list[UUID]) -> list[Conversation]:
    return list(told(Conversation.objects.filter(id__in=ids)).order_by("-updated_at", "-id"))


def rows_of(ids: list[UUID]) -> dict[UUID, Conversation]:
    """What lists tell of them. The caller has checked that they may be seen. One query."""
    return {row.id: row for row in told(Conversation.objects.filter(id__in=ids))}


def told(rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """With what lists tell of each: assistant, project, whether an answer is being written."""
    running = Run.objects.filter(message__conversation_id=OuterRef("id"), state__in=["queued", "running"])
    return rows.select_related("assistant", "project").defer("search").annotate(is_running=Exists(running))


def list_tags(scope: Scope) -> list[tuple[str, int]]:
    """A person's own, with how many conversations have each; the most used ones. One query."""
    rows = scope.own().filter(deleted_at=None).exclude(tags=Value("{}"))
    each = rows.annotate(tag=Func(F("tags"), function="unnest")).values("tag").annotate(number=Count("id"))
    return list(each.order_by("-number", "tag").values_list("tag", "number")[:TAGS_LENGTH])


def access_deleted(member: Member, conversation_id: UUID) -> Conversation:
    """One's own, while it can still be taken back. Raises NotFound."""
    rows = Conversation.objects.filter(owner_id=member.user_id, deleted_at__isnull=False)
    row = rows.filter(id=conversation_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def access_visible(member: Member, conversation_id: UUID) -> Conversation:
    """For reading. Raises NotFound."""
    row = scope_of(member).all().filter(id=conversation_id).select_related("assistant").first()
    if row is None:
        raise errors.NotFound()
    return row


def access_own(member: Member, conversation_id: UUID) -> Conversation:
    """For what only its owner may do. Raises NotFound; Forbidden for a colleague's in a common project."""
    row = access_visible(member, conversation_id)
    if row.owner_id != member.user_id:
        raise errors.Forbidden("Only the person who started this conversation may do that.")
    return row


def list_due(before: datetime) -> QuerySet[Conversation]:
    """Deleted so long ago that they are erased, unless an answer is being written. In the workspace."""
    running = Run.objects.filter(message__conversation_id=OuterRef("id"), state__in=["queued", "running"])
    return Conversation.objects.filter(~Exists(running), deleted_at__lt=before)
