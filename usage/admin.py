from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from config import errors
from tenants.staff import FixedAdmin, RecordAdmin, staff_actor
from usage import prices, stops
from usage.forms import PriceForm, StopForm
from usage.models import Hold, LedgerEntry, Price, Stop


@admin.register(Hold)
class HoldAdmin(RecordAdmin):
    list_display = (
        "created_at", "workspace", "kind", "model", "state", "attempt", "is_claimed", "lease_expires_at",
        "stop_reason", "release_reason",
    )  # fmt: skip
    list_filter = ("state", "kind")
    id_fields = ("id", "workspace_id", "person_ref", "api_key_id", "assistant_id")
    text_fields = ("model", "stop_reason", "release_reason")
    search_help_text = "A workspace's slug, the id of a run, person reference, key or assistant, or a model"
    ordering = ("-created_at",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(RecordAdmin):
    list_display = (
        "created_at", "workspace", "account", "kind", "run_kind", "model", "input_tokens", "output_tokens", "cost",
        "is_estimated",
    )  # fmt: skip
    list_filter = ("account", "kind", "is_estimated")
    id_fields = ("hold_id", "workspace_id", "person_ref", "api_key_id", "assistant_id")
    text_fields = ("model", "provider")
    search_help_text = "A workspace's slug, the id of a run, person reference, key or assistant, or a model"
    ordering = ("-id",)

    @admin.display(ordering="cost_micro")
    def cost(self, entry: LedgerEntry) -> Decimal:
        return Decimal(entry.cost_micro).scaleb(-6)


@admin.register(Price)
class PriceAdmin(FixedAdmin):
    """A price is never edited: a new one is a new row with its own date."""

    form = PriceForm
    list_display = ("provider", "model", "meter", "micro_per_million", "effective_at", "source", "created_at")
    list_filter = ("provider", "meter")
    search_fields = ("model", "source")
    date_hierarchy = "effective_at"
    ordering = ("provider", "model", "meter", "-effective_at")
    change_list_template = "admin/usage/price/change_list.html"

    def save_model(self, request: HttpRequest, obj: Price, form: PriceForm, change: bool) -> None:
        prices.add_price(obj, actor=staff_actor(request))

    def get_urls(self) -> list[URLPattern]:
        load = self.admin_site.admin_view(require_POST(self.load))
        return [path("load/", load, name="usage_price_load"), *super().get_urls()]

    def load(self, request: HttpRequest) -> HttpResponseRedirect:
        """Adds the published prices that are not there yet."""
        if not self.has_add_permission(request):
            raise errors.Forbidden()
        added = prices.load_published(actor=staff_actor(request))
        messages.success(request, f"{added} published prices added.")
        return redirect("admin:usage_price_changelist")


@admin.register(Stop)
class StopAdmin(FixedAdmin):
    """Adding one sets the stop at once; lifting it keeps the row."""

    form = StopForm
    list_display = ("scope", "target", "reason", "created_by_ref", "created_at", "lifted_at")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter), "scope")
    search_fields = ("target", "reason")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("lift",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("scope", "target", "reason") if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: Stop, form: StopForm, change: bool) -> None:
        stop = stops.set_stop(
            scope=Stop.Scope(obj.scope), target=obj.target, reason=obj.reason, actor=staff_actor(request)
        )
        obj.pk = stop.pk

    @admin.action(description="Lift: new runs may start again", permissions=["operate"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Stop]) -> None:
        standing = list(queryset.filter(lifted_at__isnull=True))
        for stop in standing:
            stops.lift_stop(stop_id=stop.pk, actor=staff_actor(request))
        self.message_user(request, f"{len(standing)} lifted.")
