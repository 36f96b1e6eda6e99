"""Work on a person's data that outlives a request: exports, and the erasure of an account."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.models import Workspace

OPEN = ("queued", "running")


class Job(models.Model):
    """`attempt` is the fencing token of the worker that holds the lease; a lease that ran out is anybody's."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    # Of 100.
    progress = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class ExportJob(Job):
    """A ZIP of what is kept about `user`, or of everything in `workspace`, which `user` asked for as its owner.

    `file`: a name in the files' storage, emptied when it is deleted after `expires_at`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="export_jobs"
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="export_jobs")
    file = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(workspace=None, state__in=OPEN), name="export_of_person_once"
            ),
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(state__in=OPEN), name="export_of_workspace_once"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state__in=OPEN), name="export_open"),
            models.Index(fields=["expires_at"], condition=~Q(file=""), name="export_to_delete"),
        ]

    def __str__(self) -> str:
        return f"export {self.state} {self.id}"


class ErasureJob(Job):
    """An account that is being erased. `subject`: whom to look for, emptied with the last step."""

    user_id = models.UUIDField(unique=True)
    subject = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["created_at"], condition=Q(state__in=OPEN), name="erasure_open")]

    def __str__(self) -> str:
        return f"erasure {self.state} {self.id}"
