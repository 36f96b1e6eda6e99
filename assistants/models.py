"""The data plane: what was said and made. These tables exist once per workspace, in its schema.

People are referred to by id, without a foreign key: no key crosses schemas, so that a workspace can be moved or
restored by itself.
"""

import secrets
import uuid

from django.db import models
from django.db.models import Q

SALT_BYTES = 16


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


class Assistant(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.CharField(max_length=200, blank=True)
    instructions = models.TextField(blank=True)
    model = models.CharField(max_length=120)
    temperature = models.DecimalField(max_digits=3, decimal_places=2, default="0.7")
    max_output_tokens = models.PositiveIntegerField(default=2048)
    created_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(temperature__gte=0) & Q(temperature__lte=2), name="assistant_temperature_range"
            ),
            models.CheckConstraint(
                condition=Q(max_output_tokens__gte=16) & Q(max_output_tokens__lte=32_000),
                name="assistant_output_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Conversation(models.Model):
    """A person's talk with an assistant. `current_leaf_id` is the end of the branch that was looked at last."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_id = models.UUIDField()
    assistant = models.ForeignKey(Assistant, on_delete=models.PROTECT, related_name="conversations")
    title = models.CharField(max_length=120)
    current_leaf_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["owner_id", "-updated_at", "-id"], name="conversation_owner_recent")]

    def __str__(self) -> str:
        return self.title


class Message(models.Model):
    """A node of the conversation's tree. Siblings are other wordings of a question, or other answers to one."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    role = models.CharField(max_length=10, choices=Role.choices)
    text = models.TextField(blank=True)
    client_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["conversation", "created_at"], name="message_conversation_order")]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "client_id"],
                condition=Q(client_id__isnull=False),
                name="message_sent_once",
            ),
            models.CheckConstraint(condition=Q(role__in=["user", "assistant"]), name="message_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.id}"


class Run(models.Model):
    """One piece of model work. Its id is also its hold's id.

    `request` holds what cannot be read from the message tree: the body of an API call. `text` grows once a second
    while the run streams. `attempt` mirrors the hold's fencing token: a worker's write names the attempt it owns.
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
    cost_micro = models.BigIntegerField(default=0)
    is_estimated = models.BooleanField(default=False)
    salt = models.BinaryField(max_length=SALT_BYTES, default=new_salt)
    receipt_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["message", "-created_at"], name="run_message_latest"),
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
