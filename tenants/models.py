"""Workspaces, their domains, and the audit log."""

import uuid
from typing import Any

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
        ARCHIVED = "archived"
        DELETING = "deleting"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.CharField(max_length=40, unique=True, validators=[SLUG])
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    timezone = models.CharField(max_length=64, default="UTC")
    # The day of the month on which its billing periods begin; in shorter months their last day.
    billing_day = models.PositiveSmallIntegerField(default=1)
    is_personal = models.BooleanField(default=False)
    # `db_default` where a column came later: the code before it, which still runs while this one starts, names it not.
    language = models.CharField(max_length=10, default="en", db_default="en")
    # Days after which conversations are erased; None keeps them.
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    requires_two_factors = models.BooleanField(default=False, db_default=False)
    # Whether its single sign-on is enforced (accounts/sso); here, so that no other request asks.
    requires_single_sign_on = models.BooleanField(default=False, db_default=False)
    # White label. `logo`: a name in the files' storage; `accent`: #rrggbb.
    logo = models.CharField(max_length=120, blank=True, default="", db_default="")
    accent = models.CharField(max_length=7, blank=True, default="", db_default="")
    hides_product_name = models.BooleanField(default=False, db_default=False)
    # Set while it is `deleting`: when it is erased unless an owner undoes it.
    delete_at = models.DateTimeField(null=True, blank=True)
    # The state that resuming, or undoing a deletion, leads back to.
    resumes_as = models.CharField(
        max_length=12, choices=State.choices, default=State.ACTIVE, db_default=State.ACTIVE.value
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "suspended", "archived", "deleting"]),
                name="workspace_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(billing_day__gte=1, billing_day__lte=31),
                name="workspace_billing_day_of_month",
            ),
            models.CheckConstraint(
                condition=models.Q(state="deleting", delete_at__isnull=False)
                | (~models.Q(state="deleting") & models.Q(delete_at=None)),
                name="workspace_deleted_at_some_time",
            ),
        ]

    def create_schema(
        self,
        check_if_exists: bool = False,
        sync_schema: bool = True,
        verbosity: int = 1,  # noqa: FBT001, FBT002
    ) -> None:
        """Called by django-tenants when a workspace is saved first."""
        from tenants import new_schema  # noqa: PLC0415  which needs the models

        new_schema.make(self.schema_name)

    # dj-stripe asks a subscriber for an address; ours goes to the payment service with the customer.
    email = ""

    def __str__(self) -> str:
        return self.name


class FormerSlug(models.Model):
    """A slug that a workspace had before: its addresses lead to the present one, and nobody else gets it."""

    slug = models.CharField(max_length=40, primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="former_slugs")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug


class SealingKey(models.Model):
    """The key under which personal fields of append-only rows are sealed. Deleting the row erases them for good.

    `ref`: of whom they speak (a person's reference, an invitation's id). `sealed`: the key, under SECRET_KEY.
    """

    ref = models.UUIDField(primary_key=True)
    sealed = models.BinaryField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.ref)


class Domain(DomainMixin):
    """A host name of a workspace. Only a verified one is served; until then others may claim the same name."""

    domain = models.CharField(max_length=253, db_index=True)
    # Links in mails carry it.
    is_primary = models.BooleanField(default=False)
    verified_at = models.DateTimeField(null=True, blank=True)
    # What its owner publishes as TXT record to prove it.
    proof = models.CharField(max_length=64, blank=True, default="", db_default="")
    checked_at = models.DateTimeField(null=True, blank=True)
    # Since when the proof of a verified one is missing.
    lost_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain"], condition=models.Q(verified_at__isnull=False), name="domain_served_once"
            ),
            models.UniqueConstraint(fields=["tenant", "domain"], name="domain_claimed_once"),
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_primary=True), name="domain_one_primary"
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Without the mixin's, which would make the first one primary, proven or not."""
        models.Model.save(self, *args, **kwargs)


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
    # Personal fields, each list of them sealed under the key of whom they speak (tenants/sealing.py).
    sealed = models.JSONField(default=list, db_default=[])
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["workspace_id", "-created_at"], name="audit_workspace_recent")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}"


from tenants.lifecycle.models import Erasure, ReservedSlug  # noqa: E402, F401  Django looks for an app's models here
from tenants.webhooks.models import (  # noqa: E402, F401
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookMessage,
)
