"""Advisory locks of PostgreSQL: one holder of a name at a time, until its transaction ends."""

from django.db import connection, transaction


def hold(name: str) -> None:
    """Waits for the lock. Raises RuntimeError outside a transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an advisory lock is held by a transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"receipts:{name}"])
