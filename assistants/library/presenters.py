"""Conversations as lists show them: plain values, made without a query."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.utils.safestring import SafeString

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.library import queries, search
from assistants.models import Conversation

SHOWS = (("all", "All"), ("pinned", "Pinned"), ("archived", "Archived"), ("deleted", "Deleted"))


@dataclass(frozen=True)
class Row:
    id: UUID
    title: str | SafeString
    plain_title: str
    url: str
    keep_url: str
    assistant: str
    project: str
    project_url: str
    tags: list[dict[str, str]]
    updated_at: datetime
    deleted_at: datetime | None
    is_running: bool
    is_own: bool
    is_pinned: bool
    is_archived: bool
    snippet: str | SafeString = ""


@dataclass(frozen=True)
class _Roots:
    """Where addresses of rows begin: found once for a list."""

    chats: str
    lists: str
    projects: str
    person_id: UUID


def _roots(request: MemberRequest) -> _Roots:
    chats, lists, projects = (page_url(request, name) for name in ("chat", "conversations", "projects"))
    return _Roots(chats, lists, projects, request.member.user_id)


def rows(request: MemberRequest, found: list[Conversation]) -> list[Row]:
    roots = _roots(request)
    return [_row(roots, row) for row in found]


def hits(request: MemberRequest, found: list[search.Hit]) -> list[Row]:
    roots = _roots(request)
    return [_row(roots, hit.conversation, hit) for hit in found]


def _row(roots: _Roots, row: Conversation, hit: search.Hit | None = None) -> Row:
    url = f"{roots.chats}{row.id}/"
    plain = row.title or "New conversation"
    title: str | SafeString = plain
    if hit is not None:
        title = hit.title or title
        url = f"{url}?at={hit.message_id}" if hit.message_id else url
    return Row(
        id=row.id,
        title=title,
        plain_title=plain,
        url=url,
        keep_url=f"{roots.lists}{row.id}/",
        assistant=row.assistant.name,
        project=row.project.name if row.project else "",
        project_url=f"{roots.projects}{row.project_id}/" if row.project_id else "",
        tags=[{"name": tag, "url": f"{roots.lists}?{query(tag=tag)}"} for tag in row.tags],
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
        is_running=bool(getattr(row, "is_running", False)),
        is_own=row.owner_id == roots.person_id,
        is_pinned=row.pinned_at is not None,
        is_archived=row.archived_at is not None,
        snippet=hit.snippet if hit else "",
    )


def query(**values: object) -> str:
    return urlencode({name: value for name, value in values.items() if value})


def shows(request: MemberRequest, filters: queries.Filters) -> list[dict[str, object]]:
    lists = page_url(request, "conversations")
    return [
        {
            "label": label,
            "url": f"{lists}?{query(show='' if key == 'all' else key)}".rstrip("?"),
            "is_current": filters.show == key and not filters.tag and not filters.project_id,
        }
        for key, label in SHOWS
    ]


def address_of(filters: queries.Filters, **more: object) -> str:
    """The query of the same list, for its next page and for coming back."""
    show = "" if filters.show == "all" else filters.show
    return query(show=show, tag=filters.tag, project=filters.project_id, **more)
