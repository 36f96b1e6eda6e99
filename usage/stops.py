"""Stops: one switch per scope that refuses new runs and ends running ones."""

import logging
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from config import errors
from config import redis as redis_clients
from tenants import audit
from usage.features import queries as features
from usage.features.keys import Feature
from usage.holds.types import RunsStopped
from usage.models import Stop

CHANNEL = "stops"
logger = logging.getLogger(__name__)


WORDS = {
    Stop.Scope.PLATFORM: "The operator stopped all model calls.",
    Stop.Scope.WORKSPACE: "All model calls of this workspace are stopped.",
    Stop.Scope.ASSISTANT: "The model calls of an assistant are stopped.",
    Stop.Scope.MODEL: "The operator stopped calls to a model.",
    Stop.Scope.PROVIDER: "The operator stopped calls to a model provider.",
}


def find(*, workspace_id: UUID, assistant_id: UUID | None, model: str, provider: str = "") -> Stop | None:
    """The stop that covers a run, if there is one. One query. `provider`: the platform's when empty."""
    scopes = Q(scope=Stop.Scope.PLATFORM)
    scopes |= Q(scope=Stop.Scope.WORKSPACE, target=str(workspace_id))
    scopes |= Q(scope=Stop.Scope.MODEL, target=model)
    scopes |= Q(scope=Stop.Scope.PROVIDER, target=provider or settings.PROVIDER_NAME)
    if assistant_id:
        scopes |= Q(scope=Stop.Scope.ASSISTANT, target=str(assistant_id))
    return Stop.objects.filter(scopes, lifted_at__isnull=True).first()


def list_standing(workspace_id: UUID) -> list[Stop]:
    """What the members of a workspace are told about: its own stops, the platform's and the provider's. One query."""
    told = Q(scope=Stop.Scope.PLATFORM) | Q(workspace_id=workspace_id)
    told |= Q(scope=Stop.Scope.WORKSPACE, target=str(workspace_id))
    told |= Q(scope=Stop.Scope.PROVIDER, target=settings.PROVIDER_NAME)
    return list(Stop.objects.filter(told, lifted_at__isnull=True).order_by("created_at"))


def access_stop(workspace_id: UUID, stop_id: int) -> Stop:
    """A standing stop that the workspace itself set. Raises NotFound."""
    # SECURITY: what staff or an alarm stopped, only staff let run again.
    own = Stop.objects.filter(workspace_id=workspace_id, authority=Stop.Authority.WORKSPACE)
    stop = own.filter(id=stop_id, lifted_at__isnull=True).first()
    if stop is None:
        raise errors.NotFound()
    return stop


def words(stop: Stop) -> str:
    return WORDS[Stop.Scope(stop.scope)]


def refusal(scope: str, reason: str) -> RunsStopped:
    """What a run that a stop covers is answered with: the same words as the banner."""
    return RunsStopped(
        f"{WORDS[Stop.Scope(scope)]} {reason}",
        data={"scope": scope, "reason": reason},
    )


def set_stop(
    *,
    scope: Stop.Scope,
    target: str,
    reason: str,
    actor: audit.Actor,
    authority: Stop.Authority = Stop.Authority.STAFF,
    workspace_id: UUID | None = None,
) -> Stop:
    """Effective for new runs at once, for running ones within a second. Setting it twice keeps the first.

    Stops of different authorities stand beside each other, and each is lifted by its own. `workspace_id`: whose
    assistant it is. Raises FeatureNotIncluded where a workspace stops itself without having that in its plan.
    """
    if scope == Stop.Scope.WORKSPACE:
        workspace_id = UUID(target)
    if authority == Stop.Authority.WORKSPACE and workspace_id is not None:
        features.require(workspace_id, Feature.ADMIN_CONTROLS)
    with transaction.atomic():
        stop, created = Stop.objects.get_or_create(
            scope=scope,
            target=target,
            authority=authority,
            lifted_at=None,
            defaults={"reason": reason, "created_by_ref": actor.ref, "workspace_id": workspace_id},
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
    """What was typed in a workspace is sealed under its own key, and goes when it is erased."""
    words: dict[str, Any] = {"reason": stop.reason}
    if stop.workspace_id is not None:
        words = {"personal": words, "about": stop.workspace_id}
    audit.record(
        action,
        actor=actor,
        workspace_id=stop.workspace_id,
        target=("stop", stop.id),
        scope=stop.scope,
        stopped=stop.target,
        authority=stop.authority,
        **words,
    )


def announce_on_commit() -> None:
    """Wakes the workers' stop check. Lost announcements cost at most a second: workers also ask on their own."""
    transaction.on_commit(_announce)


def _announce() -> None:
    try:
        redis_clients.client().publish(CHANNEL, "check")
    except redis.RedisError:
        logger.warning("a stop was not announced; workers will see it within a second")
