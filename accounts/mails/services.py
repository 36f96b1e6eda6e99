"""Mails to people: owed in the transaction of what they tell, sent by a worker after its commit, each at most once."""

import json
import logging
import smtplib
import socket
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from anymail.exceptions import AnymailError
from django.core.mail import get_connection
from django.db import connection, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.mails import writing
from accounts.mails.models import Mail

logger = logging.getLogger(__name__)
BATCH = 100
LATE = timedelta(minutes=1)
"""A mail this old was not sent by the task of its commit."""
GIVEN_UP = timedelta(days=7)
MOST_FAILURES = 3
OWE = """
INSERT INTO accounts_mail (key, kind, writer, workspace_id, "to", context, recipients, created_at)
VALUES (%s, %s, %s, %s, %s, %s, 0, clock_timestamp())
ON CONFLICT (key) DO NOTHING
"""
NOT_TAKEN = frozenset({401, 403, 429, 503})
"""A provider's answers that say: not now, or not with this key. The mail has not left."""


def send_once(
    key: str,
    *,
    kind: str,
    to: Sequence[str],
    context: dict[str, Any],
    workspace_id: UUID | None = None,
    writer: str = "",
) -> bool:
    """Owes the mail; False when it is owed already. A rival waits for the transaction that owes it.

    `key`: the business key, for example `invitation:<id>:2`. `context`: JSON, what `templates/mails/<kind>.txt` names;
    buttons lead to our own pages and to values whose names end with `url`. `workspace_id`: whose look it has. `writer`:
    see `writing.WRITERS`. Raises RuntimeError outside a transaction, TemplateDoesNotExist for an unknown kind.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("send_once needs the transaction of what the mail tells")
    if not writer and kind != writing.RENDERED:
        writing.check(kind)
    values = [key, kind, writer, workspace_id, json.dumps(list(to)), json.dumps(context)]
    with connection.cursor() as cursor:
        cursor.execute(OWE, values)
        is_new = bool(cursor.rowcount == 1)
    if is_new:
        transaction.on_commit(partial(_wake, key), robust=True)
    return is_new


def send_rendered(
    key: str, *, to: Sequence[str], subject: str, text: str, html: str = "", workspace_id: UUID | None = None
) -> bool:
    """Owes a mail whose words are made already, as allauth's; HTML is made from the text unless it is given.

    In a transaction of its own where there is none. False when it is owed already.
    """
    context = {"subject": subject, "text": text, "html": html}
    with transaction.atomic():
        return send_once(key, kind=writing.RENDERED, to=to, context=context, workspace_id=workspace_id)


def _wake(key: str) -> None:
    from accounts.tasks import send_mail  # noqa: PLC0415  tasks call services

    send_mail.delay(key=key)


def send(key: str) -> bool:
    """Sends one mail. True when this call did.

    The mail server is reached before the claim: while it is away, mails wait and none is lost. Raises OSError (of
    which SMTP's and providers' errors are kinds) when it is, or when it does not take the mail.
    """
    mail = Mail.objects.filter(key=key, claimed_at=None).first()
    if mail is None:
        return False
    message = writing.message_of(mail)
    with get_connection() as server:
        if not Mail.objects.filter(key=key, claimed_at=None).update(claimed_at=timezone.now()):
            return False
        if message is None:
            logger.info("a mail has no recipient", extra={"mail": mail.kind})
            Mail.objects.filter(key=key).update(to=[], context={})
            return False
        message.connection = server
        try:
            message.send()
        except (OSError, AnymailError) as error:
            if _has_not_left(error):
                Mail.objects.filter(key=key).update(claimed_at=None)
            raise
    Mail.objects.filter(key=key).update(sent_at=timezone.now(), to=[], context={}, recipients=len(message.to))
    return True


def _has_not_left(error: BaseException) -> bool:
    """Whether that is certain: there was no connection, or the server said that it does not take the mail now."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code < 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code < 500
    if getattr(error, "status_code", None) in NOT_TAKEN:
        return True
    return isinstance(error, AnymailError) and any(
        isinstance(cause, ConnectionRefusedError | socket.gaierror) for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def send_due() -> int:
    """What the task of a commit did not send. Returns how many were sent.

    Goes on after a mail that fails; raises the third failure, because then it is the mail server that is away.
    """
    rows = Mail.objects.filter(claimed_at=None, created_at__lt=timezone.now() - LATE).order_by("created_at")
    sent = failures = 0
    for key in rows.values_list("key", flat=True)[:BATCH]:
        try:
            sent += send(key)
        except OSError:
            failures += 1
            logger.warning("a mail was not sent; it waits, or staff see it", extra={"failures": failures})
            if failures == MOST_FAILURES:
                raise
    return sent


def forget_old(*, now: datetime) -> int:
    """Gives up what could not be sent for a week, and empties it. Returns how many."""
    rows = Mail.objects.filter(created_at__lt=now - GIVEN_UP, sent_at=None).exclude(context={}, to=[])
    return rows.update(claimed_at=Coalesce("claimed_at", now), to=[], context={})


def forget_address(address: str) -> int:
    """Empties what is still owed to an address, in the caller's transaction: its person is gone. Returns how many."""
    rows = Mail.objects.filter(to__contains=[address], sent_at=None)
    return rows.update(claimed_at=Coalesce("claimed_at", timezone.now()), to=[], context={})
