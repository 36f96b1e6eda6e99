"""What workspaces, their domains, keys and the audit log hold of persons."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from config.personal import Exported, Holding, NotPersonal, Subject, by_caller, deleted, kept
from tenants import sealing
from tenants.models import (
    AuditEntry,
    Domain,
    Erasure,
    FormerSlug,
    SealingKey,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookMessage,
    Workspace,
)

AUDIT_NAMELESS = (
    "The log can be verified only whole. It names its actor by a random reference whose mapping is gone; what named "
    "somebody was sealed under a key that was destroyed."
)


def _audit_of_person(subject: Subject) -> QuerySet[AuditEntry]:
    about = Q(actor_ref=subject.ref) | Q(target_type="person", target_id=str(subject.ref))
    return AuditEntry.objects.filter(about) if subject.ref else AuditEntry.objects.none()


def _opened(rows: list[dict[str, Any]], whose: Subject | UUID) -> list[dict[str, Any]]:
    """What is sealed is opened: to a person only what is about them, to a workspace's owner all that can be."""
    pairs = [(UUID(part["of"]), part["text"]) for row in rows for part in row["sealed"]]
    texts = iter(sealing.unseal(pairs))
    mine = whose.ref if isinstance(whose, Subject) else None
    shaped = []
    for row in rows:
        parts = [(UUID(part["of"]), next(texts)) for part in row.pop("sealed")]
        opened = [text for ref, text in parts if text and (mine is None or ref == mine)]
        shaped.append({**row, "personal": opened})
    return shaped


def _told_of(subject: Subject) -> dict[str, str]:
    return {"data__user_id": str(subject.user_id)}


def _within(path: str, of: dict[str, Any]) -> dict[str, Any]:
    return {f"{path}__{name}": value for name, value in of.items()}


def _erase_endpoints(workspace_id: UUID) -> int:
    """With the keys of their secrets."""
    rows = WebhookEndpoint.objects.filter(workspace_id=workspace_id)
    sealing.destroy(rows.values_list("id", flat=True))
    return rows.delete()[0]


HOLDINGS: list[Holding] = [
    Exported(
        "tenants.WebhookAttempt",
        "Tries of webhooks",
        ("id", "delivery_id", "url", "status", "error", "took_ms", "created_at"),
        person=deleted(
            lambda subject: WebhookAttempt.objects.filter(**_within("delivery__message", _told_of(subject)))
        ),
        workspace=deleted(
            lambda workspace_id: WebhookAttempt.objects.filter(delivery__message__workspace_id=workspace_id)
        ),
    ),
    Exported(
        "tenants.WebhookDelivery",
        "What webhooks were sent",
        ("id", "endpoint_id", "message_id", "state", "attempts", "finished_at"),
        person=deleted(lambda subject: WebhookDelivery.objects.filter(**_within("message", _told_of(subject)))),
        workspace=deleted(
            lambda workspace_id: WebhookDelivery.objects.filter(message__workspace_id=workspace_id)
        ),
    ),
    Exported(
        "tenants.WebhookMessage",
        "What webhooks tell",
        ("id", "type", "data", "created_at"),
        person=deleted(lambda subject: WebhookMessage.objects.filter(**_told_of(subject))),
        workspace=deleted(lambda workspace_id: WebhookMessage.objects.filter(workspace_id=workspace_id)),
    ),
    Exported(
        "tenants.WebhookEndpoint",
        "Webhooks",
        ("id", "url", "description", "event_types", "state", "created_at"),
        workspace=deleted(
            lambda workspace_id: WebhookEndpoint.objects.filter(workspace_id=workspace_id), erase=_erase_endpoints
        ),
    ),
    Exported(
        "tenants.AuditEntry",
        "Audit log",
        ("id", "created_at", "action", "actor_kind", "target_type", "target_id", "data", "sealed"),
        person=kept(_audit_of_person, AUDIT_NAMELESS),
        workspace=kept(lambda workspace_id: AuditEntry.objects.filter(workspace_id=workspace_id), AUDIT_NAMELESS),
        shape=_opened,
    ),
    Exported(
        "tenants.SealingKey",
        "Keys of sealed fields",
        ("ref", "created_at"),
        person=deleted(lambda subject: SealingKey.objects.filter(ref=subject.ref)),
    ),
    Exported(
        "tenants.Domain",
        "Own domains",
        ("domain", "is_primary", "verified_at", "created_at"),
        workspace=deleted(lambda workspace_id: Domain.objects.filter(tenant_id=workspace_id)),
    ),
    Exported(
        "tenants.FormerSlug",
        "Former addresses",
        ("slug", "created_at"),
        workspace=deleted(lambda workspace_id: FormerSlug.objects.filter(workspace_id=workspace_id)),
    ),
    Exported(
        "tenants.Erasure",
        "Erasures",
        ("workspace_id", "begun_at", "finished_at", "erased"),
        # It forgets its owners' addresses itself, when the last mail is owed.
        workspace=by_caller(lambda workspace_id: Erasure.objects.filter(workspace_id=workspace_id)),
    ),
    NotPersonal("tenants.ReservedSlug", "A keyed hash of an address that a deleted workspace had, for 90 days."),
    Exported(
        "tenants.Workspace",
        "Workspaces",
        (
            "id", "name", "slug", "state", "timezone", "language", "is_personal", "retention_days",
            "requires_two_factors", "accent", "hides_product_name", "created_at",
        ),
        person=by_caller(
            lambda subject: Workspace.objects.filter(is_personal=True, memberships__user_id=subject.user_id)
        ),
        workspace=by_caller(lambda workspace_id: Workspace.objects.filter(id=workspace_id)),
    ),
]  # fmt: skip
