"""Staff's pages of what the payment service told us, what was refused, and what a reconciliation set right."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.staff import act_on_each
from billing.webhooks import services
from billing.webhooks.models import Repair, WebhookEvent, WebhookRefusal
from tenants.staff import ReadOnlyAdmin, RecordAdmin, staff_actor


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = (
        "received_at", "type", "state", "attempts", "deliveries", "error_code", "customer_id", "object_id",
        "occurred_at", "processed_at",
    )  # fmt: skip
    list_filter = ("state", "type", "livemode")
    search_fields = ("=id", "=customer_id", "=object_id", "error_code")
    date_hierarchy = "received_at"
    ordering = ("-received_at",)
    actions = ("replay",)

    @admin.action(description="Replay: process it again", permissions=["operate"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        actor = staff_actor(request)

        def again(event: WebhookEvent) -> None:
            services.replay(event.pk, actor=actor)

        act_on_each(self, request, queryset, again, done="replayed")


@admin.register(WebhookRefusal)
class WebhookRefusalAdmin(ReadOnlyAdmin):
    list_display = ("refused_at", "reason", "claimed_event_id", "detail")
    list_filter = ("reason",)
    search_fields = ("=claimed_event_id", "detail")
    date_hierarchy = "refused_at"
    ordering = ("-refused_at",)


@admin.register(Repair)
class RepairAdmin(RecordAdmin):
    list_display = ("repaired_at", "workspace", "field", "was", "now")
    list_filter = ("field",)
    text_fields = ("field",)
    date_hierarchy = "repaired_at"
    ordering = ("-repaired_at",)
