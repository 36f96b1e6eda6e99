"""Refuses settings under which rows of one workspace could be served to another."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections

SAFE_PROBES = 3


@register
def cache_is_per_workspace(**_: Any) -> list[CheckMessage]:
    if settings.CACHES["default"].get("KEY_FUNCTION") != "tenants.keys.cache_key":
        return [Error("The default cache has no workspace in its keys.", id="steward.E010")]
    return []


@register(Tags.database)
def session_state_survives(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A transaction-mode pooler hands each statement to any backend and so loses `search_path`.

    Sets a marker on the session and reads it back with other statements between; a lost marker is unsafe.
    """
    if not databases or "default" not in databases:
        return []
    connection = connections["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            first = cursor.fetchone()[0]
            cursor.execute("SET steward.probe = 'kept'")
            for _probe in range(SAFE_PROBES):
                cursor.execute("SELECT pg_backend_pid(), current_setting('steward.probe', true)")
                pid, value = cursor.fetchone()
                if pid != first or value != "kept":
                    return [_unsafe()]
            cursor.execute("RESET steward.probe")
    except DatabaseError:
        return []
    return []


def _unsafe() -> CheckMessage:
    return Error(
        "The database connection does not keep its session settings (a pooler in transaction mode?).",
        hint="Use PgBouncer's session mode, or connect directly: search_path must survive between statements.",
        id="steward.E011",
    )
