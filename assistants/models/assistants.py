import uuid

from django.db import models
from django.db.models import Q


class Assistant(models.Model):
    """Its fields are what is in use now; `AssistantVersion` keeps every save.

    `pinned_number`: the version in use when it is not the latest. `tools`: names of the tools it may use.
    """

    class Visibility(models.TextChoices):
        PERSON = "person", "Only me"
        WORKSPACE = "workspace", "Everyone in the workspace"
        MEMBERS = "members", "Chosen members"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.CharField(max_length=200, blank=True)
    instructions = models.TextField(blank=True)
    model = models.CharField(max_length=120)
    fallback_models = models.JSONField(default=list, db_default=[])
    temperature = models.DecimalField(max_digits=3, decimal_places=2, default="0.7")
    max_output_tokens = models.PositiveIntegerField(default=2048)
    tools = models.JSONField(default=list, db_default=[])
    starters = models.JSONField(default=list, db_default=[])
    uses_memory = models.BooleanField(default=True, db_default=True)
    avatar = models.CharField(max_length=200, blank=True, db_default="")
    template = models.CharField(max_length=40, blank=True, db_default="")
    visibility = models.CharField(
        max_length=10,
        choices=Visibility.choices,
        default=Visibility.WORKSPACE,
        db_default=Visibility.WORKSPACE,
    )
    pinned_number = models.PositiveIntegerField(null=True)
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


class AssistantVersion(models.Model):
    """One save. `snapshot`: every field that a person can set, by name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    snapshot = models.JSONField()
    note = models.CharField(max_length=200, blank=True)
    created_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assistant", "number"], name="assistant_version_numbered")
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class AssistantMember(models.Model):
    """Who may use an assistant of visibility `members`, besides its maker."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="members")
    user_id = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assistant", "user_id"], name="assistant_member_once")]

    def __str__(self) -> str:
        return str(self.user_id)


class AssistantKnowledge(models.Model):
    """A document that an assistant searches whoever asks it."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="knowledge")
    document = models.ForeignKey("Document", on_delete=models.CASCADE, related_name="attached_to")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assistant", "document"], name="assistant_knowledge_once")
        ]

    def __str__(self) -> str:
        return str(self.document_id)
