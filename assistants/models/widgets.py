import secrets
import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from assistants.models.assistants import Assistant

SECRET_BYTES = 8


def new_tail() -> str:
    return secrets.token_hex(SECRET_BYTES)


class Widget(models.Model):
    """An assistant's chat on other sites. `tail` is the last part of its public address (assistants/widget/access.py).

    `sites`: the origins that may frame it, as browsers spell them. The limits are rows of `usage`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assistant = models.OneToOneField(Assistant, on_delete=models.CASCADE, related_name="widget")
    tail = models.CharField(max_length=2 * SECRET_BYTES, default=new_tail, unique=True)
    is_on = models.BooleanField(default=True)
    sites = ArrayField(models.CharField(max_length=200), default=list)
    title = models.CharField(max_length=60)
    greeting = models.CharField(max_length=300, blank=True)
    colour = models.CharField(max_length=7)
    messages_per_day = models.PositiveIntegerField()
    visitor_messages_per_day = models.PositiveIntegerField()
    created_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(messages_per_day__gte=1) & Q(visitor_messages_per_day__gte=1),
                name="widget_limits_above_zero",
            ),
        ]

    def __str__(self) -> str:
        return self.title
