"""What accounts, sign-in and the mails to people hold of persons: ours, allauth's and Django's own tables."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts.members.models import Invitation
from accounts.models import ApiKey, Mail, Membership, PersonReference, User
from accounts.privacy.models import ErasureJob, ExportJob
from config.personal import Exported, Holding, NotPersonal, Subject, by_caller, deleted, emptied
from tenants import sealing

Rows = Callable[[Subject], QuerySet[Any]]
RIGHTS_OF_STAFF = "Which rights staff have: groups of the product's own, which name nobody."


def of_user(label: str, field: str = "user_id") -> Rows:
    """Rows of a model by the id of the person."""
    return lambda subject: apps.get_model(label)._default_manager.filter(**{field: subject.user_id})


def in_workspace(label: str, field: str = "workspace_id") -> Callable[[UUID], QuerySet[Any]]:
    return lambda workspace_id: apps.get_model(label)._default_manager.filter(**{field: workspace_id})


def saying(rows: QuerySet[Any], subject: Subject, *fields: str) -> QuerySet[Any]:
    """Those that hold one of the person's addresses in a JSON or text field."""
    if not subject.addresses:
        return rows.none()
    as_text = {f"{name}_as_text": Cast(name, TextField()) for name in fields}
    found = Q()
    for address in subject.addresses:
        for name in as_text:
            found |= Q(**{f"{name}__icontains": address})
    return rows.annotate(**as_text).filter(found)


def sessions_of(subject: Subject) -> QuerySet[Session]:
    """Signed in as the person, or on the way there with an address of theirs. Reads every session: for the job only."""
    keys = [row.session_key for row in Session.objects.iterator(chunk_size=500) if _speaks_of(row, subject)]
    return Session.objects.filter(session_key__in=keys)


def _speaks_of(session: Session, subject: Subject) -> bool:
    said = json.dumps(session.get_decoded(), default=str).lower()
    return any(mark in said for mark in (str(subject.user_id), *subject.addresses))


def _of_staff_log(subject: Subject) -> QuerySet[Any]:
    """What staff did to the person's rows: Django's log writes an address into the row's name."""
    rows = apps.get_model("admin.LogEntry").objects.all()
    person = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(subject.user_id))
    for address in subject.addresses:
        person |= Q(object_repr__icontains=address)
    return rows.filter(person)


def _invitations(subject: Subject) -> QuerySet[Invitation]:
    return Invitation.objects.filter(email__in=subject.addresses)


def _erase_invitations(subject: Subject) -> int:
    return _forget_invitations(_invitations(subject))


def _erase_invitations_of_workspace(workspace_id: UUID) -> int:
    return _forget_invitations(Invitation.objects.filter(workspace_id=workspace_id))


def _forget_invitations(rows: QuerySet[Invitation]) -> int:
    """With the keys under which the audit log says to whom they went."""
    sealing.destroy(rows.values_list("id", flat=True))
    return rows.delete()[0]


HOLDINGS: list[Holding] = [
    Exported(
        "accounts.Mail",
        "Mails",
        ("kind", "created_at", "claimed_at", "sent_at"),
        person=deleted(lambda subject: saying(Mail.objects.all(), subject, "key", "to", "context")),
        workspace=deleted(in_workspace("accounts.Mail")),
    ),
    Exported(
        "accounts.Invitation",
        "Invitations to you",
        ("email", "role", "workspace__name", "created_at", "expires_at", "accepted_at", "declined_at", "revoked_at"),
        person=deleted(_invitations, erase=_erase_invitations),
        workspace=deleted(in_workspace("accounts.Invitation"), erase=_erase_invitations_of_workspace),
    ),
    Exported(
        "accounts.KnownDevice",
        "Devices you signed in from",
        ("browser", "system", "first_seen_at"),
        person=deleted(of_user("accounts.KnownDevice")),
    ),
    Exported(
        "accounts.ExportJob",
        "Exports",
        ("id", "state", "workspace_id", "size", "created_at", "finished_at", "expires_at"),
        person=deleted(lambda subject: ExportJob.objects.filter(user_id=subject.user_id, workspace=None)),
        workspace=deleted(in_workspace("accounts.ExportJob")),
    ),
    Exported(
        "accounts.ErasureJob",
        "Deletion of your account",
        ("id", "state", "created_at", "finished_at"),
        person=by_caller(lambda subject: ErasureJob.objects.filter(user_id=subject.user_id)),
    ),
    Exported(
        "accounts.Consent",
        "What you accepted",
        ("document", "version", "created_at"),
        person=deleted(of_user("accounts.Consent")),
    ),
    Exported(
        "accounts.ApiKey",
        "API keys",
        (
            "id", "name", "prefix", "scopes", "membership__workspace__name", "created_at", "expires_at", "revoked_at",
            "last_used_at", "last_used_address", "addresses",
        ),
        person=deleted(lambda subject: ApiKey.objects.filter(membership__user_id=subject.user_id)),
        workspace=deleted(lambda workspace_id: ApiKey.objects.filter(membership__workspace_id=workspace_id)),
    ),
    Exported(
        "accounts.IdempotentCall",
        "Calls that may be repeated, of the last day",
        ("method", "path", "status", "created_at"),
        person=deleted(of_user("accounts.IdempotentCall")),
        workspace=deleted(in_workspace("accounts.IdempotentCall")),
    ),
    Exported(
        "accounts.Membership",
        "Workspaces you are in",
        ("id", "workspace__name", "workspace__slug", "user__email", "user__display_name", "role", "created_at"),
        person=deleted(lambda subject: Membership.objects.filter(user_id=subject.user_id)),
        workspace=deleted(lambda workspace_id: Membership.objects.filter(workspace_id=workspace_id)),
    ),
    Exported(
        "sessions.Session",
        "Sessions",
        ("expire_date",),
        person=deleted(sessions_of),
    ),
    Exported(
        "accounts.HostSession",
        "Sessions on workspaces’ own domains",
        ("host", "workspace__name", "created_at"),
        person=deleted(of_user("accounts.HostSession")),
        workspace=deleted(in_workspace("accounts.HostSession")),
    ),
    Exported(
        "usersessions.UserSession",
        "Where you are signed in",
        ("ip", "user_agent", "created_at", "last_seen_at"),
        person=deleted(of_user("usersessions.UserSession")),
    ),
    Exported(
        "mfa.Authenticator",
        "Second factors and passkeys",
        ("type", "created_at", "last_used_at"),
        person=deleted(of_user("mfa.Authenticator")),
    ),
    Exported(
        "socialaccount.SocialToken",
        "Grants of other services",
        ("app__provider", "expires_at"),
        person=deleted(of_user("socialaccount.SocialToken", "account__user_id")),
    ),
    Exported(
        "socialaccount.SocialAccount",
        "Accounts at other services",
        ("provider", "uid", "extra_data", "last_login", "date_joined"),
        person=deleted(of_user("socialaccount.SocialAccount")),
    ),
    NotPersonal("socialaccount.SocialApp", "The product's own registration at a sign-in service."),
    Exported(
        "account.EmailConfirmation",
        "Confirmations of addresses",
        ("email_address__email", "created", "sent"),
        person=deleted(of_user("account.EmailConfirmation", "email_address__user_id")),
    ),
    Exported(
        "account.EmailAddress",
        "E-mail addresses",
        ("email", "verified", "primary"),
        person=deleted(of_user("account.EmailAddress")),
    ),
    Exported(
        "admin.LogEntry",
        "What staff did on the staff pages",
        ("action_time", "object_repr", "action_flag"),
        person=emptied(_of_staff_log, object_repr="", change_message=""),
    ),
    Exported(
        "accounts.User_groups",
        "Groups of staff",
        ("group__name",),
        person=deleted(of_user("accounts.User_groups")),
    ),
    Exported(
        "accounts.User_user_permissions",
        "Rights of staff",
        ("permission__name",),
        person=deleted(of_user("accounts.User_user_permissions")),
    ),
    Exported(
        "accounts.PersonReference",
        "Your reference in records that stay",
        ("ref", "created_at"),
        person=by_caller(lambda subject: PersonReference.objects.filter(user_id=subject.user_id)),
    ),
    Exported(
        "accounts.User",
        "You",
        (
            "id", "email", "display_name", "avatar", "language", "timezone", "preferences", "date_joined", "last_login",
            "is_staff",
        ),
        person=by_caller(lambda subject: User.objects.filter(id=subject.user_id)),
    ),
    NotPersonal("auth.Permission", RIGHTS_OF_STAFF),
    NotPersonal("auth.Group", RIGHTS_OF_STAFF),
    NotPersonal("auth.Group_permissions", RIGHTS_OF_STAFF),
    NotPersonal("contenttypes.ContentType", "The names of tables."),
]  # fmt: skip
