"""Many threads on few connections: each does its work when it gets one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")
CONNECTIONS = threading.BoundedSemaphore(14)
"""Below the pool's size, so that a thread waits here and not against the pool's time limit."""


def crowd(count: int, work: Callable[[int], T]) -> list[T]:
    """Runs `work(0)` … `work(count - 1)` in threads that begin together; raises the first unexpected exception."""
    assert not connection.in_atomic_block, "threads see what is committed: use the fixture `committed`"
    connection.close()
    barrier = threading.Barrier(count)

    def begin(number: int) -> T:
        barrier.wait(timeout=60)
        with CONNECTIONS:
            try:
                return work(number)
            finally:
                connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def deadlocks() -> int:
    """How many the database had to break since it was made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
