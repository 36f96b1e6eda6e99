"""Mails of billing: owed in the transaction of what they tell, sent after its commit, each at most once."""

import json
import logging
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.utils import timezone

from accounts import queries as accounts_queries
from billing.mails import kinds, texts
from billing.mails.models import Mail
from tenants.scope import WorkspaceNotFound, get_ref

logger = logging.getLogger(__name__)
BATCH = 100
LATE = timedelta(minutes=1)
"""A mail this old was not sent by the task of its commit."""

OWE = """
INSERT INTO billing_mail (key, kind, workspace_id, context, recipients, created_at)
VALUES (%s, %s, %s, %s, 0, clock_timestamp())
ON CONFLICT (key) DO NOTHING
"""


def send_once(key: str, *, kind: str, workspace_id: UUID | None, context: dict[str, Any]) -> bool:
    """Owes the mail; False when it is owed already. A rival waits for the transaction that owes it.

    `key`: the business key, for example `receipt:in_1`. `context`: JSON, see `kinds`; a mail without a workspace goes
    to staff. Raises RuntimeError outside a transaction, ValueError for a context that lacks something.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("send_once needs the transaction of what the mail tells")
    is_for_staff = kinds.check(kind, context).is_for_staff
    if workspace_id is None and not is_for_staff:
        raise ValueError(f"the mail {kind} needs a workspace")
    with connection.cursor() as cursor:
        cursor.execute(OWE, [key, kind, workspace_id, json.dumps(context)])
        is_new = bool(cursor.rowcount == 1)
    if is_new:
        transaction.on_commit(partial(_wake, key), robust=True)
    return is_new


def _wake(key: str) -> None:
    from billing.mails.tasks import send_mail  # noqa: PLC0415  tasks call services

    send_mail.delay(key=key)


def send_due() -> int:
    """What the task of a commit did not send. Returns how many were sent."""
    rows = Mail.objects.filter(claimed_at=None, created_at__lt=timezone.now() - LATE).order_by("created_at")
    return sum(send(key) for key in rows.values_list("key", flat=True)[:BATCH])


def send(key: str) -> bool:
    """Sends one mail. True when this call did.

    The mail server is reached before the claim: while it is away, mails wait and none is lost. Raises OSError (of
    which SMTP's errors are a kind) when it is.
    """
    mail = Mail.objects.filter(key=key, claimed_at=None).first()
    if mail is None:
        return False
    message = _compose(mail)
    with get_connection() as server:
        if not Mail.objects.filter(key=key, claimed_at=None).update(claimed_at=timezone.now()):
            return False
        if message is None:
            logger.info("a mail has no recipient", extra={"mail": mail.kind})
            return False
        message.connection = server
        message.send()
    Mail.objects.filter(key=key).update(sent_at=timezone.now(), recipients=len(message.to))
    return True


def _compose(mail: Mail) -> EmailMessage | None:
    kind = kinds.KINDS[mail.kind]
    if kind.is_for_staff:
        addresses, workspace = accounts_queries.list_staff_addresses(), None
    elif mail.workspace_id is not None:
        try:
            workspace = get_ref(id=mail.workspace_id)
        except WorkspaceNotFound:
            return None
        addresses = accounts_queries.list_owner_emails(workspace.id)
    if not addresses:
        return None
    subject, body = texts.write(mail.kind, mail.context, workspace)
    return EmailMessage(subject=subject, body=body, from_email=None, to=addresses)
