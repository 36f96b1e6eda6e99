"""Vectors of one model beside another's, of every dimension; and what stays of them when their rows go."""

import pytest
from django.db import connection
from django.db.models import Q

from assistants.documents import services as documents
from assistants.memory import forgetting
from assistants.models import Document, DocumentChunk
from assistants.recall import services, vectors
from assistants.recall.kinds import SOURCES
from tests.assistants.recall.axes import NOW, found, keep

MEMORY, PASSAGE = SOURCES["memory"], SOURCES["passage"]


def count(source) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {source.vectors}")
        return cursor.fetchone()[0]


def passage(owner_id, text: str) -> DocumentChunk:
    document = Document.objects.create(
        owner_id=owner_id, name="Plan", size_bytes=1, created_at=NOW, updated_at=NOW
    )
    return DocumentChunk.objects.create(document=document, number=1, text=text, tokens=3)


@pytest.mark.parametrize(("padding", "indexed"), [(0, "vector(3)"), (2_500, "halfvec(2503)"), (4_500, None)])
def test_vectors_of_every_dimension_are_found(axes, member, priced, padding, indexed):
    axes.padding = padding
    keep(member.user.id, "Mokka sleeps", "The railway strike")
    services.embed_missing(kind="memory")
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [MEMORY.vectors])
        made = [row[0] for row in cursor.fetchall() if "hnsw" in row[0]]
    assert len(made) == (1 if indexed else 0)
    assert all(f"public.{indexed}" in each or f"::{indexed}" in each for each in made)
    asked = axes.vector("pet")
    assert found("pet", Q(person_id=member.user.id), vector=asked, model="axes") == ["Mokka sleeps"]


def test_the_index_of_the_model_serves_a_search(axes, member, priced):
    keep(member.user.id, "Mokka sleeps", "The railway strike")
    services.embed_missing(kind="memory")
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
        )
    asked: list[str] = []
    with connection.execute_wrapper(lambda run, sql, *rest: (asked.append(sql), run(sql, *rest))[1]):
        vectors.search(MEMORY, Q(), axes.vector("pet"), "axes", 5)
    with connection.cursor() as cursor:
        near = vectors.as_text(axes.vector("pet"))
        (searched,) = [each for each in asked if "AS distance" in each]
        cursor.execute(f"EXPLAIN {searched}", [near, "axes", 3, 5])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert f"Index Scan using {MEMORY.vectors}_" in plan and "Order By" in plan


def test_an_endpoint_that_changed_its_dimension_hides_nothing_and_breaks_nothing(axes, member, priced):
    me = member.user.id
    old, new = keep(me, "Mokka sleeps", "A cat")
    services.embed_missing(kind="memory")
    axes.padding = 5
    asked = axes.vector("pet")
    assert found("Mokka", Q(person_id=me), vector=asked, model="axes") == ["Mokka sleeps"], (
        "the text still finds"
    )
    vectors.drop(MEMORY, [new.id])
    services.embed_rows(kind="memory", ids=[new.id])
    assert count(MEMORY) == 1, "those of the former dimension are compared with nothing"
    assert services.progress(kind="memory") == (1, 2)
    services.embed_missing(kind="memory")
    assert sorted(found("pet", Q(person_id=me), vector=asked, model="axes")) == ["A cat", "Mokka sleeps"]


def test_what_is_far_from_the_question_is_left_out(axes, member, priced):
    me = member.user.id
    keep(me, "Mokka sleeps", "The railway strike", "Waves of the ocean")
    services.embed_missing(kind="memory")
    everything = vectors.search(MEMORY, Q(person_id=me), axes.vector("pet"), "axes", 5)
    assert len(everything) == 3, "the control: by itself the nearest of all are found, however far"
    assert found("pet", Q(person_id=me), vector=axes.vector("pet"), model="axes") == ["Mokka sleeps"]


@pytest.mark.parametrize(
    ("version", "serves"), [("0.7.4", False), ("0.8.0", True), ("0.10.1", True), ("1.0", True)]
)
def test_a_pgvector_that_would_find_too_little_is_not_used(version, serves):
    assert (vectors._numbers(version) >= vectors.OLDEST) is serves


def test_a_person_leaves_no_vector(axes, member, owner, priced):
    keep(member.user.id, "one cat")
    keep(owner.user.id, "another cat")
    passage(member.user.id, "a third cat")
    passage(owner.user.id, "a fourth cat")
    for kind in SOURCES:
        services.embed_missing(kind=kind)
    assert (count(MEMORY), count(PASSAGE)) == (2, 2)
    forgetting.erase_person(person_id=member.user.id)
    documents.erase(list(Document.objects.filter(owner_id=member.user.id).values_list("id", flat=True)))
    assert (count(MEMORY), count(PASSAGE)) == (1, 1), "theirs are gone, the owner's stay"


def test_vectors_stand_in_the_workspaces_own_schema(axes, member, priced, in_acme):
    """So that they go with it, and are saved and brought back with it."""
    keep(member.user.id, "one cat")
    services.embed_missing(kind="memory")
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaname FROM pg_tables WHERE tablename = %s", [MEMORY.vectors])
        assert cursor.fetchall() == [(in_acme.schema_name,)]
