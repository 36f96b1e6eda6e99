"""Alarms on the rate of spend."""

from django.db import models
from django.db.models import Q


class SpendAlarm(models.Model):
    """Staff's line: when more than this is spent within an hour, model calls stop by themselves.

    Without a workspace it watches the platform's whole spend, its own losses included.
    """

    workspace_id = models.UUIDField(null=True, blank=True)
    micro_per_hour = models.BigIntegerField()
    created_by_ref = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id"],
                condition=Q(removed_at=None),
                name="spend_alarm_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(micro_per_hour__gt=0), name="spend_alarm_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.micro_per_hour} µ per hour of {self.workspace_id or 'the platform'}"
