import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q

from assistants.models.assistants import Assistant


class Conversation(models.Model):
    """A person's talk with an assistant. `current_leaf_id` is the end of the branch that was looked at last.

    `deleted_at`: hidden, and erased when the time to undo is over. `is_temporary`: neither remembers nor is remembered.
    `widget`: a visitor's talk there; its owner's id is no person's.
    `remembered_at`: up to when its messages were read for the memory.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_id = models.UUIDField()
    assistant = models.ForeignKey(Assistant, on_delete=models.PROTECT, related_name="conversations")
    title = models.CharField(max_length=120)
    current_leaf_id = models.UUIDField(null=True)
    project = models.ForeignKey("Project", null=True, on_delete=models.SET_NULL, related_name="conversations")
    widget = models.ForeignKey("Widget", null=True, on_delete=models.CASCADE, related_name="conversations")
    tags = ArrayField(models.CharField(max_length=40), default=list, db_default=[])
    has_given_title = models.BooleanField(default=False, db_default=False)
    is_temporary = models.BooleanField(default=False, db_default=False)
    uses_memory = models.BooleanField(default=True, db_default=True)
    imported_from = models.CharField(max_length=20, blank=True, db_default="")
    forked_from_id = models.UUIDField(null=True)
    pinned_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    remembered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()
    search = models.GeneratedField(
        expression=SearchVector("title", config="simple"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        indexes = [
            models.Index(fields=["owner_id", "-updated_at", "-id"], name="conversation_owner_recent"),
            models.Index(fields=["project", "-updated_at", "-id"], name="conversation_project_recent"),
            models.Index(
                fields=["owner_id", "-pinned_at"],
                condition=Q(pinned_at__isnull=False),
                name="conversation_pinned",
            ),
            models.Index(
                fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="conversation_deleted"
            ),
            GinIndex(fields=["search"], name="conversation_search"),
        ]

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
    search = models.GeneratedField(
        expression=SearchVector("text", config="simple"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        indexes = [
            models.Index(fields=["conversation", "created_at"], name="message_conversation_order"),
            models.Index(fields=["-created_at"], name="message_recent"),
            GinIndex(fields=["search"], name="message_search"),
        ]
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


class FollowUp(models.Model):
    """A question that waits for the answer that runs now, and is asked when that has ended.

    `after_id`: the answer it was written under; it goes to the end of the newest branch through that one.
    `attachments`: ids of its person's files that go with it, unsent until then. `error_code`: why it could not be
    asked; its person decides what becomes of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="follow_ups")
    owner_id = models.UUIDField()
    text = models.TextField()
    after_id = models.UUIDField(null=True)
    attachments = models.JSONField(default=list)
    client_id = models.UUIDField(null=True)
    error_code = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["conversation", "created_at"], name="follow_up_order")]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "client_id"],
                condition=Q(client_id__isnull=False),
                name="follow_up_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attachment(models.Model):
    """A file given with a question. An image is sent to models that see; a document's text is read (`document`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="attachments")
    document = models.ForeignKey("Document", null=True, on_delete=models.SET_NULL, related_name="given_with")
    owner_id = models.UUIDField()
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=120)
    size_bytes = models.BigIntegerField()
    file = models.CharField(max_length=300, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["owner_id", "created_at"], name="attachment_owner")]

    def __str__(self) -> str:
        return self.name


class Feedback(models.Model):
    """A person's thumb on an answer, with a comment."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="feedback")
    assistant = models.ForeignKey("Assistant", on_delete=models.CASCADE, related_name="feedback")
    person_id = models.UUIDField()
    is_good = models.BooleanField()
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "person_id"], name="feedback_once")]

    def __str__(self) -> str:
        return "good" if self.is_good else "bad"


class ShareLink(models.Model):
    """A read-only copy of a branch as it was when it was shared. Only the hash of the link's secret is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="share_links")
    owner_id = models.UUIDField()
    secret_hash = models.CharField(max_length=64, unique=True)
    snapshot = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["owner_id", "-created_at"], name="share_link_owner")]

    def __str__(self) -> str:
        return str(self.id)
