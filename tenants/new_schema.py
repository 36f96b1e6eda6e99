"""Makes a workspace's schema: the data plane's migrations, and shared apps' noted as done.

`migrate` would do the same and first build the state of all apps twice, three hundred models each: two thirds of the
time. Nothing of the data plane refers to another app (docs/workspaces.md), so its own state is enough.
"""

from functools import cache

from django.apps import apps
from django.conf import settings
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from psycopg import sql

from tenants.connection import connection
from tenants.recorded_migrations import record_shared


def make(schema_name: str) -> None:
    """In the caller's transaction. Raises RuntimeError when a migration of the data plane depends on another app's."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema_name)))
    record_shared(None, schema_name=schema_name)
    former = connection.tenant
    connection.set_schema(schema_name, include_public=False)
    try:
        recorder, state = MigrationRecorder(connection), ProjectState()
        for migration in _plan():
            with connection.schema_editor(atomic=migration.atomic) as editor:
                state = migration.apply(state, editor)
            recorder.record_applied(migration.app_label, migration.name)
    finally:
        connection.set_tenant(former)


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
