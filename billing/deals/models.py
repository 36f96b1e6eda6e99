"""One-off deals of which a limited number is sold."""

import uuid

from django.db import models
from django.db.models import Q


class DealStock(models.Model):
    """A deal's row to lock: whoever takes or gives back a place holds it. How many there are says the catalogue."""

    key = models.CharField(max_length=80, primary_key=True)

    def __str__(self) -> str:
        return self.key


class DealReservation(models.Model):
    """A place of a deal: held for a checkout until `expires_at`, then sold or released.

    `refund_due`: paid when none was left, or twice; the money goes back (→ refunded).
    """

    class State(models.TextChoices):
        HELD = "held"
        SOLD = "sold"
        RELEASED = "released"
        REFUND_DUE = "refund_due"
        REFUNDED = "refunded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    deal_key = models.CharField(max_length=80)
    workspace_id = models.UUIDField()
    plan_key = models.CharField(max_length=40)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, default="usd")
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    session_id = models.CharField(max_length=255, blank=True, db_index=True)
    refund_reason = models.CharField(max_length=20, blank=True)
    refund_id = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["deal_key", "workspace_id"],
                condition=Q(state__in=["held", "sold"]),
                name="deal_once_per_workspace",
            ),
            models.CheckConstraint(
                condition=Q(state="held", resolved_at=None)
                | (~Q(state="held") & Q(resolved_at__isnull=False)),
                name="deal_resolved_iff_not_held",
            ),
        ]
        indexes = [
            models.Index(fields=["deal_key", "state"], name="deal_taken"),
            models.Index(fields=["expires_at"], condition=Q(state="held"), name="deal_due"),
        ]

    def __str__(self) -> str:
        return f"{self.deal_key} {self.state} for {self.workspace_id}"
