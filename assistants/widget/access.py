"""Who stands before a widget: nobody's account, a token that the frame keeps, one assistant.

A widget's public id is its workspace's id and eight random bytes, in base64url: it finds the schema without a table
in `public`. A visitor's token is signed (`django.core.signing`), names the widget, and is never part of an address.
"""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.core import signing

from accounts.permissions import Member, Permission, Visitor
from assistants.models import Widget
from assistants.widget.refusals import VisitorUnknown, WidgetGone
from tenants.scope import WorkspaceNotFound, WorkspaceRef, enter, get_ref

ID_LENGTH = 32
WORKSPACE_BYTES = 16
SALT = "assistants.widget.visitor"
TOKEN_DAYS = 180
VISITOR_ROLE = "visitor"
VISITOR_PERMISSIONS = frozenset({Permission.VIEW, Permission.CHAT})


@dataclass(frozen=True)
class Door:
    """An open widget, with its assistant."""

    workspace: WorkspaceRef
    widget: Widget


def public_id(workspace_id: UUID, widget: Widget) -> str:
    return base64.urlsafe_b64encode(workspace_id.bytes + bytes.fromhex(widget.tail)).decode()


def open_door(text: str) -> Door:
    """Outside every workspace; two queries, none for what is no id. Raises WidgetGone in the same words for what is
    unknown, switched off, archived, and in a workspace that is not active."""
    workspace_id, tail = _parts(text)
    try:
        workspace = get_ref(id=workspace_id)
    except WorkspaceNotFound as error:
        raise WidgetGone() from error
    if not workspace.is_active:
        raise WidgetGone()
    with enter(workspace):
        rows = Widget.objects.select_related("assistant")
        widget = rows.filter(tail=tail, is_on=True, assistant__archived_at=None).first()
    if widget is None:
        raise WidgetGone()
    return Door(workspace, widget)


def _parts(text: str) -> tuple[UUID, str]:
    try:
        data = base64.urlsafe_b64decode(text) if len(text) == ID_LENGTH else b""
    except (binascii.Error, ValueError):
        data = b""
    # One spelling for each.
    if not data or base64.urlsafe_b64encode(data).decode() != text:
        raise WidgetGone()
    return UUID(bytes=data[:WORKSPACE_BYTES]), data[WORKSPACE_BYTES:].hex()


def new_token(door: Door) -> str:
    return signing.dumps([uuid4().hex, door.widget.id.hex], salt=SALT)


def visitor_of(door: Door, token: str) -> Member:
    """May ask this assistant, and see and stop what they asked. Raises VisitorUnknown, also for another widget's."""
    try:
        visitor, widget = signing.loads(token, salt=SALT, max_age=TOKEN_DAYS * 86_400)
    except signing.BadSignature as error:
        raise VisitorUnknown() from error
    if widget != door.widget.id.hex:
        raise VisitorUnknown()
    visitor_id = UUID(visitor)
    return Member(
        user_id=visitor_id,
        person_ref=door.widget.id,
        workspace_id=door.workspace.id,
        membership_id=door.widget.id,
        role=VISITOR_ROLE,
        permissions=VISITOR_PERMISSIONS,
        visitor=Visitor(visitor_id, door.widget.id),
    )
