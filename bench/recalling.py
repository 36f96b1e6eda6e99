"""`./dev bench recall`: N10, how long a question takes among 100,000 remembered statements of one workspace."""

import argparse
import itertools
import random
import time
from typing import Any
from uuid import UUID, uuid4

import django

from bench import report
from bench.remembering import scratch_workspace
from bench.target import from_environment

ITEMS, QUESTIONS, DIMENSION, GOAL_MS = 100_000, 200, 384, 50
SEED = 20261128
MODEL = "made-up"
PIECE = 5_000


class Speech:
    """Sentences of made-up words, as frequent as words are (Zipf): the commonest stands in every tenth place."""

    def __init__(self, size: int = 30_000) -> None:
        self.chance = random.Random(SEED)  # noqa: S311  a benchmark's text
        syllables = [
            "ka",
            "lo",
            "mi",
            "ren",
            "tas",
            "vel",
            "or",
            "din",
            "pu",
            "sha",
            "ge",
            "bo",
            "ful",
            "nex",
        ]
        self.words = ["".join(self.chance.choices(syllables, k=3)) + str(at % 97) for at in range(size)]
        self.sums = list(itertools.accumulate(1 / (at + 10) for at in range(size)))

    def say(self, length: int) -> str:
        return " ".join(self.chance.choices(self.words, cum_weights=self.sums, k=length))

    def vector(self) -> list[float]:
        return [self.chance.gauss(0, 1) for _ in range(DIMENSION)]


def fill(person_id: UUID, speech: Speech, count: int) -> None:
    from django.db import connection, transaction  # noqa: PLC0415  needs the settings
    from django.utils import timezone  # noqa: PLC0415

    from assistants.models import MemoryItem  # noqa: PLC0415
    from assistants.recall import vectors  # noqa: PLC0415
    from assistants.recall.kinds import SOURCES  # noqa: PLC0415

    source, now = SOURCES["memory"], timezone.now()
    with transaction.atomic():
        vectors.make_table(source)
    for at in range(0, count, PIECE):
        # Half of them are somebody else's: what may be found is a part of what is there.
        rows = [
            MemoryItem(
                layer="semantic", person_id=person_id if number % 2 else uuid4(), text=speech.say(14),
                created_at=now, updated_at=now,
            )
            for number in range(PIECE)
        ]  # fmt: skip
        MemoryItem.objects.bulk_create(rows)
        with transaction.atomic():
            vectors.write(source, MODEL, [(row.id, speech.vector()) for row in rows])
        report.progress(f"{at + PIECE:,} of {count:,} statements")
    with transaction.atomic(), connection.cursor() as cursor:
        # The product adds vectors to an index that is there; made at once it needs its room in memory.
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        vectors.make_index(source, MODEL, DIMENSION)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {source.table}")
        cursor.execute(f"ANALYZE {source.vectors}")


def ask(person_id: UUID, speech: Speech, *, with_vector: bool) -> list[float]:
    from django.db.models import Q  # noqa: PLC0415

    from assistants.recall import index  # noqa: PLC0415

    times = []
    for _ in range(QUESTIONS):
        question = speech.say(7)
        vector = speech.vector() if with_vector else None
        began = time.perf_counter()
        index.search(
            kind="memory", query=question, limit=24, where=Q(person_id=person_id), vector=vector, model=MODEL
        )
        times.append(time.perf_counter() - began)
    return times


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench recall", description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    options = parser.parse_args(arguments)
    target = from_environment()
    django.setup()
    with scratch_workspace(target):
        person_id, speech = uuid4(), Speech()
        fill(person_id, speech, options.items)
        rows: list[list[Any]] = []
        for name, with_vector in (("full text", False), ("full text and vectors", True)):
            ask(person_id, speech, with_vector=with_vector)
            times = ask(person_id, speech, with_vector=with_vector)
            figures = [report.milliseconds(report.percentile(times, share)) for share in (0.5, 0.95)]
            rows.append([name, *figures])
    report.table(
        ["recall", "p50 ms", "p95 ms"], rows, title=f"{options.items:,} statements, {QUESTIONS} questions"
    )
    print(f"Goal: p95 ≤ {GOAL_MS} ms.")
    report.emit("recall", items=options.items, rows=rows)
    return 0
