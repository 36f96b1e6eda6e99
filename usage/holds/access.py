"""What runs on behalf of somebody ends when their access does: running, queued and waiting alike."""

from collections.abc import Iterable
from uuid import UUID

from config import ports
from usage.holds import queries, services


def stop_runs_of_key(*, workspace_id: UUID, key_id: UUID) -> None:
    """The answer to the port `api_key_ended`."""
    held = queries.list_held(workspace_id=workspace_id, api_key_id=key_id)
    stop_runs(workspace_id=workspace_id, hold_ids=held, reason="key_revoked")


def stop_runs(*, workspace_id: UUID, hold_ids: Iterable[UUID], reason: str) -> None:
    """Running ones end within a second, by their workers; waiting ones here and now."""
    ids = list(hold_ids)
    services.stop_all(ids, reason=reason)
    for hold_id in queries.list_waiting(ids):
        ports.hold_decided(hold_id=hold_id, workspace_id=workspace_id, refusal=reason)
