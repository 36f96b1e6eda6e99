"""What a plan includes beside its limits, as it was pushed last."""

from django.db import models
from django.db.models import F, Q


class Rights(models.Model):
    """One row per workspace: the features of its plan, how many persons it holds, and whether it is read-only.

    A workspace without a row has no features and may change nothing: who forgets to push gives nothing away.
    `sold_in`: feature → name of the smallest plan that has it, for refusals. `seats_allowed` None is any number.
    `restricted_reason` empty: not restricted. `version` grows with every change.
    """

    workspace_id = models.UUIDField(unique=True)
    plan_key = models.CharField(max_length=40, blank=True)
    plan_name = models.CharField(max_length=80, blank=True)
    features = models.JSONField(default=list)
    sold_in = models.JSONField(default=dict)
    upgrade_text = models.CharField(max_length=300, blank=True)
    seats_allowed = models.PositiveIntegerField(null=True)
    restricted_reason = models.CharField(max_length=40, blank=True)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "rights"
        constraints = [
            models.CheckConstraint(condition=Q(version__gte=1), name="rights_version_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.plan_name or self.plan_key}"


NEXT_VERSION = F("version") + 1
