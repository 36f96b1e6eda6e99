"""Statements: what a workspace used in a month that is over."""

from django.db import models
from django.db.models import Q


class Statement(models.Model):
    """The sums of one month of a workspace, as its ledger said when the month was over. Written once.

    `lines`: sums by provider, model, kind of entry and kind of run. `begins_at` and `ends_at` are the month's first
    instants in the zone that the workspace had when it was written. A later correction is an entry of a later month.
    """

    workspace_id = models.UUIDField()
    month = models.DateField()
    zone = models.CharField(max_length=64)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    lines = models.JSONField()
    cost_micro = models.BigIntegerField()
    messages = models.BigIntegerField()
    tokens = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "month"], name="statement_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="statement_of_a_month"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(mailed_at=None), name="statement_unmailed"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} of {self.workspace_id}"
