"""Staff's pages of billing. Topics with acts of their own have a page of their own beside them."""

import djstripe.admin  # noqa: F401  registers its pages, which are taken off below
from django.apps import apps
from django.contrib import admin

import billing.enquiries.admin
import billing.outcomes.admin
import billing.plans.admin
import billing.subscriptions.admin
import billing.webhooks.admin  # noqa: F401
from billing.deals.models import DealReservation, DealStock
from billing.metering.models import Carry, MeteredSpan, MeterReport
from billing.referrals.models import Referral, ReferralCode, ReferralCredit
from tenants.staff import ReadOnlyAdmin, RecordAdmin

MIRRORED = (
    "Customer", "Subscription", "Invoice", "PaymentMethod", "PaymentIntent", "Charge", "Refund", "Product", "Price",
    "Coupon", "PromotionCode", "Session",
)  # fmt: skip
"""Of the mirror of the payment service, what staff look for."""


class MirrorAdmin(ReadOnlyAdmin):
    """The payment service's own objects, as they were seen last. They are changed there, not here."""

    list_display = ("__str__", "id", "created", "livemode")
    list_filter = ("livemode",)
    search_fields = ("=id",)
    fields = ("id", "created", "livemode", "djstripe_updated", "stripe_data")
    ordering = ("-created",)


def take_over_the_mirror() -> None:
    # SECURITY: dj-stripe's pages show the secret key and the secrets of webhooks, and can change what Stripe says.
    for model in apps.get_app_config("djstripe").get_models():
        if admin.site.is_registered(model):
            admin.site.unregister(model)
    for name in MIRRORED:
        admin.site.register(apps.get_model("djstripe", name), MirrorAdmin)


take_over_the_mirror()


@admin.register(DealStock)
class DealStockAdmin(ReadOnlyAdmin):
    list_display = ("key",)
    search_fields = ("key",)
    ordering = ("key",)


@admin.register(DealReservation)
class DealReservationAdmin(RecordAdmin):
    list_display = (
        "created_at", "workspace", "deal_key", "plan_key", "amount_minor", "currency", "state", "expires_at",
        "resolved_at", "refund_reason", "refund_id",
    )  # fmt: skip
    list_filter = ("state", "deal_key")
    id_fields = ("id", "workspace_id")
    text_fields = ("deal_key", "session_id", "refund_id")
    ordering = ("-created_at",)


@admin.register(ReferralCode)
class ReferralCodeAdmin(ReadOnlyAdmin):
    list_display = ("code", "person_ref", "created_at")
    search_fields = ("=code", "=person_ref")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(Referral)
class ReferralAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at", "referrer_ref", "referee_ref", "state", "reason", "invoice_id", "qualified_at", "resolved_at",
    )  # fmt: skip
    list_filter = ("state", "reason")
    search_fields = ("=referrer_ref", "=referee_ref", "=invoice_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(ReferralCredit)
class ReferralCreditAdmin(RecordAdmin):
    list_display = (
        "created_at", "workspace", "side", "amount_minor", "currency", "state", "credited_at", "transaction_id",
    )  # fmt: skip
    list_filter = ("state", "side")
    id_fields = ("id", "workspace_id")
    text_fields = ("transaction_id",)
    ordering = ("-created_at",)


@admin.register(MeteredSpan)
class MeteredSpanAdmin(RecordAdmin):
    list_display = ("begins_at", "workspace", "subscription_id", "customer_id", "ends_at", "collected_at")
    text_fields = ("subscription_id", "customer_id")
    date_hierarchy = "begins_at"
    ordering = ("-begins_at",)


@admin.register(MeterReport)
class MeterReportAdmin(RecordAdmin):
    list_display = (
        "created_at", "workspace", "meter", "value", "used_at", "state", "flag", "attempts", "next_attempt_at",
        "sent_at", "identifier",
    )  # fmt: skip
    list_filter = ("state", "flag", "meter")
    text_fields = ("identifier", "customer_id")
    ordering = ("-created_at",)


@admin.register(Carry)
class CarryAdmin(RecordAdmin):
    list_display = (
        "created_at", "workspace", "amount_minor", "currency", "description", "state", "attempts", "item_id",
    )  # fmt: skip
    list_filter = ("state",)
    text_fields = ("key", "item_id")
    ordering = ("-created_at",)
