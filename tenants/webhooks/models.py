"""Webhooks out: where a workspace wants to be told, what there was to tell, and how telling went (docs/webhooks.md)."""

import uuid

from django.db import models

from tenants.models import Workspace


def message_id() -> str:
    return f"msg_{uuid.uuid4().hex}"


class WebhookEndpoint(models.Model):
    """An address that is told. `lease`: who sends to it now, and until when nobody else does."""

    class State(models.TextChoices):
        ACTIVE = "active"
        DISABLED = "disabled"

    class Reason(models.TextChoices):
        """Why it is disabled."""

        PERSON = "person"
        GONE = "gone"
        FAILING = "failing"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True, default="")
    event_types = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    disabled_reason = models.CharField(max_length=10, choices=Reason.choices, blank=True, default="")
    # Both sealed under a key of the endpoint's own (tenants/sealing.py), which goes when it is deleted.
    secret = models.TextField()
    former_secret = models.TextField(blank=True, default="")
    former_until = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="active", disabled_reason="")
                | models.Q(state="disabled", disabled_reason__in=["person", "gone", "failing"]),
                name="webhook_disabled_for_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(former_secret="", former_until=None)
                | (~models.Q(former_secret="") & models.Q(former_until__isnull=False)),
                name="webhook_former_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookMessage(models.Model):
    """Something that happened: ids and facts, never what somebody wrote. Written only where somebody wants to know."""

    id = models.CharField(primary_key=True, max_length=40, default=message_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    type = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="webhook_message_age")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class WebhookDelivery(models.Model):
    """A message to one endpoint. They go in the order of their ids; those `is_alone`, which somebody asked for, go
    before, and are tried once."""

    class State(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    message = models.ForeignKey(WebhookMessage, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    is_alone = models.BooleanField(default=False)
    # Of its present round: asking for it again begins another.
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["message", "endpoint"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=models.Q(state="pending", finished_at=None)
                | models.Q(state__in=["succeeded", "failed"], finished_at__isnull=False),
                name="webhook_delivery_ends_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "-is_alone", "id"],
                condition=models.Q(state="pending"),
                name="webhook_delivery_next",
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_log"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} → {self.endpoint_id}"


class WebhookAttempt(models.Model):
    """One request. Its signature is not kept. `body`: the beginning of the answer; `error`: why there was none."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    url = models.CharField(max_length=2000)
    headers = models.JSONField(default=dict)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.TextField(blank=True, default="")
    error = models.CharField(max_length=20, blank=True, default="")
    took_ms = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.status or self.error}"
