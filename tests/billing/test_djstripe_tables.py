"""dj-stripe's tables are made by our short migrations: the same tables, under the names of its own history."""

from importlib.resources import files
from pathlib import Path

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tenants.connection import connection as tenant_connection
from tests import factories


def names(directory) -> set[str]:
    return {path.name for path in directory.iterdir() if path.name[:4].isdigit()}


def missing(model: str = "") -> list[str]:
    """What the migrations of djstripe leave out of its models. `model`: forget one, to see that it is noticed."""
    loader = MigrationLoader(None)
    state = loader.project_state()
    if model:
        state.remove_model("djstripe", model)
    detector = MigrationAutodetector(state, ProjectState.from_apps(apps))
    changes = detector.changes(graph=loader.graph).get("djstripe", [])
    return [operation.describe() for migration in changes for operation in migration.operations]


def test_our_migrations_make_what_the_package_declares():
    assert missing() == []


def test_a_table_that_is_not_made_would_be_noticed():
    assert any("Invoice" in line for line in missing("upcominginvoice"))


def test_each_name_is_the_packages_own():
    """So that the setting can be dropped and upstream's history goes on from here."""
    ours = names(Path(__file__).parents[2] / "billing" / "djstripe_migrations")
    assert ours == names(files("djstripe.migrations")) == {"0001_initial.py", "0002_2_10.py", "0003_2_11.py"}


def test_a_workspace_gets_none_of_these_tables(db):
    workspace = factories.make_workspace(factories.make_user())
    with tenant_connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
            [workspace.schema_name],
        )
        tables = {name for (name,) in cursor.fetchall()}
    assert "assistants_conversation" in tables
    assert not {name for name in tables if name.startswith(("djstripe_", "billing_", "usage_"))}
