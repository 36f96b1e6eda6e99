"""Work that begins at the same moment on real threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """`work(0)` … `work(count - 1)`; results in order, or what was raised. The caller's connection is closed."""
    assert not connection.in_atomic_block, "threads see what is committed"
    connection.close()
    barrier = threading.Barrier(count)

    def begin(number: int) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return work(number)
        except BaseException as error:  # noqa: BLE001  the caller judges it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))
