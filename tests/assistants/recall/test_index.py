"""What is found for a question, by words, by nearness, and by both; and that nobody else's is."""

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models import Q

from assistants.llm.errors import ProviderFailure
from assistants.models import MemoryItem, Run
from assistants.recall import embedding, index, services, text, vectors, words
from assistants.recall.kinds import SOURCES
from tests.assistants.recall.axes import found, keep
from usage.models import Hold, LedgerEntry

MEMORY = SOURCES["memory"]


def test_words_of_grammar_do_not_count_and_rare_words_count_most(in_acme, member):
    me = member.user.id
    keep(
        me,
        "The cat is at home.",
        "What is the plan?",
        "The name of the boat is Basalt.",
        "My name is what it is.",
    )
    assert found("What is the name of my boat?", Q(person_id=me))[0] == "The name of the boat is Basalt."
    assert words.telling("What is the name of my boat?") == ["name", "boat"]
    assert words.telling("What is it?") == ["what", "is", "it"], "a question of grammar alone keeps its words"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("lessons", "A lesson on Tuesday"),
        ("hurting", "It hurts"),
        ("Läufe", "Der Lauf"),
        ("PostgreSQL 17", "postgresql"),
    ],
)
def test_words_match_by_their_beginning(in_acme, member, asked, kept):
    keep(member.user.id, kept, "Something else altogether")
    assert found(asked, Q(person_id=member.user.id)) == ([kept] if asked != "Läufe" else [])


@pytest.mark.parametrize(
    "asked", ["", "   ", "!!! ??", "'; DROP TABLE x; --", "a & b | !c", "\\ ' \" :* <->", "x" * 5000]
)
def test_every_question_is_taken_as_words(in_acme, member, asked):
    keep(member.user.id, "Nothing of the kind")
    assert found(asked, Q(person_id=member.user.id)) == []


def test_where_is_the_only_guard_and_both_ways_obey_it(axes, member, owner, priced):
    keep(owner.user.id, "Their pet is a cat")
    mine = keep(member.user.id, "Mokka sleeps")
    services.embed_missing(kind="memory")
    asked = axes.vector("pet")
    assert found("pet cat", Q(person_id=member.user.id), vector=asked, model="axes") == [mine[0].text]
    everybody = found("pet cat", Q(), vector=asked, model="axes")
    assert len(everybody) == 2, "the control: without it theirs is found by both"


def test_nearness_finds_what_shares_no_word(axes, member, priced):
    me = member.user.id
    keep(me, "Mokka sleeps", "The railway strike", "Waves of the ocean")
    assert found("pet", Q(person_id=me)) == []
    services.embed_missing(kind="memory")
    vector = embedding.embed_query(member=member.member, text="pet", kind="memory")
    assert found("pet", Q(person_id=me), vector=vector, model="axes")[0] == "Mokka sleeps"


def test_fusion_is_the_sum_of_reciprocal_ranks():
    one, two, three = sorted((uuid4() for _ in range(3)), key=str)
    hits = index.fuse({"text": [one, two], "vector": [two, three]})
    assert [(hit.id, hit.score, sorted(hit.by)) for hit in hits] == [
        (two, 1 / 62 + 1 / 61, ["text", "vector"]),
        (one, 1 / 61, ["text"]),
        (three, 1 / 62, ["vector"]),
    ]


def test_each_call_is_held_settled_and_receipted(axes, member, priced):
    keep(member.user.id, "Mokka sleeps", "The railway strike")
    assert services.embed_missing(kind="memory") == 2
    run = Run.objects.get()
    assert (run.kind, run.state, run.input_tokens, run.output_tokens) == ("embedding", "done", 14, 0)
    assert run.receipt_id is not None
    assert (Hold.objects.get(id=run.id).state, LedgerEntry.objects.get(hold_id=run.id).cost_micro, run.cost_micro) == (
        "settled", 28, 28,
    )  # fmt: skip


def test_failed_call_costs_nothing_and_full_text_still_finds(axes, member, priced):
    keep(member.user.id, "Mokka is a cat")
    services.embed_missing(kind="memory")
    axes.failure = ProviderFailure("provider_busy", retryable=True)
    assert embedding.embed_query(member=member.member, text="cat", kind="memory") is None
    assert found("cat", Q(person_id=member.user.id)) == ["Mokka is a cat"]
    failed = Run.objects.get(state="failed")
    assert (failed.error_code, failed.receipt_id) == ("provider_busy", None)
    assert Hold.objects.get(id=failed.id).state == "released"


def test_nothing_is_asked_where_there_is_nothing_to_compare(axes, member, assert_queries):
    with assert_queries(1):
        assert embedding.embed_query(member=member.member, text="pet", kind="memory") is None
    assert axes.calls == []


def test_vectors_go_with_their_rows_and_with_a_changed_text(axes, member, priced):
    gone, changed, stays = keep(member.user.id, "one cat", "two cats", "three cats")
    services.embed_missing(kind="memory")
    MemoryItem.objects.filter(id=gone.id).delete()
    index.forget(kind="memory", ids=[changed.id])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT row_id FROM {MEMORY.vectors}")
        assert [row[0] for row in cursor.fetchall()] == [stays.id]


def test_a_new_model_replaces_the_old_one_piece_by_piece(axes, member, priced, monkeypatch, settings):
    monkeypatch.setattr(embedding, "BATCH", 2)
    keep(member.user.id, *(f"cat {n}" for n in range(5)))
    services.embed_missing(kind="memory")
    axes.model = settings.EMBEDDING_MODEL = "axes-2"
    pieces = len(axes.calls)
    stopped = RuntimeError("killed")

    def die_after_two(done: int, left: int) -> None:
        if done == 4:
            raise stopped

    with pytest.raises(RuntimeError):
        services.embed_missing(kind="memory", told=die_after_two)
    told: list[tuple[int, int]] = []
    services.embed_missing(kind="memory", told=lambda *each: told.append(each))
    assert told == [(1, 0)], "what was written is not asked for again"
    assert len(axes.calls) == pieces + 3
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT model FROM {MEMORY.vectors}")
        assert cursor.fetchall() == [("axes-2",)]


def test_rows_are_embedded_after_the_commit_and_only_with_a_model(axes, member, settings, monkeypatch):
    enqueued = []
    monkeypatch.setattr(embedding, "enqueue", lambda *each: enqueued.append(each))
    (item,) = keep(member.user.id, "one")
    with transaction.atomic():
        index.index(kind="memory", ids=[item.id])
    settings.EMBEDDING_MODEL = ""
    index.index(kind="memory", ids=[item.id])
    assert embedding.embedder() is None
    assert len(connection.run_on_commit) >= 1


def test_without_the_extension_everything_works_by_text(in_acme, member, settings, monkeypatch):
    settings.EMBEDDING_MODEL = "axes"
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION IF EXISTS vector CASCADE")
    keep(member.user.id, "one cat")
    assert not vectors.is_available()
    monkeypatch.setattr(vectors, "make_available", lambda: False)
    assert services.embed_missing(kind="memory") == 0
    assert found("cat", Q(person_id=member.user.id)) == ["one cat"]


def test_candidates_are_bounded(in_acme, member, monkeypatch):
    monkeypatch.setattr(text, "CANDIDATES", 3)
    keep(member.user.id, *(f"cat {n}" for n in range(9)))
    assert len(found("cat", Q(person_id=member.user.id))) == 3
