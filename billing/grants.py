"""Once-only effects: a credit, a mail, a sold deal happens by its business key, whatever is delivered twice."""

import json
from typing import Any
from uuid import UUID

from django.db import connection, transaction

CLAIM = """
INSERT INTO billing_grant (key, workspace_id, kind, data, created_at) VALUES (%s, %s, %s, %s, now())
ON CONFLICT (key) DO NOTHING
"""


def claim(key: str, *, workspace_id: UUID, kind: str, **data: Any) -> bool:
    """True for the one caller that may do it, in whose transaction the claim stands or falls with the effect.

    A rival waits for that transaction and is told False when it commits. Raises RuntimeError outside a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("grants.claim needs the transaction of its effect")
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [key, workspace_id, kind, json.dumps(data)])
        return bool(cursor.rowcount == 1)
