"""Makes a workspace's schema: the data plane's migrations, and shared apps' noted as done.

`migrate` would do the same and first build the state of all apps twice, three hundred models each. Nothing of the data
plane refers to another app (docs/workspaces.md), so its own state is enough; and as every schema begins empty, the
statements are the same for all of them: the first one that a process makes is migrated and watched, every later one
gets the statements that were seen.
"""

from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django.utils import timezone
from psycopg import sql

from tenants.connection import connection
from tenants.recorded_migrations import record_shared

Statement = tuple[str, tuple[Any, ...] | None]
# What Django asks and arranges around a migration's own statements.
ASIDE = ("SELECT", "SAVEPOINT", "RELEASE", "SET ", "SHOW")
_seen: list[Statement] = []


def make(schema_name: str) -> None:
    """In the caller's transaction. Raises RuntimeError when a migration of the data plane depends on another app's."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema_name)))
    record_shared(None, schema_name=schema_name)
    former = connection.tenant
    connection.set_schema(schema_name, include_public=False)
    try:
        if _seen:
            _repeat()
        else:
            _migrate()
        _note_done()
    finally:
        connection.set_tenant(former)


def _migrate() -> None:
    """Kept only when all of it went well: a half would be repeated for ever."""
    seen: list[Statement] = []

    def watch(execute: Callable[..., Any], statement: str, params: Any, many: bool, context: Any) -> Any:
        if not statement.lstrip().upper().startswith(ASIDE):
            seen.append((statement, tuple(params) if params else None))
        return execute(statement, params, many, context)

    state = ProjectState()
    with connection.execute_wrapper(watch):
        for migration in _plan():
            with connection.schema_editor(atomic=migration.atomic) as editor:
                state = migration.apply(state, editor)
    _seen[:] = seen


def _repeat() -> None:
    """Neighbours without parameters go to the server together."""
    with connection.cursor() as cursor:
        for has_none, group in groupby(_seen, key=lambda statement: statement[1] is None):
            if has_none:
                cursor.execute(";\n".join(text.rstrip().rstrip(";") for text, _ in group))
                continue
            for text, params in group:
                cursor.execute(text, params)


def _note_done() -> None:
    done, now = MigrationRecorder(connection).Migration, timezone.now()
    rows = [done(app=each.app_label, name=each.name, applied=now) for each in _plan()]
    done.objects.using(connection.alias).bulk_create(rows)


@cache
def _plan() -> tuple[Migration, ...]:
    """The data plane's migrations in their order, read once."""
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    graph = MigrationLoader(None).graph
    keys: list[tuple[str, str]] = []
    for label in sorted(labels):
        for leaf in graph.leaf_nodes(label):
            keys += [key for key in graph.forwards_plan(leaf) if key not in keys]
    foreign = [key for key in keys if key[0] not in labels]
    if foreign:
        raise RuntimeError(f"migrations of the data plane depend on {foreign}")
    return tuple(graph.nodes[key] for key in keys)
