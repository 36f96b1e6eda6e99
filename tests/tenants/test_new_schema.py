"""A workspace's schema is made by a shorter way than `migrate`, and is the same."""

from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction
from django.db.migrations import Migration
from django.test.utils import CaptureQueriesContext

from tenants import new_schema

COLUMNS = """SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length
    FROM information_schema.columns WHERE table_schema = %s"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = %s"
CONSTRAINTS = """SELECT conname, pg_get_constraintdef(c.oid) FROM pg_constraint c
    JOIN pg_namespace n ON n.oid = c.connamespace WHERE n.nspname = %s"""
NOTED = 'SELECT app, name FROM "{}".django_migrations'


def look(schema: str) -> list:
    """Everything in a schema, whatever the order, with its name blotted out."""
    found = []
    with connection.cursor() as cursor:
        for query in (COLUMNS, INDEXES, CONSTRAINTS):
            cursor.execute(query, [schema])
            found.append(sorted(str(row).replace(schema, "SCHEMA") for row in cursor.fetchall()))
        cursor.execute(NOTED.format(schema))
        found.append(sorted(cursor.fetchall()))
    return found


@pytest.mark.parametrize("is_first", [True, False], ids=["migrated", "repeated"])
def test_it_is_what_migrate_makes(db, monkeypatch, is_first):
    short, long = f"ws_{uuid4().hex}", f"ws_{uuid4().hex}"
    if is_first:
        monkeypatch.setattr(new_schema, "_seen", [])
    else:
        new_schema.make(f"ws_{uuid4().hex}")
    with CaptureQueriesContext(connection) as asked:
        new_schema.make(short)
    assert (len(asked) < 20) is not is_first
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{long}"')
    call_command("migrate_schemas", tenant=True, schema_name=long, interactive=False, verbosity=0)
    made = look(short)
    assert made == look(long)
    assert len(made[0]) > 40
    assert len(made[3]) > 60


def test_what_failed_halfway_is_not_repeated(db, monkeypatch):
    monkeypatch.setattr(new_schema, "_seen", [])
    plan = new_schema._plan()
    monkeypatch.setattr(new_schema, "_plan", lambda: (plan[0], plan[0]))
    with pytest.raises(ProgrammingError), transaction.atomic():
        new_schema.make(f"ws_{uuid4().hex}")
    assert new_schema._seen == []


def test_a_difference_would_be_seen(db):
    """The control."""
    one, other = f"ws_{uuid4().hex}", f"ws_{uuid4().hex}"
    new_schema.make(one)
    new_schema.make(other)
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{other}".assistants_run ALTER COLUMN state DROP NOT NULL')
    assert look(one) != look(other)


def test_data_plane_that_leans_on_another_app_is_refused(db, monkeypatch):
    graph = type(new_schema.MigrationLoader(None).graph)
    monkeypatch.setattr(graph, "forwards_plan", lambda *_: [("auth", "0001_initial")])
    new_schema._plan.cache_clear()
    with pytest.raises(RuntimeError, match="depend on"):
        new_schema._plan()
    monkeypatch.undo()
    new_schema._plan.cache_clear()
    assert all(isinstance(each, Migration) for each in new_schema._plan())
