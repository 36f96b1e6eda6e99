"""Workspaces, their domains, and the audit log."""

import uuid

from django.core.validators import RegexValidator
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

RESERVED_SLUG_WORDS = """
accounts admin api app assets auth billing chat dev docs embed health help legal login logout mail
me media metrics new null pricing public ready root settings signup static status steward styleguide
support system test undefined v1 w webhooks www
"""
RESERVED_SLUGS = frozenset(RESERVED_SLUG_WORDS.split())
SLUG = RegexValidator(
    r"\A[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]\Z",
    "Use 3 to 40 lower-case letters, digits and hyphens; begin and end with a letter or digit.",
    code="slug_malformed",
)


class Workspace(TenantMixin):
    """A tenant: its own PostgreSQL schema. `schema_name` is ours (never made from user text)."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.CharField(max_length=40, unique=True, validators=[SLUG])
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    timezone = models.CharField(max_length=64, default="UTC")
    # The day of the month on which its billing periods begin; in shorter months their last day.
    billing_day = models.PositiveSmallIntegerField(default=1)
    is_personal = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "suspended"]), name="workspace_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(billing_day__gte=1, billing_day__lte=31),
                name="workspace_billing_day_of_month",
            ),
        ]

    # dj-stripe asks a subscriber for an address; ours goes to the payment service with the customer.
    email = ""

    def __str__(self) -> str:
        return self.name


class Domain(DomainMixin):
    """A host name of a workspace. Only a verified one is served."""

    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class AuditEntry(models.Model):
    """Who did what, when. Append-only: a database trigger refuses UPDATE and DELETE.

    `actor_ref` is a person's random reference; deleting its mapping makes the entry anonymous without an update.
    """

    class ActorKind(models.TextChoices):
        PERSON = "person"
        API_KEY = "api_key"
        STAFF = "staff"
        SYSTEM = "system"

    workspace_id = models.UUIDField(null=True, db_index=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor_ref = models.UUIDField(null=True)
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["workspace_id", "-created_at"], name="audit_workspace_recent")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}"
