"""Reads of webhooks."""

from uuid import UUID

from django.db.models import Prefetch, QuerySet

from config import errors
from tenants.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint


def list_endpoints(workspace_id: UUID) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(workspace_id=workspace_id).order_by("-created_at", "id")


def access_endpoint(workspace_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises NotFound, also for another workspace's."""
    endpoint = WebhookEndpoint.objects.filter(id=endpoint_id, workspace_id=workspace_id).first()
    if endpoint is None:
        raise errors.NotFound()
    return endpoint


def list_deliveries(workspace_id: UUID, endpoint_id: UUID) -> QuerySet[WebhookDelivery]:
    """Newest first, with message and tries. Raises NotFound."""
    endpoint = access_endpoint(workspace_id, endpoint_id)
    tries = Prefetch("tries", queryset=WebhookAttempt.objects.order_by("id"))
    return endpoint.deliveries.select_related("message").prefetch_related(tries).order_by("-id")


def access_delivery(workspace_id: UUID, delivery_id: int) -> WebhookDelivery:
    """Raises NotFound, also for another workspace's."""
    delivery = WebhookDelivery.objects.filter(id=delivery_id, endpoint__workspace_id=workspace_id).first()
    if delivery is None:
        raise errors.NotFound()
    return delivery
