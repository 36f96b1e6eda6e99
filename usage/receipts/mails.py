"""Checkpoints leave the house: whoever keeps one can tell later whether the log still continues it."""

from collections.abc import Sequence
from uuid import UUID

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts import queries as accounts_queries
from tenants.links import absolute_workspace_url
from tenants.scope import get_ref
from usage.receipts import keys
from usage.receipts.models import Checkpoint


def send_checkpoints(workspace_id: UUID, checkpoints: Sequence[Checkpoint]) -> bool:
    """To every owner of the workspace. False when it has none. Raises what the mail server raises."""
    owners = accounts_queries.list_owner_emails(workspace_id)
    if not owners:
        return False
    workspace = get_ref(id=workspace_id)
    context = {
        "workspace": workspace,
        "url": absolute_workspace_url(workspace, "receipts"),
        "logs": [
            {"note": each.note.strip(), "kind": each.log.get_kind_display().lower(), "key": _key(each)}
            for each in checkpoints
        ],
    }
    mail = EmailMessage(
        subject=f"Checkpoints of {workspace.name}: keep this mail",
        body=render_to_string("usage/checkpoint_mail.txt", context),
        to=owners,
    )
    for each in checkpoints:
        mail.attach(f"{each.log.kind}-{each.size}.checkpoint.txt", each.note, "text/plain")
    mail.send()
    return True


def _key(checkpoint: Checkpoint) -> str:
    return str(keys.verifier(checkpoint.log, checkpoint.signing_key))
