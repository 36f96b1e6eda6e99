"""Where the simulated payment service keeps its books: one table, written on a connection of its own (`store`)."""

from django.db import models
from django.db.models import Q


class SimulatedObject(models.Model):
    """One object as the service would show it (`data`), with what it keeps to itself (`meta`).

    The other columns are what lists filter by: `parent` is the object it belongs to besides a customer, `key` a
    second name (a lookup key, a code, an event's type), `due_at` the moment of the clock when something happens to it.
    """

    seq = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=60)
    id = models.CharField(max_length=255)
    customer = models.CharField(max_length=255, blank=True)
    parent = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=40, blank=True)
    key = models.CharField(max_length=255, blank=True)
    created = models.BigIntegerField(default=0)
    due_at = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    meta = models.JSONField(default=dict)

    class Meta:
        db_table = "stripe_simulator_object"
        constraints = [models.UniqueConstraint(fields=["kind", "id"], name="simulated_object_once")]
        indexes = [
            models.Index(fields=["kind", "seq"], name="simulated_kind"),
            models.Index(fields=["kind", "customer", "seq"], name="simulated_customer"),
            models.Index(fields=["kind", "parent", "seq"], name="simulated_parent"),
            models.Index(fields=["kind", "key", "seq"], name="simulated_key"),
            models.Index(fields=["kind", "status", "seq"], name="simulated_status"),
            models.Index(fields=["due_at", "seq"], condition=Q(due_at__isnull=False), name="simulated_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
