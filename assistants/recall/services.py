"""Vectors of rows, written in pieces: each piece is one run and one transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from uuid import UUID

from django.db import transaction

from accounts import queries as accounts_queries
from accounts.permissions import Member
from assistants.models import DocumentChunk, MemoryItem
from assistants.recall import embedding, vectors
from assistants.recall.kinds import SOURCES, Kind
from config import errors
from tenants.models import Workspace
from tenants.scope import current_workspace


def embed_rows(*, kind: Kind, ids: list[UUID]) -> int:
    """Makes the vectors of these rows, charged to whose they are. In the workspace. Returns how many it wrote.

    Raises what a call of the provider raises; what was written until then stays.
    """
    used = embedding.embedder()
    if used is None or not vectors.make_available():
        return 0
    source = SOURCES[kind]
    rows = list(source.rows().filter(id__in=ids).order_by("id").values_list("id", "text"))
    written, refused = _embed(kind, used, rows)
    if refused is not None:
        raise refused
    return written


def embed_missing(*, kind: Kind, told: Callable[[int, int], None] = lambda done, left: None) -> int:
    """All rows that have no vector of today's model: after a change of it, or when the provider was away.

    Goes on where it was stopped, since what it wrote is not missing any more. `told(done, left)` after each piece.
    Vectors of former models go when all have their new ones. Raises ProviderFailure at once; what a person's limits
    refuse is raised when everybody else's is written. Does nothing while another job is at it.
    """
    used = embedding.embedder()
    if used is None or not vectors.make_available():
        return 0
    source = SOURCES[kind]
    with transaction.atomic():
        vectors.make_table(source)
    with vectors.alone(source) as is_alone:
        return _embed_all(kind, used, told) if is_alone else 0


def _embed_all(kind: Kind, used: embedding.Embedder, told: Callable[[int, int], None]) -> int:
    source, done, after = SOURCES[kind], 0, None
    refused: errors.DomainError | None = None
    left = vectors.count_missing(source, used.model)
    while rows := vectors.missing(source, used.model, embedding.BATCH, after):
        after = rows[-1][0]
        written, problem = _embed(kind, used, rows)
        refused = problem or refused
        done, left = done + written, left - len(rows)
        told(done, left)
    if refused is not None:
        raise refused
    if not vectors.missing(source, used.model, 1):
        vectors.drop_other_models(source, used.model)
    return done


def list_workspaces() -> list[UUID]:
    """Those in which vectors may be missing: none without a model."""
    if embedding.embedder() is None:
        return []
    rows = Workspace.objects.filter(state=Workspace.State.ACTIVE).order_by("created_at")
    return list(rows.values_list("id", flat=True))


def progress(*, kind: Kind) -> tuple[int, int]:
    """How many rows have a vector of today's model, and how many there are. Nothing of them: (0, 0) without a model."""
    used, source = embedding.embedder(), SOURCES[kind]
    if used is None:
        return 0, 0
    total = source.rows().count()
    return total - vectors.count_missing(source, used.model), total


def _embed(
    kind: Kind, used: embedding.Embedder, rows: list[tuple[UUID, str]]
) -> tuple[int, errors.DomainError | None]:
    """How many it wrote, and the last refusal of a person's limits: the others' are written all the same."""
    source, written, refused = SOURCES[kind], 0, None
    texts = dict(rows)
    for member, ids in _by_person(kind, list(texts)).items():
        try:
            for piece in _pieces(ids, embedding.BATCH):
                made = embedding.embed_texts(
                    member=member, texts=[texts[row_id] for row_id in piece], used=used
                )
                with transaction.atomic():
                    vectors.make_table(source)
                    vectors.make_index(source, used.model, len(made[0]))
                    written += vectors.write(source, used.model, list(zip(piece, made, strict=True)))
        except errors.DomainError as problem:
            refused = problem
    return written, refused


def _pieces(ids: list[UUID], size: int) -> Iterator[list[UUID]]:
    found = iter(ids)
    while piece := list(islice(found, size)):
        yield piece


def _by_person(kind: Kind, ids: list[UUID]) -> dict[Member, list[UUID]]:
    """Whose limits pay: the person's own, the workspace's owner for what belongs to nobody or to somebody who left."""
    pairs: list[tuple[UUID, UUID | None]]
    if kind == "memory":
        pairs = list(MemoryItem.objects.filter(id__in=ids).values_list("id", "person_id"))
    else:
        pairs = list(DocumentChunk.objects.filter(id__in=ids).values_list("id", "document__owner_id"))
    workspace_id = current_workspace().id
    members: dict[UUID | None, Member | None] = {}
    found: dict[Member, list[UUID]] = defaultdict(list)
    for row_id, person_id in pairs:
        if person_id not in members:
            members[person_id] = _payer(workspace_id, person_id)
        member = members[person_id]
        if member is not None:
            found[member].append(row_id)
    return found


def _payer(workspace_id: UUID, person_id: UUID | None) -> Member | None:
    member = None
    if person_id is not None:
        member = accounts_queries.get_member(user_id=person_id, workspace_id=workspace_id, session_key=None)
    if member is None or not member.can_chat:
        owner_id = accounts_queries.get_owner_id(workspace_id)
        if owner_id is None:
            return None
        member = accounts_queries.get_member(user_id=owner_id, workspace_id=workspace_id, session_key=None)
    return member
