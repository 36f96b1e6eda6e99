"""What the payment service told us, and what we would not take."""

from django.db import models
from django.db.models import Q


class WebhookEvent(models.Model):
    """An event that was verified, stored under its own id before the answer, and is then processed by a task."""

    class State(models.TextChoices):
        RECEIVED = "received"
        DONE = "done"
        IGNORED = "ignored"
        FAILED = "failed"

    id = models.CharField(max_length=255, primary_key=True)
    type = models.CharField(max_length=100)
    api_version = models.CharField(max_length=40)
    livemode = models.BooleanField()
    customer_id = models.CharField(max_length=255, blank=True, db_index=True)
    object_id = models.CharField(max_length=255, blank=True)
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    attempts = models.PositiveIntegerField(default=0)
    deliveries = models.PositiveIntegerField(default=1)
    next_attempt_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=80, blank=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state__in=["received", "failed"]), name="webhook_due"
            ),
            models.Index(fields=["-received_at"], name="webhook_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class WebhookRefusal(models.Model):
    """A delivery that was not taken, and why. The body is not kept: it is nobody's."""

    reason = models.CharField(max_length=40)
    claimed_event_id = models.CharField(max_length=255, blank=True)
    detail = models.CharField(max_length=200, blank=True)
    refused_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["-refused_at"], name="webhook_refusal_recent")]

    def __str__(self) -> str:
        return f"{self.reason} {self.claimed_event_id}"


class Repair(models.Model):
    """What a reconciliation found different from the payment service, and set right."""

    workspace_id = models.UUIDField(db_index=True)
    field = models.CharField(max_length=60)
    was = models.TextField(blank=True)
    now = models.TextField(blank=True)
    repaired_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.field} of {self.workspace_id}"
