"""Checkpoints leave the house: whoever keeps one can tell later whether the log still continues it."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import queries as accounts_queries
from tenants.links import absolute_workspace_url
from tenants.scope import get_ref
from usage.receipts import keys
from usage.receipts.models import PLATFORM, Checkpoint


def send_checkpoints(workspace_id: UUID, checkpoints: Sequence[Checkpoint]) -> bool:
    """To every owner of the workspace, or to staff. False when there is nobody. Raises what the mail server raises."""
    to, name, url = _staff() if workspace_id == PLATFORM else _owners(workspace_id)
    if not to:
        return False
    context = {
        "name": name,
        "url": url,
        "logs": [
            {"note": each.note.strip(), "kind": each.log.get_kind_display().lower(), "key": _key(each)}
            for each in checkpoints
        ],
    }
    mail = EmailMessage(
        subject=f"Checkpoints of {name}: keep this mail",
        body=render_to_string("usage/checkpoint_mail.txt", context),
        to=to,
    )
    for each in checkpoints:
        mail.attach(f"{each.log.kind}-{each.size}.checkpoint.txt", each.note, "text/plain")
    mail.send()
    return True


def _owners(workspace_id: UUID) -> tuple[list[str], str, str]:
    """To whom, of what, and where that is."""
    addresses = accounts_queries.list_owner_emails(workspace_id)
    if not addresses:
        return [], "", ""
    workspace = get_ref(id=workspace_id)
    return addresses, workspace.name, absolute_workspace_url(workspace, "receipts")


def _staff() -> tuple[list[str], str, str]:
    url = settings.BASE_URL + reverse("admin:usage_log_changelist")
    return accounts_queries.list_staff_addresses(), "the platform", url


def _key(checkpoint: Checkpoint) -> str:
    return str(keys.verifier(checkpoint.log, checkpoint.signing_key))
