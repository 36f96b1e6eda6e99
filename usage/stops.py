"""Stops: one switch per scope that refuses new runs and ends running ones."""

import logging
from uuid import UUID

import redis
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from config import redis as redis_clients
from tenants import audit
from usage.holds.types import RunsStopped
from usage.models import Stop

CHANNEL = "stops"
logger = logging.getLogger(__name__)


def refuse_if_stopped(*, workspace_id: UUID, assistant_id: UUID | None, model: str) -> None:
    """One query. Raises RunsStopped with the scope and reason of the stop."""
    scopes = Q(scope=Stop.Scope.PLATFORM)
    scopes |= Q(scope=Stop.Scope.WORKSPACE, target=str(workspace_id))
    scopes |= Q(scope=Stop.Scope.MODEL, target=model)
    if assistant_id:
        scopes |= Q(scope=Stop.Scope.ASSISTANT, target=str(assistant_id))
    stop = Stop.objects.filter(scopes, lifted_at__isnull=True).first()
    if stop is not None:
        raise RunsStopped(
            f"Model calls are stopped ({stop.get_scope_display().lower()}): {stop.reason}",
            data={"scope": stop.scope, "reason": stop.reason},
        )


def set_stop(*, scope: Stop.Scope, target: str, reason: str, actor: audit.Actor) -> Stop:
    """Effective for new runs at once, for running ones within a second. Setting it twice keeps the first."""
    with transaction.atomic():
        stop, created = Stop.objects.get_or_create(
            scope=scope,
            target=target,
            lifted_at=None,
            defaults={"reason": reason, "created_by_ref": actor.ref},
        )
        if created:
            _record("stop.set", stop, actor)
        announce_on_commit()
    return stop


def lift_stop(*, stop_id: int, actor: audit.Actor) -> None:
    with transaction.atomic():
        stop = Stop.objects.select_for_update().get(id=stop_id)
        if stop.lifted_at is None:
            stop.lifted_at = timezone.now()
            stop.save(update_fields=["lifted_at"])
            _record("stop.lifted", stop, actor)


def _record(action: str, stop: Stop, actor: audit.Actor) -> None:
    workspace_id = UUID(stop.target) if stop.scope == Stop.Scope.WORKSPACE else None
    audit.record(
        action,
        actor=actor,
        workspace_id=workspace_id,
        target=("stop", stop.id),
        scope=stop.scope,
        reason=stop.reason,
    )


def announce_on_commit() -> None:
    """Wakes the workers' stop check. Lost announcements cost at most a second: workers also ask on their own."""
    transaction.on_commit(_announce)


def _announce() -> None:
    try:
        redis_clients.client().publish(CHANNEL, "check")
    except redis.RedisError:
        logger.warning("a stop was not announced; workers will see it within a second")
