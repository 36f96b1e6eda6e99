import uuid

from django.db import models


class Project(models.Model):
    """Groups conversations and files, with instructions of its own; its members see all of them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    instructions = models.TextField(blank=True)
    owner_id = models.UUIDField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class ProjectMember(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="members")
    user_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["user_id"], name="project_member_person")]
        constraints = [models.UniqueConstraint(fields=["project", "user_id"], name="project_member_once")]

    def __str__(self) -> str:
        return str(self.user_id)
