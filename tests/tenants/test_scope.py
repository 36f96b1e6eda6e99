"""The only door into a workspace's schema, and that it closes behind whoever leaves."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from assistants.models import Assistant
from config import logs
from tenants.audit import SYSTEM
from tenants.lifecycle import services as lifecycle
from tenants.scope import WorkspaceNotFound, WorkspaceSuspended, enter, get_ref, workspace_scope
from tests import factories


def search_path() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        return cursor.fetchone()[0]


def test_scope_enters_the_workspace_and_leaves_it(db, acme):
    assert search_path() == "public"
    with workspace_scope(acme.id) as workspace:
        assert workspace == acme
        assert search_path() == f"{acme.schema_name}, public"
        assert Assistant.objects.count() == 1
    assert search_path() == "public"


def test_scope_costs_one_query(db, acme, assert_queries):
    search_path()
    with assert_queries(1), workspace_scope(acme.id):
        pass


def test_scope_restores_the_path_after_an_exception(db, acme):
    with pytest.raises(ZeroDivisionError), workspace_scope(acme.id):
        assert Assistant.objects.count() == 1
        raise ZeroDivisionError
    assert connection.schema_name == "public"
    assert search_path() == "public"


def test_scope_restores_the_path_when_a_generator_is_abandoned(db, acme):
    def rows():
        with workspace_scope(acme.id):
            yield Assistant.objects.count()

    abandoned = rows()
    assert next(abandoned) == 1
    assert connection.schema_name == acme.schema_name
    abandoned.close()
    assert search_path() == "public"


def test_scope_restores_the_path_after_a_database_error_and_its_savepoint_rollback(db, acme, owner):
    with workspace_scope(acme.id):
        with pytest.raises(IntegrityError), transaction.atomic():
            factories.make_assistant(owner.member, name="Steward two", max_output_tokens=5)
        assert search_path() == f"{acme.schema_name}, public"
        assert Assistant.objects.count() == 1
    assert search_path() == "public"


def test_scope_entered_inside_a_savepoint_that_is_rolled_back_leaves_the_right_path(db, acme):
    with pytest.raises(ZeroDivisionError), transaction.atomic(), workspace_scope(acme.id):
        assert Assistant.objects.count() == 1
        raise ZeroDivisionError
    assert search_path() == "public"


def test_savepoint_rolled_back_inside_a_scope_keeps_the_workspace(db, acme):
    """PostgreSQL undoes the SET of a savepoint: the path must be sent again, or rows would come from elsewhere."""
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic(), workspace_scope(acme.id):
            assert search_path() == f"{acme.schema_name}, public"
            raise ZeroDivisionError
        with workspace_scope(acme.id):
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                raise ZeroDivisionError
            assert Assistant.objects.count() == 1


def test_scopes_nest_and_the_inner_one_gives_the_outer_one_back(db, acme, globex):
    with workspace_scope(acme.id):
        with workspace_scope(globex.id):
            assert search_path() == f"{globex.schema_name}, public"
        assert search_path() == f"{acme.schema_name}, public"
    assert search_path() == "public"


def test_rows_of_one_workspace_are_invisible_in_another(db, acme, globex, owner):
    with workspace_scope(acme.id):
        made = factories.make_assistant(owner.member, name="Only in acme")
        assert Assistant.objects.filter(id=made.id).exists()
    with workspace_scope(globex.id):
        assert not Assistant.objects.filter(id=made.id).exists()
        assert Assistant.objects.count() == 1


def test_data_plane_query_outside_a_workspace_raises(db, acme):
    with pytest.raises(ProgrammingError, match="assistants_assistant"), transaction.atomic():
        Assistant.objects.count()
    with workspace_scope(acme.id):
        assert Assistant.objects.count() == 1


def test_missing_workspace_is_refused_and_nothing_is_entered(db):
    with pytest.raises(WorkspaceNotFound), workspace_scope(uuid4()):
        pytest.fail("the scope of nothing was entered")
    assert connection.schema_name == "public"


def test_suspended_workspace_is_refused_unless_allowed(db, acme):
    lifecycle.suspend(workspace_id=acme.id, reason="unpaid", actor=SYSTEM)
    with pytest.raises(WorkspaceSuspended) as raised, workspace_scope(acme.id):
        pytest.fail("a suspended workspace was entered")
    assert raised.value.status == 423
    assert connection.schema_name == "public"
    with workspace_scope(acme.id, allow_suspended=True):
        assert Assistant.objects.count() == 1
    lifecycle.resume(workspace_id=acme.id, reason="paid", actor=SYSTEM)
    with workspace_scope(acme.id):
        assert Assistant.objects.count() == 1


def test_log_lines_carry_the_workspace_only_inside_its_scope(db, acme):
    assert logs.current("workspace_id") == ""
    with workspace_scope(acme.id):
        assert logs.current("workspace_id") == str(acme.id)
    assert logs.current("workspace_id") == ""


def test_two_threads_in_two_workspaces_each_see_their_own_rows(committed, acme, globex):
    first, second = (factories.make_workspace(factories.make_user()) for _ in range(2))

    def read(number: int) -> list[tuple[str, str]]:
        mine = (first, second)[number % 2]
        seen = []
        for _ in range(20):
            with enter(mine):
                seen.append((search_path(), str(Assistant.objects.get().id)))
            seen.append((search_path(), ""))
        return seen

    ids = {}
    for workspace in (first, second):
        with enter(workspace):
            ids[workspace.schema_name] = str(Assistant.objects.get().id)
    for number, seen in enumerate(factories.at_once(6, read)):
        mine = (first, second)[number % 2]
        expected = [(f"{mine.schema_name}, public", ids[mine.schema_name]), ("public", "")] * 20
        assert seen == expected
    assert ids[first.schema_name] != ids[second.schema_name]


def test_connection_given_back_to_the_pool_carries_no_workspace(committed, acme):
    """The next owner of a pooled connection stands on public, whatever its last owner did."""
    with workspace_scope(acme.id):
        search_path()
        connection.close()
    pids = set()
    for _ in range(3):
        assert search_path() == "public"
        pids.add(connection.connection.info.backend_pid)
        connection.close()
    assert pids


def test_get_ref_raises_for_an_unknown_slug(db):
    with pytest.raises(WorkspaceNotFound):
        get_ref(slug="nobody-has-this")
