"""What single sign-on holds of persons and workspaces."""

from uuid import UUID

from django.db.models import QuerySet

from accounts.sso.models import Connection, Identity, MailDomain
from config.personal import Exported, Holding, deleted


def _identities(workspace_id: UUID) -> QuerySet[Identity]:
    return Identity.objects.filter(connection__workspace_id=workspace_id)


HOLDINGS: list[Holding] = [
    Exported(
        "accounts.Identity",
        "Identities at single sign-on",
        ("connection__workspace__name", "created_at"),
        person=deleted(lambda subject: Identity.objects.filter(user_id=subject.user_id)),
        workspace=deleted(_identities),
    ),
    Exported(
        "accounts.Connection",
        "Single sign-on",
        (
            "kind", "settings", "state", "provisions", "default_role", "admits_guests", "tested_at", "enforced_at",
            "created_at",
        ),
        workspace=deleted(lambda workspace_id: Connection.objects.filter(workspace_id=workspace_id)),
    ),
    Exported(
        "accounts.MailDomain",
        "Mail domains",
        ("domain", "verified_at", "created_at"),
        workspace=deleted(lambda workspace_id: MailDomain.objects.filter(workspace_id=workspace_id)),
    ),
]  # fmt: skip
