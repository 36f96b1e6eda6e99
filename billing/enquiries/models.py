"""What somebody asked for that no plan on the pricing page gives."""

import uuid

from django.db import models
from django.db.models import Q

from billing.plans.models import Plan


class Enquiry(models.Model):
    """From the public form. `workspace_id`: whose owner wrote it, if one did. `plan`: what it came to."""

    class State(models.TextChoices):
        NEW = "new"
        SOLD = "sold"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    email = models.EmailField(max_length=254)
    company = models.CharField(max_length=120, blank=True)
    seats = models.PositiveIntegerField(null=True)
    message = models.TextField(max_length=4000)
    workspace_id = models.UUIDField(null=True)
    state = models.CharField(max_length=6, choices=State.choices, default=State.NEW)
    note = models.CharField(max_length=200, blank=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "enquiries"
        indexes = [models.Index(fields=["-created_at"], name="enquiry_recent")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="new", handled_at=None) | (~Q(state="new") & Q(handled_at__isnull=False)),
                name="enquiry_handled_iff_not_new",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.company or self.email})"
