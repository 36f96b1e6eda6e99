"""Mails of billing: owed in the transaction of what they tell; the outbox of `accounts.mails` sends each once."""

from typing import Any
from uuid import UUID

from accounts import queries as accounts_queries
from accounts.mails import services as mails
from accounts.mails.models import Mail
from accounts.mails.writing import Written
from billing.mails import kinds, texts
from tenants.scope import WorkspaceNotFound, get_ref

WRITER = "billing"


def send_once(key: str, *, kind: str, workspace_id: UUID | None, context: dict[str, Any]) -> bool:
    """Owes the mail; False when it is owed already. A rival waits for the transaction that owes it.

    `key`: the business key, for example `receipt:in_1`. `context`: JSON, see `kinds`; a mail without a workspace goes
    to staff. Raises RuntimeError outside a transaction, ValueError for a context that lacks something.
    """
    is_for_staff = kinds.check(kind, context).is_for_staff
    if workspace_id is None and not is_for_staff:
        raise ValueError(f"the mail {kind} needs a workspace")
    return mails.send_once(key, kind=kind, to=(), context=context, workspace_id=workspace_id, writer=WRITER)


def write(mail: Mail) -> Written | None:
    """To whoever owns the workspace when it is sent. None when that is nobody, or the workspace is gone."""
    kind = kinds.KINDS[mail.kind]
    if kind.is_for_staff:
        addresses, workspace = accounts_queries.list_staff_addresses(), None
    elif mail.workspace_id is not None:
        try:
            workspace = get_ref(id=mail.workspace_id)
        except WorkspaceNotFound:
            return None
        addresses = accounts_queries.list_owner_emails(workspace.id)
    else:
        return None
    return texts.write(mail.kind, mail.context, workspace, to=addresses)
