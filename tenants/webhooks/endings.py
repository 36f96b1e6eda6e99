"""When the product itself stops telling an endpoint."""

from django.utils import timezone

from config import ports
from tenants import audit, links
from tenants.scope import get_ref
from tenants.webhooks.models import WebhookEndpoint

WORDS = {
    WebhookEndpoint.Reason.GONE: "It answered 410, which says that it is gone for good.",
    WebhookEndpoint.Reason.FAILING: "A message was tried for two days, and none of its tries succeeded.",
}


def disable(endpoint: WebhookEndpoint, reason: WebhookEndpoint.Reason) -> None:
    """In the transaction of the try that led to it, which holds the endpoint's lock. Those who manage get a mail."""
    WebhookEndpoint.objects.filter(id=endpoint.id).update(
        state=WebhookEndpoint.State.DISABLED, disabled_reason=reason
    )
    audit.record(
        "webhook.disabled",
        actor=audit.SYSTEM,
        workspace_id=endpoint.workspace_id,
        target=("webhook", endpoint.id),
        reason=reason.value,
    )
    workspace = get_ref(id=endpoint.workspace_id)
    ports.managers_told(
        workspace_id=endpoint.workspace_id,
        key=f"webhook_disabled:{endpoint.id}:{timezone.now().isoformat()}",
        kind="webhook_disabled",
        context={
            "workspace": workspace.name,
            "address": endpoint.url,
            "why": WORDS[reason],
            "url": links.absolute_workspace_url(workspace, "settings"),
        },
    )
