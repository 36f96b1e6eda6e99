"""The foundation: one test database per process with the cast in it, and two ways to isolate a test.

`db` (or `django_db`): a transaction that is rolled back. `committed`: real commits, for threads and workers. Django's
own transactional tests are refused: their flush would TRUNCATE append-only tables, which the database forbids.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg import sql

from billing.plans import services as plans
from tenants.models import Workspace
from tests import factories, spares, sweep
from tests.dns import dns_zone  # noqa: F401  a fixture
from tests.factories import Cast, Person
from usage import prices
from usage.features import queries as features
from usage.pace import queries as pace

FEW_SPARES, MANY_SPARES = 4, 24


def pytest_collection_finish() -> None:
    """What was collected stays until the end: it is not looked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment,
    django_db_blocker,
    django_db_keepdb,
    django_db_createdb,
    django_db_modify_db_settings,
) -> Iterator[None]:
    """Creates the test database with the product's own migration command; of a parallel run one process does, and the
    others take copies."""
    keep = django_db_keepdb and not django_db_createdb
    with django_db_blocker.unblock():
        own_name = settings.DATABASES["default"]["NAME"]
        name = connection.creation._get_test_db_name()
        if keep or not _copy_of_the_run(name):
            _make_database(name, keep=keep)
            spares.make_ready(FEW_SPARES)
        _use_database(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "create_schema", spares.create_schema)
        yield
    with django_db_blocker.unblock():
        _use_database(own_name)
        if not django_db_keepdb:
            _drop_database(name)


def _make_database(name: str, *, keep: bool = False) -> None:
    if not keep:
        _drop_database(name)
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    _use_database(name)
    call_command("migrate_all", verbosity=0, stdout=_Silence())
    prices.load_published()
    plans.sync_plans(local=True, write=_Silence().write)


def _copy_of_the_run(name: str) -> bool:
    """Copies the database that the first process of a parallel run makes. False, doing nothing, outside such a run."""
    run, own_name = os.environ.get("PYTEST_XDIST_TESTRUNUID"), settings.DATABASES["default"]["NAME"]
    if run is None:
        return False
    source = f"{own_name}_of_run"
    with connection._nodb_cursor() as cursor:
        # one at a time, until this cursor is closed
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [source])
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [source]
        )
        if cursor.fetchone() != (run,):
            _make_database(source)
            spares.make_ready(MANY_SPARES)
            _use_database(own_name)
            cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(source), run))
        _drop_database(name)
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        cursor.execute(copy.format(sql.Identifier(name), sql.Identifier(source)))
    return True


class _Silence:
    def write(self, text: str) -> None: ...


def _use_database(name: str) -> None:
    connection.close()
    connection.close_pool()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _drop_database(name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(scope="session")
def cast(django_db_setup, django_db_blocker) -> Cast:
    with django_db_blocker.unblock():
        try:
            return factories.make_cast()
        finally:
            connection.close()


@pytest.fixture(autouse=True)
def schema_is_public() -> Iterator[None]:
    """Whatever a test did, the connection it leaves stands outside every workspace."""
    assert connection.schema_name == "public"
    yield
    left_in, connection_tenant = connection.schema_name, connection.tenant
    connection.set_schema_to_public()
    assert left_in == "public", f"the test left the connection in {left_in} ({connection_tenant})"


@pytest.fixture(autouse=True)
def what_is_kept_is_read_once(monkeypatch) -> None:
    """What an earlier test left in the process is forgotten. What this one reads is kept: queries can be counted."""
    features.forget_all()
    prices.forget()
    monkeypatch.setattr(pace, "_kept", {})
    for module in (features, prices, pace):
        monkeypatch.setattr(module, "FRESH_NS", 3_600_000_000_000)


@pytest.fixture(autouse=True)
def no_window_of_a_rate_ends(monkeypatch) -> None:
    """Rates are counted in windows of the clock; none ends between two calls of a test, however slow the machine."""
    began = time.time()
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: began))


@pytest.fixture(autouse=True)
def no_flush(request) -> None:
    marker = request.node.get_closest_marker("django_db")
    asked = marker is not None and (marker.args or marker.kwargs.get("transaction"))
    refused = {"transactional_db", "live_server"} & set(request.fixturenames)
    assert not asked and not refused, "append-only tables cannot be flushed: use the fixture `committed`"


@pytest.fixture
def committed(cast, django_db_blocker) -> Iterator[None]:
    """The database without a transaction around the test: what it writes stays, so it works on ids of its own."""
    with django_db_blocker.unblock():
        yield
        assert not connection.in_atomic_block
        connection.close()


@pytest.fixture
def assert_queries() -> Callable[[int], AbstractContextManager[None]]:
    """`with assert_queries(1): …` counts the statements but for `SET search_path`, which comes when a path changes."""
    return _assert_queries


@contextmanager
def _assert_queries(expected: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    statements = [row["sql"] for row in captured if not row["sql"].startswith("SET search_path")]
    assert len(statements) == expected, "\n".join(statements)


@pytest.fixture
def acme(cast) -> factories.WorkspaceRef:
    return cast.acme


@pytest.fixture
def globex(cast) -> factories.WorkspaceRef:
    return cast.globex


@pytest.fixture
def owner(cast) -> Person:
    return cast.owner


@pytest.fixture
def admin(cast) -> Person:
    return cast.admin


@pytest.fixture
def member(cast) -> Person:
    return cast.member


@pytest.fixture
def viewer(cast) -> Person:
    return cast.viewer


@pytest.fixture
def globex_owner(cast) -> Person:
    return cast.globex_owner


@pytest.fixture
def staff(cast) -> Person:
    return cast.staff


@pytest.fixture
def in_acme(cast, db) -> Iterator[factories.WorkspaceRef]:
    """The test runs inside acme's schema, in a transaction that is rolled back."""
    from tenants.scope import workspace_scope

    with workspace_scope(cast.acme.id) as workspace:
        yield workspace


@pytest.fixture(scope="session")
def world(django_db_setup, django_db_blocker) -> sweep.World:
    with django_db_blocker.unblock():
        try:
            return sweep.make_world()
        finally:
            connection.close()
