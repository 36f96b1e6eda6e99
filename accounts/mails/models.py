"""Mails that are owed: written in the transaction of what they tell, sent after its commit."""

from django.db import models


class Mail(models.Model):
    """A mail under its business key, which makes it one mail whatever happens twice.

    It is claimed (`claimed_at`) before it is handed to the mail server, so that it leaves at most once: who dies in
    between leaves a claimed mail without `sent_at`, which staff see and nobody sends again. `context` and `to` are
    emptied when it is sent. `writer`: who knows its words, by `accounts.mails.writing`; empty: a template of its kind.
    """

    key = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=40)
    writer = models.CharField(max_length=20, blank=True)
    # Whose name and logo it carries; None: the product's.
    workspace_id = models.UUIDField(null=True, db_index=True)
    to = models.JSONField(default=list)
    context = models.JSONField(default=dict)
    recipients = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(claimed_at=None), name="mail_unsent")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
