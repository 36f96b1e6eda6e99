"""An endpoint, and messages for it."""

from django.db import transaction

from tenants import audit
from tenants.webhooks import emission, services
from tenants.webhooks.services import Caller

KINDS = ["member.added", "conversation.created"]


def caller(workspace) -> Caller:
    return Caller(workspace.id, audit.SYSTEM)


def tell(workspace, count: int = 1) -> None:
    with transaction.atomic():
        for _ in range(count):
            emission.emit(
                "conversation.created",
                workspace_id=workspace.id,
                conversation_id=workspace.id,
                user_id=None,
                assistant_id=None,
            )


def add(workspace, receiver):
    return services.create(caller=caller(workspace), url=receiver.url, event_types=KINDS)
