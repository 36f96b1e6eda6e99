"""The database backend: django-tenants' own, with a pool that is usable again at once after a crash of PostgreSQL."""

import select
from typing import Any

import psycopg
from django_tenants.postgresql_backend import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Checks each connection that the pool gives (so `CONN_HEALTH_CHECKS`, the pool's own way, must be off).

    The pool would try broken ones one by one, with longer and longer pauses: after a crash a quiet process with ten
    idle connections had none for a minute. Connections break together, so with the first all idle ones are replaced.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        given = super().get_new_connection(conn_params)
        if self.pool is None:
            return given
        try:
            if not _is_quiet(given):
                ConnectionPool.check_connection(given)
        except psycopg.Error:
            self.pool.putconn(given)
            self.pool.drain()
            return super().get_new_connection(conn_params)
        return given


def _is_quiet(given: psycopg.Connection[Any]) -> bool:
    """Whether nothing came while it was idle. A server that goes says so, or its end is closed: there is something to
    read then, and only then is it worth asking."""
    if given.closed:
        return False
    poll = select.poll()
    poll.register(given.pgconn.socket, select.POLLIN)
    return not poll.poll(0)
