"""Making a workspace: its schema, what it starts with, and which addresses it may have."""

import secrets

import pytest
from django.apps import apps
from django.db import connection

from accounts import services as accounts_services
from accounts.models import Membership
from assistants.models import Assistant
from tenants import sealing, services, slugs
from tenants.audit import SYSTEM
from tenants.models import RESERVED_SLUGS, AuditEntry, Workspace
from tenants.scope import enter, get_ref, workspace_scope
from tests import factories


def tables_of(schema: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        return {row[0] for row in cursor.fetchall()}


def migrations_of(schema: str) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT app, name FROM "{schema}".django_migrations')
        return set(cursor.fetchall())


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ws\\_%%'")
        return {row[0] for row in cursor.fetchall()}


def create(slug: str, **fields) -> Workspace:
    return services.create_workspace(name=slug, slug=slug, actor=SYSTEM, **fields)


def test_new_workspace_has_the_data_plane_and_nothing_of_the_control_plane(db):
    workspace = create("brand-new")
    models = apps.get_app_config("assistants").get_models()
    assert tables_of(workspace.schema_name) == {model._meta.db_table for model in models} | {
        "django_migrations"
    }


def test_data_plane_tables_do_not_exist_in_public(db):
    assert not {name for name in tables_of("public") if name.startswith("assistants_")}


def test_new_workspace_records_exactly_the_migrations_that_public_has(db):
    workspace = create("brand-new")
    assert migrations_of(workspace.schema_name) == migrations_of("public")
    assert ("assistants", "0001_initial") in migrations_of(workspace.schema_name)


def test_schema_name_is_never_made_from_the_slug(db):
    workspace = create("my-company")
    assert workspace.schema_name.startswith("ws_")
    assert len(workspace.schema_name) == 35
    assert "company" not in workspace.schema_name


def test_new_workspace_starts_with_one_assistant(db):
    workspace = create("brand-new")
    with workspace_scope(workspace.id):
        first = Assistant.objects.get()
    assert (first.slug, first.model, first.archived_at) == ("steward", "gpt-4o-mini", None)


def test_creation_is_audited(db):
    workspace = create("brand-new")
    entry = AuditEntry.objects.get(workspace_id=workspace.id, action__startswith="workspace.")
    assert (entry.action, entry.actor_kind, entry.target_id) == (
        "workspace.created",
        "system",
        str(workspace.id),
    )
    assert entry.data == {}
    (sealed,) = entry.sealed
    assert sealing.unseal([(workspace.id, sealed["text"])]) == [{"personal": {"slug": "brand-new"}}]


def test_name_is_trimmed_and_falls_back_to_the_slug(db):
    long = services.create_workspace(name=f"  {'x' * 90}", slug="long-name", actor=SYSTEM)
    assert long.name == "x" * 80
    assert services.create_workspace(name="   ", slug="no-name", actor=SYSTEM).name == "no-name"


def test_failure_while_creating_leaves_no_row_and_no_schema(db, monkeypatch):
    before = schemas()

    def fail(**_):
        raise ZeroDivisionError

    monkeypatch.setattr("config.ports.workspace_created._answer", fail)
    with pytest.raises(ZeroDivisionError):
        create("half-made")
    assert not Workspace.objects.filter(slug="half-made").exists()
    assert schemas() == before
    assert connection.schema_name == "public"


@pytest.mark.parametrize("slug", sorted(RESERVED_SLUGS))
def test_reserved_slug_is_refused(slug):
    with pytest.raises(slugs.SlugRefused) as raised:
        slugs.validate_slug(slug)
    # Two reserved words are too short to be slugs at all.
    assert raised.value.code == ("slug_malformed" if len(slug) < 3 else "slug_reserved")


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "ab",
        "a" * 41,
        "-abc",
        "abc-",
        "Abc",
        "a_b_c",
        "a b",
        "a/b/c",
        "abc\n",
        "café",
        "a.b.c",
        "%61bc",
        "ａｂｃ",
        "a\x00bc",
    ],
)
def test_malformed_slug_is_refused(slug):
    with pytest.raises(slugs.SlugRefused) as raised:
        slugs.validate_slug(slug)
    assert raised.value.code == "slug_malformed"


@pytest.mark.parametrize("slug", ["abc", "a" * 40, "a-b", "007", "a--b", "acme-2"])
def test_well_formed_slug_is_taken(slug):
    slugs.validate_slug(slug)


def test_refused_slug_makes_no_workspace(db):
    before = Workspace.objects.count()
    for slug in ("admin", "No Good"):
        with pytest.raises(slugs.SlugRefused):
            create(slug)
    assert Workspace.objects.count() == before


def test_taken_slug_is_refused_and_the_first_stays(db, acme):
    before = schemas()
    with pytest.raises(slugs.SlugRefused) as raised:
        create("acme")
    assert raised.value.code == "slug_taken"
    assert get_ref(slug="acme") == acme
    assert schemas() == before


def test_two_creators_of_one_slug_make_one_workspace(committed):
    slug = f"race-{secrets.token_hex(4)}"
    owners = [factories.make_user() for _ in range(2)]
    before = schemas()
    results = factories.at_once(
        2, lambda n: accounts_services.create_workspace(owner=owners[n], name=slug, slug=slug)
    )
    refused = [result for result in results if isinstance(result, slugs.SlugRefused)]
    assert [error.code for error in refused] == ["slug_taken"], results
    (made,) = [result for result in results if isinstance(result, Workspace)]
    assert get_ref(slug=slug).id == made.id
    assert schemas() - before == {made.schema_name}
    winner = owners[results.index(made)]
    assert list(Membership.objects.filter(workspace=made).values_list("user_id", "role")) == [
        (winner.id, "owner")
    ]
    with enter(get_ref(slug=slug)):
        assert Assistant.objects.count() == 1


def test_free_slug_is_made_from_a_name(db):
    assert slugs.free_slug("Ünïcode & Söhne") == "unicode-sohne"
    assert slugs.free_slug("x") == "team-x"
    assert slugs.free_slug("日本") == "team"
    assert slugs.free_slug("a" * 60) == "a" * 32


def test_free_slug_avoids_taken_and_reserved_ones(db, acme):
    for text in ("acme", "admin"):
        slug = slugs.free_slug(text)
        assert slug.startswith(f"{text}-")
        slugs.validate_slug(slug)


def test_migrate_all_brings_a_workspace_up_that_is_behind(db, capsys):
    from django.core.management import call_command

    workspace = create("left-behind")
    call_command("migrate_all")
    assert "migrated workspace" not in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            f'DELETE FROM "{workspace.schema_name}".django_migrations WHERE app = %s', ["assistants"]
        )
        for table in tables_of(workspace.schema_name) - {"django_migrations"}:
            cursor.execute(f'DROP TABLE "{workspace.schema_name}"."{table}" CASCADE')
    call_command("migrate_all")
    assert "migrated workspace 1 of 1" in capsys.readouterr().out
    assert "assistants_run" in tables_of(workspace.schema_name)
