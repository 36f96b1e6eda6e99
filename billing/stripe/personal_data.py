"""dj-stripe's copy of the payment service: which of its tables hold what names a payer, and how they are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Field, JSONField, Q, QuerySet

from accounts.personal_data import saying
from billing.erasure import redaction
from billing.subscriptions.models import BillingAccount
from config.personal import Exported, Holding, NotPersonal, Subject, deleted, emptied

# Model → the way to its customer. Children before what they are of.
OF_CUSTOMER = {
    "Dispute": "charge__customer", "Refund": "charge__customer", "Mandate": "payment_method__customer",
    "SourceTransaction": "source__customer", "LineItem": "subscription__customer",
    "SubscriptionItem": "subscription__customer", "Discount": "customer", "TaxId": "customer", "Session": "customer",
    "InvoiceItem": "customer", "UpcomingInvoice": "customer", "Invoice": "customer", "Charge": "customer",
    "SubscriptionSchedule": "customer", "Subscription": "customer", "PaymentIntent": "customer",
    "SetupIntent": "customer", "Source": "customer", "PaymentMethod": "customer", "Customer": "",
}  # fmt: skip
# They may quote a payer without a way to the customer.
BY_WORDS = (
    "Event", "WebhookEventTrigger", "IdempotencyKey", "Card", "BankAccount", "DjstripePaymentMethod", "Review",
    "EarlyFraudWarning", "ActiveEntitlement", "VerificationReport", "VerificationSession", "File", "FileLink",
)  # fmt: skip
JOINS = "Which tax rates apply to a line."
OWN_SIDE = "Our own side of the payment service: what is sold, our account and its money."
UNUSED = "A service of Stripe's that the product does not use."
OTHERS = {
    "Invoice_default_tax_rates": JOINS, "InvoiceItem_tax_rates": JOINS, "SubscriptionItem_tax_rates": JOINS,
    **dict.fromkeys(
        (
            "APIKey", "Account", "AccountV2", "Coupon", "PromotionCode", "ShippingRate", "TaxCode", "TaxRate",
            "BalanceTransaction", "Product", "Price", "Feature", "ProductFeature", "Payout", "CountrySpec",
            "WebhookEndpoint", "ScheduledQueryRun",
        ),
        OWN_SIDE,
    ),
    **dict.fromkeys(
        (
            "ApplicationFee", "ApplicationFeeRefund", "Transfer", "TransferReversal", "IssuingAuthorization",
            "IssuingCard", "IssuingCardholder", "IssuingDispute", "IssuingTransaction",
        ),
        UNUSED,
    ),
}  # fmt: skip


def _texts(label: str) -> list[Field[Any, Any]]:
    """The columns in which somebody may be named."""
    fields = apps.get_model(label)._meta.concrete_fields
    kinds = ("JSONField", "StripeJSONField", "TextField", "CharField", "GenericIPAddressField")
    found = [field for field in fields if isinstance(field, JSONField) or field.get_internal_type() in kinds]
    return [field for field in found if not field.is_relation and not field.choices]


def _of_person(label: str) -> Callable[[Subject], QuerySet[Any]]:
    def rows(subject: Subject) -> QuerySet[Any]:
        return saying(
            apps.get_model(label)._default_manager.all(), subject, *(field.name for field in _texts(label))
        )

    return rows


def _redact(label: str) -> Callable[[Subject], int]:
    """Each JSON value without the person; plain texts that name them are emptied."""

    def erase(subject: Subject) -> int:
        model, fields = apps.get_model(label), _texts(label)
        rows = list(_of_person(label)(subject).values("pk", *(field.name for field in fields)))
        for row in rows:
            kept = {
                field.name: _clean(row[field.name], field, subject)
                for field in fields
                if not field.primary_key
            }
            model._default_manager.filter(pk=row["pk"]).update(**kept)
        return len(rows)

    return erase


def _clean(value: Any, field: Field[Any, Any], subject: Subject) -> Any:
    cleaned = redaction.without(value, subject.addresses, subject.names)
    return "" if cleaned is None and value is not None and not field.null else cleaned


def _of_workspace(label: str, way: str) -> Callable[[UUID], QuerySet[Any]]:
    def rows(workspace_id: UUID) -> QuerySet[Any]:
        accounts = BillingAccount.objects.filter(workspace_id=workspace_id, stripe_customer_id__isnull=False)
        prefix = f"{way}__" if way else ""
        mine = Q(**{f"{prefix}id__in": accounts.values("stripe_customer_id")})
        return apps.get_model(label)._default_manager.filter(
            mine | Q(**{f"{prefix}subscriber_id": workspace_id})
        )

    return rows


def _copied(name: str, way: str) -> Exported:
    label = f"djstripe.{name}"
    return Exported(
        label,
        f"Payments: {name}",
        _shown(label),
        person=emptied(_of_person(label), erase=_redact(label)),
        workspace=deleted(_of_workspace(label, way)),
    )


def _quoting(name: str) -> Exported:
    label = f"djstripe.{name}"
    person = emptied(_of_person(label), erase=_redact(label))
    return Exported(label, f"Payments: {name}", _shown(label), person=person)


def _shown(label: str) -> tuple[str, ...]:
    fields = {field.name for field in apps.get_model(label)._meta.concrete_fields}
    return tuple(name for name in ("id", "created", "action", "stripe_data") if name in fields)


def holdings() -> list[Holding]:
    return [
        *(_copied(name, way) for name, way in OF_CUSTOMER.items()),
        *(_quoting(name) for name in BY_WORDS),
        *(NotPersonal(f"djstripe.{name}", why) for name, why in OTHERS.items()),
    ]
