import secrets
import uuid

from django.db import models
from django.db.models import Q

from assistants.models.assistants import Assistant
from assistants.models.conversations import Message

SALT_BYTES = 16


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


class Run(models.Model):
    """One piece of model work. Its id is also its hold's id.

    `request` holds what cannot be read from the message tree: the body of an API call. `text` grows once a second
    while the run streams. `attempt` mirrors the hold's fencing token: a worker's write names the attempt it owns.
    `context` is what a page tells of the prompt: memories and passages used, what was cut (assistants/prompting).
    `provider` and `served_as`: who answers and what its model is called there, as the ledger names them; empty in
    older rows: the platform's, and `model`.
    `list_cost_micro`: where a workspace's own key paid, what the price book would say: information, outside the ledger.
    `sent` is what the receipt will say of the request: a salted hash and parameters (assistants/runs/evidence.py).
    """

    class Kind(models.TextChoices):
        REPLY = "reply"
        TITLE = "title"
        MEMORY = "memory"
        EMBEDDING = "embedding"
        IMAGE = "image"
        SPEECH = "speech"
        TRANSCRIPTION = "transcription"
        WEBSITE = "website"
        CODE = "code"
        RESUME = "resume"
        ANALYSIS = "analysis"

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"
        FAILED = "failed"

    FINAL = (State.DONE, State.STOPPED, State.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempt = models.IntegerField(default=0)
    owner_id = models.UUIDField()
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="runs")
    assistant = models.ForeignKey(Assistant, null=True, on_delete=models.SET_NULL, related_name="runs")
    model = models.CharField(max_length=120)
    provider = models.CharField(max_length=40, blank=True, db_default="")
    served_as = models.CharField(max_length=120, blank=True, db_default="")
    answered_by = models.CharField(max_length=120, blank=True)
    request = models.JSONField(default=dict)
    sent = models.JSONField(default=dict)
    text = models.TextField(blank=True)
    tool_calls = models.JSONField(default=list)
    finish_reason = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    retry_at = models.DateTimeField(null=True)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    list_cost_micro = models.BigIntegerField(null=True)
    cost_micro = models.BigIntegerField(default=0)
    is_estimated = models.BooleanField(default=False)
    salt = models.BinaryField(max_length=SALT_BYTES, default=new_salt)
    receipt_id = models.UUIDField(null=True)
    context = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["message", "-created_at"], name="run_message_latest"),
            models.Index(fields=["owner_id", "-created_at", "-id"], name="run_owner_recent"),
            models.Index(fields=["owner_id"], condition=Q(state__in=["queued", "running"]), name="run_live"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at=None)
                | Q(state__in=["done", "stopped", "failed"], finished_at__isnull=False),
                name="run_finished_iff_final",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state} {self.id}"

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL
