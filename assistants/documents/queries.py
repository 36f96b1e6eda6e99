"""Which documents somebody sees, and the passages of them. In the workspace."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from accounts import queries as accounts_queries
from accounts.permissions import Member, Permission
from assistants.builder import drafts
from assistants.builder import queries as builder_queries
from assistants.models import (
    Assistant,
    AssistantKnowledge,
    Attachment,
    Conversation,
    Document,
    DocumentChunk,
    Project,
    ProjectMember,
    ResumeProfile,
)
from assistants.recall import embedding
from assistants.recall import index as recall
from config import errors
from tenants import keys
from tenants.scope import current_workspace


class PassageGone(errors.NotFound):
    """Its document was uploaded anew since, or deleted. `data`: action_url, when the document is still there."""

    code = "passage_gone"
    message = "This passage is no longer there: the document was uploaded anew or deleted since."


@dataclass(frozen=True)
class Passage:
    """A piece of a document that was found. `page`: 0 where there are none."""

    id: UUID
    document_id: UUID
    name: str
    page: int
    heading: str
    text: str
    tokens: int


def projects_of(person_id: UUID) -> QuerySet[Project]:
    """Those whose files the person sees."""
    belongs = ProjectMember.objects.filter(project=OuterRef("id"), user_id=person_id)
    return Project.objects.filter(Q(owner_id=person_id) | Exists(belongs), archived_at=None)


def visible_to_person(person_id: UUID) -> QuerySet[Document]:
    # SECURITY: a document of one person is no other's, whatever their role; a résumé never is.
    mine = Q(owner_id=person_id, project=None) | Q(project__in=projects_of(person_id))
    shared = Q(project=None, is_shared=True, kind=Document.Kind.FILE)
    # What was given with a question is for that conversation alone.
    return Document.objects.filter(mine | shared).exclude(kind=Document.Kind.GIVEN)


def visible_to(member: Member) -> QuerySet[Document]:
    """The library: the member's own, those shared with the workspace, and those of their projects."""
    return visible_to_person(member.user_id)


def readable_by(member: Member) -> QuerySet[Document]:
    """Besides the library what an answer may cite: knowledge of assistants that the member may use, and what was given
    with questions in conversations that they see."""
    known = AssistantKnowledge.objects.filter(
        document=OuterRef("id"), assistant__in=builder_queries.list_assistants(member)
    )
    talk = Q(message__conversation__owner_id=member.user_id)
    talk |= Q(message__conversation__project__in=projects_of(member.user_id))
    given = Attachment.objects.filter(talk, document=OuterRef("id"), message__conversation__deleted_at=None)
    mine = Q(id__in=visible_to(member).values("id")) | Q(owner_id=member.user_id, kind=Document.Kind.GIVEN)
    return Document.objects.filter(mine | Exists(known) | Exists(given))


def list_documents(member: Member) -> QuerySet[Document]:
    """For the page: newest first, without résumés, which have a page of their own."""
    rows = visible_to(member).filter(kind=Document.Kind.FILE).select_related("project")
    return rows.order_by("-created_at", "-id")


def list_wanted(
    member: Member, *, place: str = "", project_id: UUID | None = None, state: str = "", name: str = ""
) -> QuerySet[Document]:
    """The library, narrowed to what is said. `place`: a key of SHOWS. `name`: a part of it, in any case."""
    rows = _placed(list_documents(member), member, place)
    if project_id:
        rows = rows.filter(project_id=project_id)
    if state:
        rows = rows.filter(state=state)
    return rows.filter(name__icontains=name) if name else rows


def _placed(rows: QuerySet[Document], member: Member, place: str) -> QuerySet[Document]:
    if place == "mine":
        return rows.filter(owner_id=member.user_id)
    if place == "shared":
        return rows.filter(is_shared=True)
    return rows.exclude(project=None) if place == "project" else rows


SHOWS = {"": "All", "mine": "Mine", "shared": "Shared", "project": "In projects"}
PAGE = 50


@dataclass(frozen=True)
class Page:
    """`next`: where the following one begins, empty on the last."""

    rows: list[Document]
    next: str


def page_of(member: Member, *, shown: str = "", after: str = "") -> Page:
    """One query, whatever is there. `after`: the `next` of the page before; what is no such thing begins anew."""
    rows = _placed(list_documents(member), member, shown).filter(_beyond(after))
    found = list(rows[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return Page(found[:PAGE], f"{last.created_at:%Y%m%dT%H%M%S%f}_{last.id}" if last else "")


def _beyond(place: str) -> Q:
    moment, _, key = place.partition("_")
    try:
        at, last = datetime.strptime(moment, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC), UUID(key)
    except ValueError:
        return Q()
    return Q(created_at__lt=at) | Q(created_at=at, id__lt=last)


def access_document(member: Member, document_id: UUID) -> Document:
    """One that the member may read. Raises NotFound."""
    row = readable_by(member).select_related("project").filter(id=document_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def may_change(member: Member, document: Document) -> bool:
    """Its owner; of a project's file its project's owner too, of a shared one whoever manages the workspace."""
    if document.owner_id == member.user_id:
        return True
    if document.project is not None:
        return document.project.owner_id == member.user_id
    return document.is_shared and member.can(Permission.WORKSPACE_MANAGE)


def access_changeable(member: Member, document_id: UUID) -> Document:
    """Raises NotFound; Forbidden where the member may only read it."""
    row = access_document(member, document_id)
    if not may_change(member, row):
        raise errors.Forbidden("Only whoever uploaded this document can change it.")
    return row


def access_project(member: Member, project_id: UUID) -> Project:
    """Raises NotFound."""
    row = projects_of(member.user_id).filter(id=project_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def list_passages(document: Document) -> QuerySet[DocumentChunk]:
    return document.chunks.defer("search").order_by("number")


def access_passage(document: Document, passage_id: UUID) -> DocumentChunk:
    """Raises PassageGone."""
    row = document.chunks.defer("search").filter(id=passage_id).first()
    if row is None:
        raise PassageGone()
    return row


def get_resume(person_id: UUID) -> Document | None:
    """The person's own. One query."""
    rows = Document.objects.filter(owner_id=person_id, kind=Document.Kind.RESUME)
    return rows.select_related("profile").order_by("-created_at").first()


def get_profile(person_id: UUID) -> ResumeProfile | None:
    return ResumeProfile.objects.filter(person_id=person_id).order_by("-created_at").first()


def stored_bytes() -> int:
    """All files of the workspace: documents, and what was given with questions without becoming one."""
    documents = Document.objects.aggregate(sum=Coalesce(Sum("size_bytes"), Value(0)))["sum"]
    # A question that was edited, and a fork, show the same file.
    loose = Attachment.objects.filter(document=None).exclude(file="").values("file")
    files = loose.annotate(size=Max("size_bytes"))
    return int(documents) + int(files.aggregate(sum=Coalesce(Sum("size"), Value(0)))["sum"])


def count_by_state(member: Member) -> dict[str, int]:
    rows = list_documents(member).order_by().values_list("state").annotate(count=Count("id"))
    return dict(rows)


def given_documents(*, assistant: Assistant | None, conversation: Conversation | None) -> QuerySet[Document]:
    """What an answer may use unasked: the assistant's knowledge, the project's files, what was given with the
    conversation's questions. What could not be read at all is no part of it."""
    scope = Q(pk__in=drafts.searched_by(assistant)) if assistant is not None else Q(pk__in=[])
    if conversation is not None:
        given = Attachment.objects.filter(message__conversation=conversation).exclude(document=None)
        scope |= Q(pk__in=given.values("document"))
        if conversation.project_id:
            scope |= Q(project=conversation.project_id)
    return Document.objects.filter(scope).exclude(state=Document.State.FAILED, parsed_at=None)


def scope_of(*, assistant: Assistant | None, conversation: Conversation | None) -> Q:
    """The passages of `given_documents`."""
    documents = given_documents(assistant=assistant, conversation=conversation)
    return Q(document__in=documents.values("pk"))


def search(
    *,
    person_id: UUID,
    query: str,
    assistant: Assistant | None = None,
    conversation: Conversation | None = None,
    limit: int = 8,
) -> list[Passage]:
    """For a search that was asked for: all that the person sees, and what the answer may use unasked. Best first."""
    given = given_documents(assistant=assistant, conversation=conversation)
    if conversation is not None and conversation.widget_id is not None:
        # SECURITY: a visitor of a site is nobody here: what the workspace's people share among them is not theirs.
        return search_in(given, person_id=person_id, query=query, limit=limit)
    mine = Q(pk__in=visible_to_person(person_id).values("pk"))
    documents = Document.objects.filter(mine | Q(pk__in=given.values("pk")))
    return search_in(documents, person_id=person_id, query=query, limit=limit)


def search_in(documents: QuerySet[Document], *, person_id: UUID, query: str, limit: int) -> list[Passage]:
    """Passages of these documents, best first: by words, and by meaning where vectors are on, as the person's own run.

    Outside a transaction, in the workspace."""
    where = Q(document__in=documents.order_by().values("pk"))
    used, vector = embedding.embedder(), None
    if used is not None:
        member = accounts_queries.get_member(
            user_id=person_id, workspace_id=current_workspace().id, session_key=None
        )
        vector = embedding.embed_query(member=member, text=query, kind="passage") if member else None
    model = used.model if used is not None else ""
    hits = recall.search(kind="passage", query=query, limit=limit, where=where, vector=vector, model=model)
    found = passages_of([hit.id for hit in hits])
    return [found[hit.id] for hit in hits if hit.id in found]


def beginning_of_given(conversation: Conversation, *, limit: int) -> list[Passage]:
    """The first passages of what was given with its questions, what came last first. One query."""
    latest = Attachment.objects.filter(message__conversation=conversation, document=OuterRef("document"))
    given = Attachment.objects.filter(message__conversation=conversation).exclude(document=None)
    rows = DocumentChunk.objects.filter(document__in=given.values("document")).select_related("document")
    rows = rows.annotate(given_at=Subquery(latest.order_by("-created_at").values("created_at")[:1]))
    return [_passage(row) for row in rows.defer("search").order_by("-given_at", "document", "number")[:limit]]


def file_name(workspace_id: UUID, name: str) -> str:
    return keys.file_name(workspace_id, "documents", name)


def passages_of(ids: list[UUID]) -> dict[UUID, Passage]:
    """One query."""
    rows: Any = DocumentChunk.objects.filter(id__in=ids).select_related("document").defer("search")
    return {row.id: _passage(row) for row in rows}


def _passage(row: DocumentChunk) -> Passage:
    return Passage(row.id, row.document_id, row.document.name, row.page, row.heading, row.text, row.tokens)
