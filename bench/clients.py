"""Client processes of the usage benchmarks: each has Django and its own database connections."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any, cast

LONGEST_S = 3600
_barrier: Any = None


def run(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Calls `work(number, *arguments)` in `count` processes that begin together.

    They are forked from this one, which has Django already: to import it in each takes longer than to measure.
    """
    from django.db import connection  # noqa: PLC0415  after Django's setup

    connection.close()
    cast(Any, connection).close_pool()  # of the PostgreSQL backend
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(count)
    with context.Pool(count, initializer=_begin, initargs=(barrier,)) as pool:
        tasks = [pool.apply_async(_together, (work, number, *arguments)) for number in range(count)]
        return [task.get(timeout=LONGEST_S) for task in tasks]


def set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
    os.environ["LOG_LEVEL"] = "ERROR"
    import django  # noqa: PLC0415  only processes that need it

    django.setup()


def _begin(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603  one per process
    _barrier = barrier


def _together(work: Callable[..., Any], *arguments: Any) -> Any:
    from django.db import connection  # noqa: PLC0415

    connection.ensure_connection()
    _barrier.wait(timeout=120)
    try:
        return work(*arguments)
    finally:
        connection.close()
