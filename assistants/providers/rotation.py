"""Keys of providers under a new SECRET_KEY. May be stopped at any time and run again: what is fresh is left alone."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from assistants.models import Provider
from assistants.providers import sealing
from tenants import audit
from tenants.models import Workspace
from tenants.scope import workspace_scope


@dataclass(frozen=True)
class Tally:
    rotated: int = 0
    fresh: int = 0
    unreadable: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.rotated + other.rotated, self.fresh + other.fresh, self.unreadable + other.unreadable
        )


def list_workspaces() -> list[tuple[UUID, str]]:
    """Every one that is there, whatever its state: id and slug."""
    return list(Workspace.objects.order_by("id").values_list("id", "slug"))


def rotate_keys(*, workspace_id: UUID) -> Tally:
    """Seals the keys of a workspace's providers with the present SECRET_KEY, each in a transaction of its own."""
    total = Tally()
    with workspace_scope(workspace_id, allow_suspended=True):
        kept = Provider.objects.exclude(key_sealed=None).order_by("id")
        for provider_id in list(kept.values_list("id", flat=True)):
            total += _rotate(workspace_id, provider_id)
    return total


def _rotate(workspace_id: UUID, provider_id: UUID) -> Tally:
    with transaction.atomic():
        row = Provider.objects.select_for_update().filter(id=provider_id).first()
        if row is None or row.key_sealed is None:
            return Tally()
        if sealing.is_fresh(row, workspace_id):
            return Tally(fresh=1)
        try:
            key = sealing.key_of(row, workspace_id)
        except sealing.KeyUnreadable:
            return Tally(unreadable=1)
        row.key_sealed = sealing.seal(workspace_id, row.id, key)
        row.save(update_fields=["key_sealed"])
        audit.record(
            "provider.key_resealed",
            actor=audit.SYSTEM,
            workspace_id=workspace_id,
            target=("provider", row.id),
        )
        return Tally(rotated=1)
