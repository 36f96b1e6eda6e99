"""Staff's pages of what workspaces have: read, and looked at again at the payment service."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.staff import act_on_each
from billing.stripe import sync
from billing.subscriptions.models import BillingAccount, BillingEvent, Checkout, Grant, TrialUse
from tenants.staff import RecordAdmin


@admin.register(BillingAccount)
class BillingAccountAdmin(RecordAdmin):
    list_display = (
        "workspace", "status", "effective_plan", "plan", "interval", "quantity", "period_end", "cancels_at",
        "past_due_since", "restricted_at", "synced_at",
    )  # fmt: skip
    list_filter = ("status", "interval", ("custom_plan", admin.EmptyFieldListFilter))
    list_select_related = ("effective_plan", "plan")
    id_fields = ("workspace_id",)
    text_fields = ("stripe_customer_id", "subscription_id")
    search_help_text = "A workspace's slug or id, or the id of a customer or subscription"
    ordering = ("-created_at",)
    actions = ("sync",)

    @admin.action(description="Look at the payment service and apply what is there", permissions=["operate"])
    def sync(self, request: HttpRequest, queryset: QuerySet[BillingAccount]) -> None:
        known = queryset.exclude(stripe_customer_id=None)

        def look(account: BillingAccount) -> None:
            changed = sync.sync_customer(account.stripe_customer_id or "", cause="staff")
            words = ", ".join(changed) or "nothing"
            self.message_user(request, f"{account.workspace_id}: {words} changed.")

        act_on_each(self, request, known, look, done="looked at")


@admin.register(BillingEvent)
class BillingEventAdmin(RecordAdmin):
    list_display = ("created_at", "workspace", "kind", "data", "actor_ref", "cause")
    id_fields = ("id", "workspace_id", "actor_ref")
    text_fields = ("kind", "cause")
    ordering = ("-created_at",)


@admin.register(Grant)
class GrantAdmin(RecordAdmin):
    list_display = ("created_at", "workspace", "kind", "key", "data")
    list_filter = ("kind",)
    text_fields = ("key", "kind")
    ordering = ("-created_at",)


@admin.register(TrialUse)
class TrialUseAdmin(RecordAdmin):
    list_display = ("begun_at", "workspace", "person_ref", "plan_key")
    id_fields = ("workspace_id", "person_ref")
    date_hierarchy = "begun_at"
    ordering = ("-begun_at",)


@admin.register(Checkout)
class CheckoutAdmin(RecordAdmin):
    list_display = (
        "created_at", "workspace", "plan", "interval", "quantity", "deal_key", "has_trial", "outcome", "session_id",
    )  # fmt: skip
    list_filter = ("outcome", "has_trial")
    list_select_related = ("plan",)
    id_fields = ("workspace_id", "person_ref")
    text_fields = ("session_id", "deal_key")
    ordering = ("-created_at",)
