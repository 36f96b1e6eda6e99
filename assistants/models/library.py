import uuid

from django.db import models


class ConversationImport(models.Model):
    """A file of conversations from elsewhere, and how far taking it in has come. The file is gone when it has ended.

    `done`: conversations read so far. `added`: new ones of them. `known`: those that were here already.
    `left_out`: those that could not be read or had no text.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    FINAL = (State.DONE, State.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_id = models.UUIDField()
    name = models.CharField(max_length=200)
    size_bytes = models.BigIntegerField()
    file = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    error_code = models.CharField(max_length=60, blank=True)
    progress = models.PositiveSmallIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)
    messages = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    touched_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["owner_id", "-created_at"], name="conversation_import_owner")]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL
