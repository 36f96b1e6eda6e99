"""Telling of something: in the transaction in which it happens, so that both stand or fall together."""

import json
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from tenants.webhooks import types
from tenants.webhooks.models import message_id

logger = logging.getLogger(__name__)

# The share lock makes deleting an endpoint wait for those who tell it something; it disturbs no sender.
EMIT = """
WITH wanted AS (
    SELECT id FROM tenants_webhookendpoint
    WHERE workspace_id = %(workspace)s AND state = 'active' AND event_types @> to_jsonb(%(type)s::text)
    FOR KEY SHARE
), message AS (
    INSERT INTO tenants_webhookmessage (id, workspace_id, type, data, created_at)
    SELECT %(id)s, %(workspace)s, %(type)s, %(data)s::jsonb, %(now)s WHERE EXISTS (SELECT FROM wanted)
    RETURNING id
)
INSERT INTO tenants_webhookdelivery (endpoint_id, message_id, state, is_alone, attempts, next_attempt_at)
SELECT wanted.id, message.id, 'pending', false, 0, %(now)s FROM wanted, message
RETURNING endpoint_id
"""


def emit(type_name: str, *, workspace_id: UUID, **data: Any) -> int:
    """Tells the endpoints of the workspace that want to know this type; returns how many.

    `data`: exactly the type's fields, ids as UUIDs. One statement, which looks into one index and no further where
    nobody wants to know. Raises RuntimeError outside a transaction, ValueError for other fields.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("emit needs the transaction of what it tells")
    if data.keys() != types.BY_NAME[type_name].fields.keys():
        raise ValueError(f"{type_name} does not tell {sorted(data)}")
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "type": type_name,
        "id": message_id(),
        "data": json.dumps(data, default=str),
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(EMIT, values)
        told = [row[0] for row in cursor.fetchall()]
    wake_on_commit(told)
    return len(told)


def wake_on_commit(endpoint_ids: Iterable[UUID]) -> None:
    for endpoint_id in endpoint_ids:
        transaction.on_commit(partial(wake, endpoint_id), robust=True)


def wake(endpoint_id: UUID) -> None:
    """A broker that is away costs seconds: the sweep finds what is due."""
    from tenants.tasks import deliver_webhooks  # noqa: PLC0415  tasks call services

    try:
        deliver_webhooks.apply_async(kwargs={"endpoint_id": str(endpoint_id)})
    except BrokerError:
        logger.warning("a webhook's sender was not woken; the sweep will")
