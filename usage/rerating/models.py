"""Corrections of prices: what was asked for, and how far it has come."""

from django.db import models
from django.db.models import F, Q


class Correction(models.Model):
    """Re-rates what one model did in a range by the price book as it stands now.

    Its id is the correction id of the entries it writes, which is what makes doing it again do nothing. `cursor` is the
    last settlement that was looked at; `delta_micro` is what the corrected entries cost more than before.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    id = models.UUIDField(primary_key=True)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    cursor = models.BigIntegerField(default=0)
    looked_at = models.BigIntegerField(default=0)
    corrected = models.BigIntegerField(default=0)
    delta_micro = models.BigIntegerField(default=0)
    created_by_ref = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(from_at__lt=F("to_at")), name="correction_has_range"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model} {self.from_at:%Y-%m-%d} to {self.to_at:%Y-%m-%d}"
