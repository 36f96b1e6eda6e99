"""What each workspace has: our own record of it, applied absolutely from the payment service's present state."""

import uuid

from django.db import models
from django.db.models import Q

from billing.plans.models import Plan


class BillingAccount(models.Model):
    """One row per workspace. `status` is the subscription's, as Stripe names it; `none` without one.

    `sync_token` numbers each look at the payment service before it begins; `applied_token` is the highest one applied.
    A look with a lower number is never applied over a later one, so that no lock is held while the network is asked.
    `plan` is what the subscription is for (None: free); what the workspace has in effect, with custom plans, one-off
    deals, grace and restriction weighed, is `effective_plan`.
    """

    class Status(models.TextChoices):
        NONE = "none"
        INCOMPLETE = "incomplete"
        TRIALING = "trialing"
        ACTIVE = "active"
        PAST_DUE = "past_due"
        UNPAID = "unpaid"
        CANCELED = "canceled"
        PAUSED = "paused"

    workspace_id = models.UUIDField(primary_key=True, editable=False)
    stripe_customer_id = models.CharField(max_length=255, unique=True, null=True)
    subscription_id = models.CharField(max_length=255, blank=True)
    schedule_id = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.NONE)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    interval = models.CharField(max_length=5, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    trial_ends_at = models.DateTimeField(null=True)
    cancels_at = models.DateTimeField(null=True)
    pending_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    pending_interval = models.CharField(max_length=5, blank=True)
    pending_at = models.DateTimeField(null=True)
    past_due_since = models.DateTimeField(null=True)
    grace_ends_at = models.DateTimeField(null=True)
    restricted_at = models.DateTimeField(null=True)
    lifetime_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    custom_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    effective_plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    payment_method = models.JSONField(default=dict)
    balance_minor = models.BigIntegerField(default=0)
    action_url = models.URLField(max_length=2000, blank=True)
    sync_token = models.BigIntegerField(default=0)
    applied_token = models.BigIntegerField(default=0)
    synced_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["grace_ends_at"], condition=Q(grace_ends_at__isnull=False), name="billing_grace_due"
            ),
            models.Index(
                fields=["trial_ends_at"], condition=Q(trial_ends_at__isnull=False), name="billing_trial_due"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_token__lte=models.F("sync_token")), name="billing_applied_was_begun"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.status}"


class Checkout(models.Model):
    """A checkout page that was opened for a workspace. At most one is open: a newer one supersedes it, so that two
    tabs cannot buy two subscriptions.

    `fingerprint` is of everything that was asked for: the same wish again gets the same page. `outcome` is what is
    known to have become of it; empty while it may still be paid.
    """

    class Outcome(models.TextChoices):
        DONE = "done"
        EXPIRED = "expired"
        FAILED = "failed"
        SUPERSEDED = "superseded"

    session_id = models.CharField(max_length=255, primary_key=True)
    workspace_id = models.UUIDField()
    person_ref = models.UUIDField()
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    interval = models.CharField(max_length=5, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    deal_key = models.CharField(max_length=40, blank=True)
    has_trial = models.BooleanField(default=False)
    fingerprint = models.CharField(max_length=64)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    returned_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "-created_at"], name="checkout_recent")]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id"], condition=Q(outcome=""), name="checkout_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} of {self.workspace_id}"


class TrialUse(models.Model):
    """A trial that was begun: one per person and one per workspace, for good."""

    workspace_id = models.UUIDField(unique=True)
    person_ref = models.UUIDField(unique=True)
    plan_key = models.CharField(max_length=40)
    begun_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"trial of {self.plan_key} by {self.workspace_id}"


class Grant(models.Model):
    """Something that happens once, by its business key: a credit, a mail, a sold deal. Written with its effect."""

    key = models.CharField(max_length=200, primary_key=True)
    workspace_id = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key


class BillingEvent(models.Model):
    """The billing log of a workspace. Append-only: a database trigger refuses UPDATE and DELETE."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace_id = models.UUIDField()
    kind = models.CharField(max_length=60)
    data = models.JSONField(default=dict)
    actor_ref = models.UUIDField(null=True)
    cause = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "-created_at"], name="billing_event_recent")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.workspace_id}"
