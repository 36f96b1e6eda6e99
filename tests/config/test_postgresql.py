"""After a crash of PostgreSQL all idle connections of a pool are broken at once."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg_pool import ConnectionPool, PoolTimeout

SIZE = 6
PATIENCE_S = 3


def make_wrapper(**pool_options: Any) -> Any:
    """Like the default connection, with a pool of its own on the database that always exists."""
    one = connection.copy(alias="pool-test")
    options = {
        **one.settings_dict["OPTIONS"],
        "pool": {"max_size": SIZE, "timeout": PATIENCE_S, **pool_options},
    }
    one.settings_dict = {**one.settings_dict, "NAME": "postgres", "OPTIONS": options}
    return one


def break_idle_connections(pool: ConnectionPool) -> None:
    """Fills the pool with connections, then the server ends them all."""
    taken = [pool.getconn() for _ in range(SIZE)]
    pids = [each.info.backend_pid for each in taken]
    for each in taken:
        pool.putconn(each)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) pid", [pids])


@pytest.fixture
def wrapper(db) -> Iterator[Any]:
    one = make_wrapper(min_size=SIZE)
    one.pool.open()
    yield one
    one.close_pool()


def test_every_caller_gets_a_new_connection_soon(wrapper):
    break_idle_connections(wrapper.pool)
    began = time.monotonic()
    given = [wrapper.get_new_connection({}) for _ in range(SIZE)]
    assert time.monotonic() - began < PATIENCE_S
    for each in given:
        assert each.execute("SELECT 1").fetchone() == (1,)
        wrapper.pool.putconn(each)


def test_the_pools_own_check_lets_a_caller_wait(wrapper):
    parameters = {**wrapper.get_connection_params(), "autocommit": True}
    check = ConnectionPool.check_connection
    with ConnectionPool(kwargs=parameters, min_size=SIZE, max_size=SIZE, check=check, open=True) as pool:
        break_idle_connections(pool)
        with pytest.raises(PoolTimeout):
            pool.getconn(timeout=PATIENCE_S)


def test_the_pool_does_not_check_besides():
    default = settings.DATABASES["default"]
    assert default["ENGINE"] == "config.postgresql"
    assert not default["CONN_HEALTH_CHECKS"]
