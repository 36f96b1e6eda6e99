"""What staff see of events: those that failed or wait, and what was refused."""

from django.db.models import QuerySet

from billing.webhooks.models import Repair, WebhookEvent, WebhookRefusal

UNDONE = (WebhookEvent.State.RECEIVED, WebhookEvent.State.FAILED)


def list_undone() -> QuerySet[WebhookEvent]:
    """Oldest first."""
    return WebhookEvent.objects.filter(state__in=UNDONE).order_by("received_at")


def list_refusals() -> QuerySet[WebhookRefusal]:
    """Newest first."""
    return WebhookRefusal.objects.order_by("-refused_at")


def list_repairs() -> QuerySet[Repair]:
    """Newest first."""
    return Repair.objects.order_by("-repaired_at", "-pk")
