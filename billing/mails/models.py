"""Mails that are owed: written with what they tell of, sent after it."""

from django.db import models
from django.db.models import Q


class Mail(models.Model):
    """A mail under its business key, which makes it one mail whatever happens twice.

    It is claimed (`claimed_at`) before it is handed to the mail server, so that it leaves at most once: who dies in
    between leaves a claimed mail without `sent_at`, which staff see and nobody sends again.
    """

    key = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=30)
    workspace_id = models.UUIDField(null=True, db_index=True)
    context = models.JSONField(default=dict)
    recipients = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], condition=Q(claimed_at=None), name="billing_mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
