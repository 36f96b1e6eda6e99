"""What people ask for, and what staff make of it."""

from uuid import uuid4

import pytest

from accounts.mails.models import Mail
from billing.enquiries import services
from billing.enquiries.models import Enquiry
from billing.enquiries.services import EnquiryHandled
from billing.plans.models import Plan
from config.errors import NotFound
from tenants import audit
from tenants.models import AuditEntry

pytestmark = pytest.mark.django_db


def ask(**fields) -> Enquiry:
    values = {"name": " Ada ", "email": "ada@example.test", "message": "80 people, please."} | fields
    return services.create_enquiry(**values)


def test_an_enquiry_is_kept_and_staff_are_told_once():
    enquiry = ask(company="Engines", seats=80, workspace_id=uuid4())
    assert (enquiry.name, enquiry.state, enquiry.seats) == ("Ada", "new", 80)
    mail = Mail.objects.get(key=f"enquiry:{enquiry.id}")
    assert (mail.kind, mail.workspace_id) == ("enquiry_received", None)
    assert mail.context["path"] == f"/admin/billing/enquiry/{enquiry.id}/change/"
    assert (mail.context["organisation"], mail.context["text"]) == ("Engines", "80 people, please.")
    assert (
        AuditEntry.objects.get(action="enquiry.received", target_id=str(enquiry.id)).workspace_id is not None
    )


def test_an_enquiry_is_handled_once():
    enquiry = ask()
    services.close_enquiry(enquiry_id=enquiry.id, note=" Answered by mail ", actor=audit.SYSTEM)
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.note) == ("closed", "Answered by mail")
    assert enquiry.handled_at is not None
    plan = Plan.objects.create(catalogue="alin", key="own", workspace_id=uuid4(), name="Own", sale="paid")
    for handle in (
        lambda: services.close_enquiry(enquiry_id=enquiry.id, note="Again", actor=audit.SYSTEM),
        lambda: services.note_sale(enquiry_id=enquiry.id, plan=plan, actor=audit.SYSTEM),
    ):
        with pytest.raises(EnquiryHandled):
            handle()
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.note, enquiry.plan) == ("closed", "Answered by mail", None)


def test_one_that_is_not_there_is_not_found():
    with pytest.raises(NotFound):
        services.close_enquiry(enquiry_id=uuid4(), note="", actor=audit.SYSTEM)
