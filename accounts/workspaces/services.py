"""Workspaces as people make them and hear of them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import queries
from accounts import services as accounts_services
from accounts.mails import services as mails
from accounts.models import Membership, User
from config import errors
from tenants import slugs
from tenants.models import Workspace
from tenants.settings import values

MOST_OWNED = 20
MOST_PER_HOUR = 5
HOUR = timedelta(hours=1)


class TooManyWorkspaces(errors.DomainError):
    code = "workspaces_spent"
    status = 409
    message = (
        f"You own {MOST_OWNED} workspaces, which is as many as one person can. "
        "Hand one over or delete one before you make another."
    )


class WorkspacesTooQuick(errors.DomainError):
    code = "workspaces_too_quick"
    status = 429
    message = f"{MOST_PER_HOUR} workspaces in an hour are enough. Please come back later."


def make_workspace(*, owner: User, name: str, slug: str = "", timezone_name: str = "UTC") -> Workspace:
    """A further workspace of a person, who owns it. Without a slug one is made from the name.

    Outside of any workspace. Raises SettingRefused, SlugRefused, TooManyWorkspaces, WorkspacesTooQuick.
    """
    name, zone = values.name(name), values.timezone(timezone_name)
    now = timezone.now()
    with transaction.atomic():
        # Two requests of one person come one after the other, so that the counts hold.
        User.objects.select_for_update().get(id=owner.id)
        _refuse_too_many(owner.id, now)
        wanted = slug or slugs.free_slug(name)
        return accounts_services.create_workspace(owner=owner, name=name, slug=wanted, timezone_name=zone)


def _refuse_too_many(user_id: UUID, now: datetime) -> None:
    owned = Workspace.objects.filter(
        memberships__user_id=user_id, memberships__role=Membership.Role.OWNER, is_personal=False
    )
    if owned.count() >= MOST_OWNED:
        raise TooManyWorkspaces()
    recent = owned.filter(created_at__gt=now - HOUR).order_by("created_at")
    times = list(recent.values_list("created_at", flat=True))
    if len(times) >= MOST_PER_HOUR:
        wait = int((times[-MOST_PER_HOUR] + HOUR - now).total_seconds()) + 1
        raise WorkspacesTooQuick(data={"retry_after_s": wait})


def tell_owners(*, workspace_id: UUID, key: str, kind: str, context: dict[str, Any]) -> None:
    """Owes the mail to each who owns the workspace now, in the caller's transaction."""
    to = queries.list_owner_emails(workspace_id)
    if to:
        mails.send_once(key, kind=kind, to=to, context=context, workspace_id=workspace_id)


def tell_managers(*, workspace_id: UUID, key: str, kind: str, context: dict[str, Any]) -> None:
    """The same to those who may manage it."""
    to = queries.list_manager_emails(workspace_id)
    if to:
        mails.send_once(key, kind=kind, to=to, context=context, workspace_id=workspace_id)
