"""Schemas that are ready before a test wants one.

Making a workspace's schema takes a fifth of a second, nearly all of it tables; most tests want one and roll it back.
Here a spare one is renamed instead, which comes back with the rollback. What the rename skips has tests of its own
(tests/tenants), and whoever finds no spare one makes it as the product does.
"""

import threading

from django.db import connection, transaction
from psycopg import sql

from tenants import new_schema
from tenants.models import Workspace

PREFIX = "spare_"
FIND = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s) ORDER BY nspname DESC LIMIT 1"


def make_ready(count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            new_schema.make(f"{PREFIX}{number:03}")


def create_schema(workspace: Workspace, **_) -> None:
    """In place of `Workspace.create_schema`."""
    # Two threads could find the same one.
    if threading.current_thread() is not threading.main_thread() or not _rename(workspace.schema_name):
        new_schema.make(workspace.schema_name)


def _rename(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(FIND, [PREFIX])
        found = cursor.fetchone()
        if found is not None:
            statement = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
            cursor.execute(statement.format(sql.Identifier(found[0]), sql.Identifier(name)))
    return found is not None
