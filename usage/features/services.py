"""Rights as the plan pushes them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from uuid import UUID

from django.db import transaction

from tenants import audit
from usage.features import queries
from usage.features.models import NEXT_VERSION
from usage.models import Rights


@dataclass(frozen=True)
class Wanted:
    """See `Rights`. `features`: in any order, counted once."""

    features: Iterable[str]
    plan_key: str = ""
    plan_name: str = ""
    sold_in: Mapping[str, str] = field(default_factory=dict)
    upgrade_text: str = ""
    seats_allowed: int | None = None
    restricted_reason: str = ""


def push(*, workspace_id: UUID, wanted: Wanted, actor: audit.Actor = audit.SYSTEM) -> bool:
    """Beside `limits.push_plan`. True when something changed: only then it is written and audited.

    Effective with the commit here, within a second in other processes.
    """
    values = {**asdict(wanted), "features": sorted(set(wanted.features)), "sold_in": dict(wanted.sold_in)}
    with transaction.atomic():
        row = Rights.objects.select_for_update().filter(workspace_id=workspace_id).first()
        if row is not None and all(getattr(row, name) == value for name, value in values.items()):
            return False
        changed = sorted(values) if row is None else _differing(row, values)
        defaults = values if row is None else {**values, "version": NEXT_VERSION}
        Rights.objects.update_or_create(workspace_id=workspace_id, defaults=defaults)
        audit.record(
            "rights.pushed",
            actor=actor,
            workspace_id=workspace_id,
            changed=changed,
            **{name: values[name] for name in ("plan_key", "features", "seats_allowed", "restricted_reason")},
        )
        forget_with_commit(workspace_id)
    return True


def _differing(row: Rights, values: dict[str, object]) -> list[str]:
    return sorted(name for name, value in values.items() if getattr(row, name) != value)


def forget_with_commit(workspace_id: UUID) -> None:
    """Now, so that this transaction sees its own change; and again when others may have read in between."""
    queries.forget(workspace_id)
    transaction.on_commit(partial(queries.forget, workspace_id))
