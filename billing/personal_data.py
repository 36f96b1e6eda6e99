"""What billing's own tables hold of persons and workspaces."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.personal_data import saying
from billing.enquiries.models import Enquiry
from billing.erasure import redaction
from billing.subscriptions.models import BillingAccount
from billing.webhooks.models import WebhookEvent
from config.personal import Exported, Holding, NotPersonal, Subject, deleted, emptied, kept
from usage.personal_data import by_ref, in_workspace

BOOKS = "What was bought and paid must stay accounted for. It knows a workspace by its id and a person by a reference."
CATALOGUE = "What is sold, for everybody alike."


def _enquiries(subject: Subject) -> QuerySet[Enquiry]:
    return saying(Enquiry.objects.all(), subject, "email", "message")


def _erase_enquiries(subject: Subject) -> int:
    found = list(_enquiries(subject).values_list("id", flat=True))
    return Enquiry.objects.filter(id__in=found).update(**NOBODY_ASKED)


NOBODY_ASKED: dict[str, Any] = {"name": "Erased", "email": "", "company": "", "message": ""}


def _events_of_workspace(workspace_id: UUID) -> QuerySet[WebhookEvent]:
    customers = BillingAccount.objects.filter(workspace_id=workspace_id, stripe_customer_id__isnull=False)
    return WebhookEvent.objects.filter(customer_id__in=customers.values("stripe_customer_id"))


def _minimise(workspace_id: UUID) -> int:
    return _rewrite(_events_of_workspace(workspace_id), redaction.minimised)


def _events_of_person(subject: Subject) -> QuerySet[WebhookEvent]:
    return saying(WebhookEvent.objects.all(), subject, "payload")


def _redact(subject: Subject) -> int:
    return _rewrite(
        _events_of_person(subject), lambda value: redaction.without(value, subject.addresses, subject.names)
    )


def _rewrite(rows: QuerySet[WebhookEvent], make: Any) -> int:
    count = 0
    for event in rows.only("pk", "payload").iterator(chunk_size=200):
        count += WebhookEvent.objects.filter(pk=event.pk).update(payload=make(event.payload))
    return count


def _books(label: str, title: str, *fields: str, ref: str = "", path: str = "workspace_id") -> Exported:
    """Kept for both; `ref`: where a person's reference stands."""
    person = by_ref(label, BOOKS, ref) if ref else None
    return Exported(label, title, fields, person=person, workspace=kept(in_workspace(label, path), BOOKS))


HOLDINGS: list[Holding] = [
    Exported(
        "billing.WebhookEvent",
        "What the payment service told us",
        ("id", "type", "customer_id", "object_id", "payload", "occurred_at"),
        person=emptied(_events_of_person, erase=_redact),
        workspace=emptied(_events_of_workspace, erase=_minimise),
    ),
    Exported(
        "billing.Enquiry",
        "Enquiries",
        ("name", "email", "company", "seats", "message", "state", "created_at", "handled_at"),
        person=emptied(_enquiries, erase=_erase_enquiries),
        workspace=emptied(lambda workspace_id: Enquiry.objects.filter(workspace_id=workspace_id), **NOBODY_ASKED),
    ),
    Exported(
        "billing.ReferralCode",
        "Your link for invitations",
        ("code", "created_at"),
        person=deleted(by_ref("billing.ReferralCode").rows),
    ),
    _books(
        "billing.ReferralCredit", "Credits for invitations", "side", "amount_minor", "currency", "state", "created_at",
        ref="referral__referrer_ref",
    ),
    Exported(
        "billing.Referral",
        "Persons who came by your link",
        ("state", "created_at", "joined_at", "qualified_at"),
        person=by_ref("billing.Referral", BOOKS, "referrer_ref"),
    ),
    _books("billing.Measurement", "Measured results", "contract_id", "value", "evidence", "evidence_url", "source",
           "measured_at", "recorded_at", ref="recorded_by_ref", path="contract__workspace_id"),
    _books("billing.ContractMilestone", "Milestones", "contract_id", "percent", "amount_minor", "reached_at",
           "invoiced_at", path="contract__workspace_id"),
    _books("billing.Contract", "Contracts by results", "id", "title", "goal", "unit", "baseline", "target", "fee_minor",
           "currency", "state", "created_at", "accepted_at", "activated_at", "finished_at", ref="accepted_by_ref"),
    _books("billing.Carry", "Amounts for the next invoice", "amount_minor", "currency", "description", "state",
           "created_at"),
    _books("billing.MeterReport", "Usage told to the payment service", "meter", "event_name", "value", "used_at",
           "state", "sent_at"),
    _books("billing.MeteredSpan", "When usage was charged", "subscription_id", "meters", "begins_at", "ends_at"),
    _books("billing.DealReservation", "One-off deals", "deal_key", "plan_key", "amount_minor", "currency", "state",
           "created_at", "resolved_at"),
    _books("billing.Grant", "What happened once", "key", "kind", "data", "created_at"),
    _books("billing.TrialUse", "Trials", "plan_key", "begun_at", ref="person_ref"),
    _books("billing.Checkout", "Checkouts", "session_id", "interval", "quantity", "outcome", "created_at",
           ref="person_ref"),
    _books("billing.BillingEvent", "The billing log", "id", "kind", "data", "created_at", ref="actor_ref"),
    _books("billing.Repair", "What was set right", "field", "was", "now", "repaired_at"),
    Exported(
        "billing.Plan",
        "A plan of your own",
        ("key", "version", "name", "currency", "limits", "rates", "features", "created_at"),
        workspace=kept(in_workspace("billing.Plan"), BOOKS),
    ),
    Exported(
        "billing.BillingAccount",
        "What you have",
        (
            "status", "plan__name", "interval", "quantity", "period_start", "period_end", "trial_ends_at", "cancels_at",
            "payment_method", "balance_minor", "stripe_customer_id", "subscription_id", "created_at",
        ),
        workspace=deleted(in_workspace("billing.BillingAccount")),
    ),
    NotPersonal("billing.PlanPrice", CATALOGUE),
    NotPersonal("billing.DealStock", CATALOGUE),
    NotPersonal("billing.WebhookRefusal", "Deliveries that were refused; their bodies are not kept."),
]  # fmt: skip
