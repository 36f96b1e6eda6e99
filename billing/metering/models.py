"""What is told to the payment service of usage: which workspaces are metered since when, and each thing told."""

from django.db import models
from django.db.models import F, Q


class MeteredSpan(models.Model):
    """A stretch of time in which a workspace's plan charges by usage: its ledger entries within it are told.

    `meters`: meter of the ledger → {event: its name at the payment service, per_million: minor units for a million}.
    `period_start`: up to where billing periods were looked at when they had ended. `collected_at`: when entries were
    last looked for.
    """

    workspace_id = models.UUIDField()
    subscription_id = models.CharField(max_length=255)
    customer_id = models.CharField(max_length=255)
    meters = models.JSONField(default=dict)
    currency = models.CharField(max_length=3, default="usd")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    period_start = models.DateTimeField()
    collected_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id"], condition=Q(ends_at=None), name="metered_span_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("begins_at")), name="metered_span_ends_after"
            ),
        ]
        indexes = [models.Index(fields=["workspace_id", "begins_at"], name="metered_span_of")]

    def __str__(self) -> str:
        return f"{self.workspace_id} since {self.begins_at:%Y-%m-%d}"


class MeterReport(models.Model):
    """One meter of one ledger entry, told once under its own identifier with the entry's own time.

    `flagged` is not told by itself: too old for the payment service, unclear after a day of tries, or not accepted.
    Staff decide; nothing is lost. `settled`: it was put on an invoice instead.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FLAGGED = "flagged"
        SETTLED = "settled"

    identifier = models.CharField(max_length=100, primary_key=True)
    entry_id = models.BigIntegerField()
    meter = models.CharField(max_length=20)
    workspace_id = models.UUIDField()
    customer_id = models.CharField(max_length=255)
    event_name = models.CharField(max_length=100)
    value = models.BigIntegerField()
    used_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    flag = models.CharField(max_length=20, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry_id", "meter"], name="meter_report_once"),
            models.CheckConstraint(
                condition=Q(state__in=["flagged", "settled"]) | Q(flag=""),
                name="meter_report_flag_iff_flagged",
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="pending"), name="meter_report_due"),
            models.Index(fields=["workspace_id", "used_at"], name="meter_report_of"),
            models.Index(fields=["workspace_id"], condition=Q(state="flagged"), name="meter_report_flagged"),
        ]

    def __str__(self) -> str:
        return f"{self.value} {self.meter} {self.state}"


class Carry(models.Model):
    """An amount that a meter could not take, put once on the next invoice: what was corrected to below zero within a
    period is a credit (`amount_minor` < 0); what staff settled of flagged reports."""

    class State(models.TextChoices):
        PENDING = "pending"
        INVOICED = "invoiced"

    key = models.CharField(max_length=200, primary_key=True)
    workspace_id = models.UUIDField()
    customer_id = models.CharField(max_length=255)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="usd")
    description = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    item_id = models.CharField(max_length=255, blank=True)
    begun_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="pending"), name="metering_carry_due")
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} for {self.workspace_id} {self.state}"
