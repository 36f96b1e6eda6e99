"""Enquiries: taken in, told to staff, and closed or turned into a plan of a workspace's own."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from billing.enquiries.models import Enquiry
from billing.mails import services as mails
from billing.plans.models import Plan
from config.errors import DomainError, NotFound
from tenants import audit


class EnquiryHandled(DomainError):
    code = "enquiry_handled"
    status = 409
    message = "This enquiry is handled already."


def create_enquiry(
    *,
    name: str,
    email: str,
    message: str,
    company: str = "",
    seats: int | None = None,
    workspace_id: UUID | None = None,
) -> Enquiry:
    """Staff are told by mail once it is committed. The caller brakes whoever sends many."""
    with transaction.atomic():
        enquiry = Enquiry.objects.create(
            name=name.strip(),
            email=email.strip(),
            company=company.strip(),
            seats=seats,
            message=message.strip(),
            workspace_id=workspace_id,
        )
        audit.record(
            "enquiry.received", actor=audit.SYSTEM, workspace_id=workspace_id, target=("enquiry", enquiry.id)
        )
        mails.send_once(
            f"enquiry:{enquiry.id}",
            kind="enquiry_received",
            workspace_id=None,
            context={
                "name": enquiry.name,
                "email": enquiry.email,
                "organisation": enquiry.company,
                "text": enquiry.message,
                "path": reverse("admin:billing_enquiry_change", args=[enquiry.id]),
            },
        )
    return enquiry


def close_enquiry(*, enquiry_id: UUID, note: str, actor: audit.Actor, now: datetime | None = None) -> Enquiry:
    """Answered without a plan. Raises NotFound, EnquiryHandled."""
    with transaction.atomic():
        enquiry = _open(enquiry_id)
        _handle(enquiry, Enquiry.State.CLOSED, note, now)
        enquiry.save(update_fields=["state", "note", "handled_at"])
        audit.record(
            "enquiry.closed",
            actor=actor,
            workspace_id=enquiry.workspace_id,
            target=("enquiry", enquiry.id),
            note=enquiry.note,
        )
    return enquiry


def note_sale(*, enquiry_id: UUID, plan: Plan, actor: audit.Actor, now: datetime | None = None) -> None:
    """In the transaction that makes the plan. Raises NotFound, EnquiryHandled."""
    enquiry = _open(enquiry_id)
    _handle(enquiry, Enquiry.State.SOLD, "", now)
    enquiry.plan = plan
    enquiry.save(update_fields=["state", "note", "handled_at", "plan"])
    audit.record(
        "enquiry.sold",
        actor=actor,
        workspace_id=plan.workspace_id,
        target=("enquiry", enquiry.id),
        plan=str(plan.id),
    )


def _open(enquiry_id: UUID) -> Enquiry:
    enquiry = Enquiry.objects.select_for_update().filter(id=enquiry_id).first()
    if enquiry is None:
        raise NotFound()
    if enquiry.state != Enquiry.State.NEW:
        raise EnquiryHandled()
    return enquiry


def _handle(enquiry: Enquiry, state: Enquiry.State, note: str, now: datetime | None) -> None:
    enquiry.state, enquiry.note, enquiry.handled_at = state, note.strip(), now or timezone.now()
