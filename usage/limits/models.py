"""Notices about limits, and what each person has seen of them."""

from django.db import models


class QuotaNotice(models.Model):
    """A line was crossed: said once per limit, window and line, however many runs cross it at once."""

    class Line(models.TextChoices):
        WARN = "warn"
        BLOCK = "block"

    workspace_id = models.UUIDField(db_index=True)
    limit = models.ForeignKey("usage.Limit", on_delete=models.CASCADE, related_name="notices")
    window_start = models.DateField()
    line = models.CharField(max_length=5, choices=Line.choices)
    used = models.BigIntegerField()
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["limit", "window_start", "line"], name="quota_notice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.used} of {self.amount}"


class NoticeDismissal(models.Model):
    """A person does not want to see a notice any more."""

    notice = models.ForeignKey(QuotaNotice, on_delete=models.CASCADE, related_name="dismissals")
    person_ref = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "person_ref"], name="notice_dismissed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} by {self.person_ref}"
