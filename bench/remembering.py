"""`./dev bench memory`: how well what was said is found again, layer mix by layer mix, against plain search."""

import argparse
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import django
import openai

from bench import memory_set, report
from bench.target import Target, from_environment

TIMEOUT_S = 120
DETERMINISTIC = "text-embedding-3-small"


class Vectors:
    """An embeddings endpoint, asked without metering: the bench measures finding, not paying."""

    def __init__(self, name: str, base_url: str, model: str) -> None:
        self.name, self.model = name, model
        self._client = openai.OpenAI(api_key="bench", base_url=base_url, timeout=TIMEOUT_S, max_retries=0)

    def of(self, texts: list[str]) -> list[list[float]]:
        answer = self._client.embeddings.create(model=self.model, input=texts)
        return [row.embedding for row in sorted(answer.data, key=lambda row: row.index)]


@contextmanager
def scratch_workspace(target: Target) -> Iterator[Any]:
    """Inside a workspace with every feature, as its owner; its schema goes afterwards."""
    from accounts import queries as accounts  # noqa: PLC0415  needs the settings
    from accounts import services  # noqa: PLC0415
    from tenants.scope import workspace_scope  # noqa: PLC0415
    from usage.features import services as rights  # noqa: PLC0415
    from usage.features.keys import Feature  # noqa: PLC0415

    owner = accounts.get_user_by_email(target.demo["globex"]["people"][0]["email"])
    assert owner is not None
    made = services.create_workspace(owner=owner, name="Bench", slug=f"bench-{secrets.token_hex(6)}")
    rights.push(workspace_id=made.id, wanted=rights.Wanted(features=Feature.values, plan_key="bench"))
    try:
        with workspace_scope(made.id):
            yield accounts.get_member(user_id=owner.id, workspace_id=made.id, session_key=None)
    finally:
        _remove(made)


def measure(target: Target, vectors: Vectors) -> list[dict[str, Any]]:
    with scratch_workspace(target) as member:
        return _rows(member, vectors)


def _rows(member: Any, vectors: Vectors) -> list[dict[str, Any]]:
    from django.db.models import Q  # noqa: PLC0415

    from assistants.memory import layers, queries  # noqa: PLC0415
    from assistants.recall import index  # noqa: PLC0415
    from assistants.recall import vectors as kept  # noqa: PLC0415
    from assistants.recall.kinds import SOURCES  # noqa: PLC0415

    assert kept.make_available(), "this database has no pgvector"
    nobody = uuid4()
    plain_keys, layer_keys = _say_plainly(nobody), _say_to_memory(member)
    _embed(vectors, [*plain_keys, *layer_keys])
    source, asked = SOURCES["memory"], {}
    for question in memory_set.questions():
        asked[question.ask] = vectors.of([question.ask])[0]
    all_said = Q(person_id=nobody)

    def plain_text(question: str) -> list[str]:
        return memory_set.keys_of(_postgresql(nobody, question), plain_keys)

    def plain_vectors(question: str) -> list[str]:
        found = kept.search(source, all_said, asked[question], vectors.model, memory_set.TOP)
        return memory_set.keys_of([row_id for row_id, _ in found], plain_keys)

    def fused(question: str) -> list[str]:
        hits = index.search(
            kind="memory", query=question, limit=memory_set.TOP, where=all_said, vector=asked[question],
            model=vectors.model,
        )  # fmt: skip
        return memory_set.keys_of([hit.id for hit in hits], plain_keys)

    def of_layers(names: tuple[str, ...], *, with_vectors: bool = True) -> memory_set.Ask:
        where = queries.seen_by(member.user_id) & queries.PRESENT & Q(layer__in=names)

        def ask(question: str) -> list[str]:
            hits = index.search(
                kind="memory", query=question, limit=memory_set.TOP, where=where,
                vector=asked[question] if with_vectors else None, model=vectors.model,
            )  # fmt: skip
            return memory_set.keys_of([hit.id for hit in hits], layer_keys)

        return ask

    mixes = {
        "plain full text": plain_text,
        "plain vectors": plain_vectors,
        "fused": fused,
        "layers: semantic": of_layers(("semantic",)),
        "layers: semantic, shared": of_layers(("semantic", "shared")),
        "layers: all, full text alone": of_layers(layers.KEPT, with_vectors=False),
        "layers: all": of_layers(layers.KEPT),
    }
    return [_row(name, vectors.name, memory_set.judge(ask, time.perf_counter)) for name, ask in mixes.items()]


def _row(name: str, embedder: str, score: memory_set.Score) -> dict[str, Any]:
    return {
        "mix": name,
        "embedder": embedder,
        "recall_at_5": round(score.recall, 3),
        "other_words": round(score.other_words, 3),
        "precision_at_5": round(score.precision, 3),
        "stale": round(score.stale, 3),
        "right": round(score.right, 3),
        "median_ms": round(report.median(score.seconds) * 1000, 2),
    }


def _postgresql(person_id: UUID, question: str) -> list[UUID]:
    """What PostgreSQL finds by itself: any word, ranked by ts_rank_cd."""
    from django.contrib.postgres.search import SearchQuery, SearchRank  # noqa: PLC0415
    from django.db.models import F  # noqa: PLC0415

    from assistants.models import MemoryItem  # noqa: PLC0415
    from assistants.recall import words  # noqa: PLC0415

    raw = " | ".join(f"'{word}'" for word in words.of(question))
    asked = SearchQuery(raw, search_type="raw", config="simple")
    rows = MemoryItem.objects.filter(person_id=person_id, search=asked)
    ranked = rows.annotate(rank=SearchRank(F("search"), asked, cover_density=True)).order_by("-rank", "id")
    return list(ranked.values_list("id", flat=True)[: memory_set.TOP])


def _say_plainly(person_id: UUID) -> dict[UUID, str]:
    """Everything that was said, as it was said: nothing replaces anything."""
    from assistants.models import MemoryItem  # noqa: PLC0415

    keys = {}
    for number, said in enumerate(memory_set.statements()):
        # Ids that are the same each time: equal ranks are told apart by them.
        row = MemoryItem.objects.create(
            id=UUID(int=number + 1), layer="semantic", person_id=person_id, text=said.text, created_at=said.at,
            updated_at=said.at,
        )  # fmt: skip
        keys[row.id] = said.key
    return keys


def _say_to_memory(member: Any) -> dict[UUID, str]:
    from assistants.memory import services  # noqa: PLC0415

    keys: dict[UUID, str] = {}
    for said in memory_set.statements():
        item = services.remember(member=member, layer=said.layer, text=said.text, slot=said.slot)
        keys[item.id] = said.key
        if said.is_forgotten:
            services.forbid(member=member, item=item)
    return keys


def _embed(vectors: Vectors, ids: list[UUID]) -> None:
    from django.db import transaction  # noqa: PLC0415

    from assistants.models import MemoryItem  # noqa: PLC0415
    from assistants.recall import vectors as kept  # noqa: PLC0415
    from assistants.recall.kinds import SOURCES  # noqa: PLC0415

    source = SOURCES["memory"]
    rows = list(MemoryItem.objects.filter(id__in=ids).values_list("id", "text"))
    for at in range(0, len(rows), 64):
        piece = rows[at : at + 64]
        made = vectors.of([text for _, text in piece])
        with transaction.atomic():
            kept.make_table(source)
            kept.write(
                source, vectors.model, [(row[0], vector) for row, vector in zip(piece, made, strict=True)]
            )
    with transaction.atomic():
        kept.make_index(source, vectors.model, len(made[0]))


def _remove(workspace: Any) -> None:
    """Row and schema, both or none: the next start migrates the schema of every row."""
    from django.db import connection, transaction  # noqa: PLC0415  needs the settings
    from psycopg import sql  # noqa: PLC0415

    from billing.subscriptions.models import BillingAccount  # noqa: PLC0415

    with transaction.atomic(), connection.cursor() as cursor:
        BillingAccount.objects.filter(workspace_id=workspace.id).delete()
        cursor.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(workspace.schema_name))
        )
        type(workspace).objects.filter(id=workspace.id).delete()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench memory", description=__doc__)
    parser.add_argument(
        "--local-url", help="an OpenAI-compatible embeddings endpoint of a local model, with its /v1"
    )
    parser.add_argument("--local-model", default="all-MiniLM-L6-v2")
    options = parser.parse_args(arguments)
    target = from_environment()
    django.setup()
    embedders = [Vectors("deterministic", os.environ["OPENAI_BASE_URL"], DETERMINISTIC)]
    if options.local_url:
        embedders.append(Vectors("local", options.local_url, options.local_model))
    rows = [row for each in embedders for row in measure(target, each)]
    header = ["mix", "embedder", "recall@5", "other words", "precision@5", "stale", "right", "median ms"]
    report.table(
        header, [list(row.values()) for row in rows], title=f"{len(memory_set.questions())} questions"
    )
    print(
        "Statements were put in as they stand in the set: no model extracted them, so this says nothing of extraction."
    )
    report.emit("memory", rows=rows)
    return 0
