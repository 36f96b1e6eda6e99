"""Calls that came with an `Idempotency-Key`, for a day."""

import uuid

from django.db import models


class IdempotentCall(models.Model):
    """One key of one caller at one address. `scope` is a hash of these; of the key itself nothing is kept.

    Unfinished while `status` is None: its worker has it until `leased_until`, or `run_id` says what it started.
    `body` is sealed: it may hold what is shown once. None: too long to be kept.
    """

    scope = models.BinaryField(max_length=32, unique=True)
    workspace_id = models.UUIDField(null=True, db_index=True)
    user_id = models.UUIDField(db_index=True)
    method = models.CharField(max_length=7)
    path = models.CharField(max_length=300)
    body_hash = models.BinaryField(max_length=32)
    token = models.UUIDField(default=uuid.uuid4)
    leased_until = models.DateTimeField()
    run_id = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.method} {self.path} of {self.user_id}"
