"""What people do with their webhooks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config import errors
from tenants import audit, sealing
from tenants.models import Workspace
from tenants.webhooks import calling, queries, signing, types
from tenants.webhooks.emission import wake_on_commit
from tenants.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage

MOST_ENDPOINTS = 20
KEPT = timedelta(days=30)
OVERLAP_HOURS, MOST_OVERLAP_HOURS = 24, 168


class TooManyWebhooks(errors.DomainError):
    code = "too_many_webhooks"
    status = 409
    message = f"A workspace has {MOST_ENDPOINTS} webhooks at most. Delete one that is not needed."


class WebhookDisabled(errors.DomainError):
    code = "webhook_disabled"
    status = 409
    message = "This webhook is switched off. Switch it on first."


class EventTypeUnknown(errors.DomainError):
    code = "event_type_unknown"
    status = 422
    message = "Choose at least one type of event, and only types that there are."


@dataclass(frozen=True)
class Caller:
    """Who asks, and in which workspace."""

    workspace_id: UUID
    actor: audit.Actor


def create(
    *, caller: Caller, url: str, event_types: Sequence[str], description: str = ""
) -> tuple[WebhookEndpoint, str]:
    """With its secret, which is shown this once. Raises AddressRefused, EventTypeUnknown, TooManyWebhooks."""
    calling.check_address(url)
    wanted = _known(event_types)
    with transaction.atomic():
        # So that two at once are counted one after the other.
        Workspace.objects.select_for_update().get(id=caller.workspace_id)
        if queries.list_endpoints(caller.workspace_id).count() >= MOST_ENDPOINTS:
            raise TooManyWebhooks()
        endpoint = WebhookEndpoint(
            workspace_id=caller.workspace_id, url=url, event_types=wanted, description=description
        )
        secret = signing.new_secret()
        endpoint.secret = signing.seal(endpoint, secret)
        endpoint.save()
        _record("webhook.created", caller, endpoint.id, event_types=wanted)
    return endpoint, secret


def _known(event_types: Collection[str]) -> list[str]:
    wanted = set(event_types)
    if not wanted or not wanted <= set(types.NAMES):
        raise EventTypeUnknown()
    return [name for name in types.NAMES if name in wanted]


def change(*, caller: Caller, endpoint_id: UUID, wanted: dict[str, Any]) -> WebhookEndpoint:
    """Sets those of url, event_types, description, is_active that `wanted` names; what waits goes to the new address.

    Raises NotFound, AddressRefused, EventTypeUnknown.
    """
    fields = dict(wanted)
    is_active = fields.pop("is_active", None)
    if "url" in fields:
        calling.check_address(fields["url"])
    if "event_types" in fields:
        fields["event_types"] = _known(fields["event_types"])
    with transaction.atomic():
        endpoint = _lock(caller, endpoint_id)
        changed = {name: value for name, value in fields.items() if value != getattr(endpoint, name)}
        if is_active is not None and is_active != (endpoint.state == WebhookEndpoint.State.ACTIVE):
            changed |= _switched(endpoint, is_active=is_active)
        if not changed:
            return endpoint
        WebhookEndpoint.objects.filter(id=endpoint.id).update(**changed)
        _record("webhook.changed", caller, endpoint.id, fields=sorted(changed))
    return queries.access_endpoint(caller.workspace_id, endpoint_id)


def _switched(endpoint: WebhookEndpoint, *, is_active: bool) -> dict[str, str]:
    if not is_active:
        return {"state": WebhookEndpoint.State.DISABLED, "disabled_reason": WebhookEndpoint.Reason.PERSON}
    now = timezone.now()
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.PENDING)
    waiting.update(attempts=0, next_attempt_at=now)
    wake_on_commit([endpoint.id])
    return {"state": WebhookEndpoint.State.ACTIVE, "disabled_reason": ""}


def rotate(
    *, caller: Caller, endpoint_id: UUID, overlap_hours: int = OVERLAP_HOURS
) -> tuple[WebhookEndpoint, str]:
    """A new secret, shown this once. Until the overlap ends the former one signs too. Raises NotFound."""
    with transaction.atomic():
        endpoint = _lock(caller, endpoint_id)
        secret = signing.new_secret()
        endpoint.former_secret, endpoint.former_until = "", None
        if overlap_hours:
            endpoint.former_secret = endpoint.secret
            endpoint.former_until = timezone.now() + timedelta(hours=overlap_hours)
        endpoint.secret = signing.seal(endpoint, secret)
        endpoint.save(update_fields=["secret", "former_secret", "former_until"])
        _record("webhook.rotated", caller, endpoint.id, overlap_hours=overlap_hours)
    return endpoint, secret


def delete(*, caller: Caller, endpoint_id: UUID) -> None:
    """With its log and its secrets; what waited is not sent. Raises NotFound."""
    with transaction.atomic():
        endpoint = _lock(caller, endpoint_id)
        WebhookMessage.objects.filter(deliveries__endpoint=endpoint).exclude(
            deliveries__in=WebhookDelivery.objects.exclude(endpoint=endpoint)
        ).delete()
        sealing.destroy([endpoint.id])
        endpoint.delete()
        _record("webhook.deleted", caller, endpoint_id)


def send_test(*, caller: Caller, endpoint_id: UUID) -> WebhookDelivery:
    """A `webhook.test`, before all that waits and tried once. Raises NotFound, WebhookDisabled."""
    now = timezone.now()
    with transaction.atomic():
        endpoint = _lock_active(caller, endpoint_id)
        data = {"endpoint_id": str(endpoint.id)}
        message = WebhookMessage.objects.create(
            workspace_id=caller.workspace_id, type=types.TEST.name, data=data, created_at=now
        )
        delivery = WebhookDelivery.objects.create(
            endpoint=endpoint, message=message, is_alone=True, next_attempt_at=now
        )
        wake_on_commit([endpoint.id])
        _record("webhook.tested", caller, endpoint.id)
    return delivery


def redeliver(*, caller: Caller, delivery_id: int) -> WebhookDelivery:
    """Sends a message again under its id, once and at once; one that still waits is tried now, in its turn.

    Raises NotFound, WebhookDisabled.
    """
    with transaction.atomic():
        found = queries.access_delivery(caller.workspace_id, delivery_id)
        endpoint = _lock_active(caller, found.endpoint_id)
        delivery = endpoint.deliveries.select_for_update().select_related("message").get(id=delivery_id)
        if delivery.state != WebhookDelivery.State.PENDING:
            delivery.state, delivery.finished_at = WebhookDelivery.State.PENDING, None
            delivery.is_alone, delivery.attempts = True, 0
        delivery.next_attempt_at = timezone.now()
        delivery.save()
        wake_on_commit([endpoint.id])
        _record("webhook.redelivered", caller, endpoint.id, message=delivery.message_id)
    return delivery


def forget_old(*, now: datetime) -> int:
    """Messages of more than 30 days ago, with their log. Returns how many rows."""
    return WebhookMessage.objects.filter(created_at__lt=now - KEPT).delete()[0]


def _lock(caller: Caller, endpoint_id: UUID) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.select_for_update()
    endpoint = rows.filter(id=endpoint_id, workspace_id=caller.workspace_id).first()
    if endpoint is None:
        raise errors.NotFound()
    return endpoint


def _lock_active(caller: Caller, endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = _lock(caller, endpoint_id)
    if endpoint.state != WebhookEndpoint.State.ACTIVE:
        raise WebhookDisabled()
    return endpoint


def _record(action: str, caller: Caller, endpoint_id: UUID, **data: Any) -> None:
    target = ("webhook", endpoint_id)
    audit.record(action, actor=caller.actor, workspace_id=caller.workspace_id, target=target, **data)
