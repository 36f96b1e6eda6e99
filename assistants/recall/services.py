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
    return _embed(kind, used, rows)


def embed_missing(*, kind: Kind, told: Callable[[int, int], None] = lambda done, left: None) -> int:
    """All rows that have no vector of today's model: after a change of it, or when the provider was away.

    Goes on where it was stopped, since what it wrote is not missing any more. `told(done, left)` after each piece.
    Vectors of former models go when all have their new ones.
    """
    used = embedding.embedder()
    if used is None or not vectors.make_available():
        return 0
    source, done, after = SOURCES[kind], 0, None
    with transaction.atomic():
        vectors.make_table(source)
    left = len(vectors.missing(source, used.model, 10_000_000))
    while rows := vectors.missing(source, used.model, embedding.BATCH, after):
        written = _embed(kind, used, rows)
        after = rows[-1][0]
        done, left = done + written, left - len(rows)
        told(done, left)
    if not vectors.missing(source, used.model, 1):
        vectors.drop_other_models(source, used.model)
    return done


def _embed(kind: Kind, used: embedding.Embedder, rows: list[tuple[UUID, str]]) -> int:
    source, written = SOURCES[kind], 0
    texts = dict(rows)
    for member, ids in _by_person(kind, list(texts)).items():
        for piece in _pieces(ids, embedding.BATCH):
            made = embedding.embed_texts(member=member, texts=[texts[row_id] for row_id in piece], used=used)
            with transaction.atomic():
                vectors.make_table(source)
                vectors.make_index(source, used.model, len(made[0]))
                written += vectors.write(source, used.model, list(zip(piece, made, strict=True)))
    return written


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
