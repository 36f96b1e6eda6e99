"""Makes a workspace's schema quickly: shared apps' migrations are recorded in it first, not replayed.

A new schema would otherwise replay every shared app's history to create nothing. Before django-tenants migrates a
schema, the rows of public's `django_migrations` that belong to shared apps are copied into the schema's own table, so
the plan holds only the data plane's migrations.
"""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.signals import schema_pre_migration
from django_tenants.utils import get_public_schema_name
from psycopg import sql

from tenants.connection import connection


def connect() -> None:
    schema_pre_migration.connect(record_shared, dispatch_uid="record_shared_migrations")


def record_shared(sender: object, *, schema_name: str, **_: Any) -> None:
    if schema_name == get_public_schema_name():
        return
    former = connection.tenant
    connection.set_schema(schema_name, include_public=False)
    try:
        MigrationRecorder(connection).ensure_schema()
        tenant_labels = [
            config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS
        ]
        target = sql.Identifier(schema_name, "django_migrations")
        source = sql.Identifier(get_public_schema_name(), "django_migrations")
        statement = sql.SQL(
            "INSERT INTO {target} (app, name, applied) SELECT p.app, p.name, p.applied FROM {source} p "
            "WHERE p.app <> ALL(%s) AND NOT EXISTS "
            "(SELECT 1 FROM {target} t WHERE t.app = p.app AND t.name = p.name)"
        ).format(target=target, source=source)
        with connection.cursor() as cursor:
            cursor.execute(statement, [tenant_labels])
    finally:
        connection.set_tenant(former)
