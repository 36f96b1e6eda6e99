import uuid

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q


class Document(models.Model):
    """An uploaded file and how far its reading has come. Its file's name in the storage: tenants.keys.file_name.

    One that was GIVEN with a question stands in no library and goes with the conversations it was given in.
    `project`: seen by its members; without one by its owner, or by the whole workspace when `is_shared`.
    `attempt` is the fencing token of whoever reads it and only grows; `tries`: how often this version was begun.
    """

    class Kind(models.TextChoices):
        FILE = "file"
        RESUME = "resume"
        GIVEN = "given"

    class State(models.TextChoices):
        UPLOADED = "uploaded"
        PARSING = "parsing"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_id = models.UUIDField()
    project = models.ForeignKey("Project", null=True, on_delete=models.CASCADE, related_name="documents")
    is_shared = models.BooleanField(default=False)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.FILE)
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=120)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED)
    error_code = models.CharField(max_length=60, blank=True)
    version = models.PositiveIntegerField(default=1)
    attempt = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    progress = models.PositiveSmallIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)
    characters = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    parsed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner_id", "-created_at", "-id"], name="document_owner_recent"),
            models.Index(
                fields=["updated_at"], condition=Q(state__in=["uploaded", "parsing"]), name="document_unread"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DocumentChunk(models.Model):
    """A passage: never longer than what is embedded at once, never across a heading. `page` counts from 1; 0: none."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    page = models.PositiveIntegerField(default=0)
    heading = models.CharField(max_length=300, blank=True)
    text = models.TextField()
    tokens = models.PositiveIntegerField()
    search = models.GeneratedField(
        expression=SearchVector("heading", "text", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        indexes = [GinIndex(fields=["search"], name="document_chunk_search")]
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="document_chunk_numbered")]

    def __str__(self) -> str:
        return f"passage {self.number}"


class ResumeProfile(models.Model):
    """What a résumé says, in fields: experience, skills, education. Written by a metered run, then its owner's to edit.

    `is_edited`: a person changed it, so that reading the résumé again does not overwrite it unasked.
    """

    document = models.OneToOneField(Document, on_delete=models.CASCADE, related_name="profile")
    person_id = models.UUIDField()
    profile = models.JSONField(default=dict)
    run_id = models.UUIDField(null=True)
    error_code = models.CharField(max_length=60, blank=True)
    is_edited = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.document_id)
