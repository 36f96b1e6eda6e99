"""The simulated payment service's one table. A real one erases by its own rules; here everything can be."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts.personal_data import saying
from billing.erasure import redaction
from billing.simulator.models import SimulatedObject
from billing.subscriptions.models import BillingAccount
from config.personal import Exported, Holding, Subject, emptied

# The lock under which the service takes its requests one by one (billing/simulator/store.py).
LOCK = "SELECT pg_advisory_xact_lock(7419206)"


def _of_person(subject: Subject) -> QuerySet[SimulatedObject]:
    return saying(SimulatedObject.objects.all(), subject, "data", "meta", "key")


def _of_workspace(workspace_id: UUID) -> QuerySet[SimulatedObject]:
    """Of its customer, and events and answers that quote it."""
    rows = BillingAccount.objects.filter(workspace_id=workspace_id)
    customer_id = rows.values_list("stripe_customer_id", flat=True).first()
    if not customer_id:
        return SimulatedObject.objects.none()
    quoted = {"data_as_text": Cast("data", TextField()), "meta_as_text": Cast("meta", TextField())}
    mine = Q(customer=customer_id) | Q(id=customer_id)
    mine |= Q(data_as_text__contains=customer_id) | Q(meta_as_text__contains=customer_id)
    return SimulatedObject.objects.annotate(**quoted).filter(mine)


def _forget_person(subject: Subject) -> int:
    return _rewrite(
        _of_person(subject), lambda value: redaction.without(value, subject.addresses, subject.names)
    )


def _forget_workspace(workspace_id: UUID) -> int:
    return _rewrite(_of_workspace(workspace_id), redaction.minimised)


def _rewrite(rows: QuerySet[SimulatedObject], make: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    found = list(rows.values("seq", "kind", "key", "data", "meta"))
    for row in found:
        cleaned = {"data": make(row["data"]), "meta": make(row["meta"])}
        key = "" if row["kind"] == "customer" else row["key"]
        SimulatedObject.objects.filter(seq=row["seq"]).update(**cleaned, key=make(key) or "")
    return len(found)


HOLDINGS: list[Holding] = [
    Exported(
        "stripe_simulator.SimulatedObject",
        "Simulated payments",
        ("kind", "id", "created", "data"),
        person=emptied(_of_person, erase=_forget_person),
        workspace=emptied(_of_workspace, erase=_forget_workspace),
    )
]
