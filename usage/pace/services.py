"""Request rates as the plan pushes them."""

from typing import Any
from uuid import UUID

from django.db import transaction

from tenants import audit
from usage.pace import queries
from usage.pace.models import RequestRate
from usage.pace.queries import Rates


def push_rates(*, workspace_id: UUID, rates: Rates, actor: audit.Actor = audit.SYSTEM) -> None:
    """Beside `limits.push_plan`: effective at once here, within seconds in other processes."""
    wanted: dict[str, Any] = {
        "per_key": rates.per_key,
        "per_person": rates.per_person,
        "per_workspace": rates.per_workspace,
    }
    with transaction.atomic():
        RequestRate.objects.update_or_create(workspace_id=workspace_id, defaults=wanted)
        audit.record("request_rates.pushed", actor=actor, workspace_id=workspace_id, **wanted)
        transaction.on_commit(lambda: queries.forget(workspace_id))
