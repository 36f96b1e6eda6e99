"""How many requests a minute: beside the limits of what is used, and never a substitute for them."""

from django.db import models
from django.db.models import Q


class RequestRate(models.Model):
    """Requests per minute of each key, of each person and of the whole workspace, as its plan gives them. None: any."""

    workspace_id = models.UUIDField(unique=True)
    per_key = models.PositiveIntegerField(null=True)
    per_person = models.PositiveIntegerField(null=True)
    per_workspace = models.PositiveIntegerField(null=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(per_key=None) | Q(per_key__gte=1))
                & (Q(per_person=None) | Q(per_person__gte=1))
                & (Q(per_workspace=None) | Q(per_workspace__gte=1)),
                name="request_rate_above_zero",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.per_key} / {self.per_person} / {self.per_workspace} a minute"
