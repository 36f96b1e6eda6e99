"""What is left of workspaces that were deleted. Nothing here names anybody once the last mail is on its way."""

from django.db import models


class Erasure(models.Model):
    """A workspace that is being erased, or was: how far, and what of it. `done`: names of the steps that are over.

    `farewell`: whom to tell at the end and by which name; emptied in the transaction that owes this last mail.
    """

    workspace_id = models.UUIDField(primary_key=True, editable=False)
    schema_name = models.CharField(max_length=63)
    done = models.JSONField(default=list)
    # What → how many.
    erased = models.JSONField(default=dict)
    farewell = models.JSONField(default=dict)
    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["begun_at"], condition=models.Q(finished_at=None), name="erasure_unfinished")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(finished_at=None) | models.Q(farewell={}),
                name="erasure_forgets_at_the_end",
            ),
        ]

    def __str__(self) -> str:
        return str(self.workspace_id)


class ReservedSlug(models.Model):
    """An address that a deleted workspace had: until then nobody else gets it, so that old links and habits lead
    nowhere rather than to somebody else. Only a keyed hash is kept (tenants/lifecycle/slugs.py)."""

    slug_hash = models.CharField(max_length=64, primary_key=True)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.slug_hash[:8]}… until {self.until:%Y-%m-%d}"
