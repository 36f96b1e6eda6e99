"""The staff pages of holds, the ledger and its books, prices and stops. Others: `usage.limits`, `usage.receipts`."""

import uuid
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

import usage.features.admin  # noqa: F401  registers its pages
import usage.limits.admin  # noqa: F401
import usage.pace.admin  # noqa: F401
import usage.receipts.admin  # noqa: F401
from config import errors
from tenants.staff import FixedAdmin, ReasonActionForm, RecordAdmin, staff_actor
from usage import prices, stops
from usage.forms import CorrectionForm, PriceForm, StopForm
from usage.models import Hold, LedgerEntry, Price, Stop
from usage.reconciliation import services as reconciliation
from usage.reconciliation.models import BooksItem
from usage.rerating import services as rerating
from usage.rerating.models import Correction
from usage.statements.models import Statement


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
    list_display = (
        "provider", "model", "variant", "meter", "micro_per_million", "effective_at", "source", "author_ref",
        "created_at",
    )  # fmt: skip
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
    list_display = ("scope", "target", "authority", "reason", "created_by_ref", "created_at", "lifted_at")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter), "scope", "authority")
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


@admin.register(Correction)
class CorrectionAdmin(FixedAdmin):
    """Adding one rates a range of the past again, by the price book as it stands; it is done in the background."""

    form = CorrectionForm
    list_display = (
        "created_at", "provider", "model", "from_at", "to_at", "reason", "state", "looked_at", "corrected",
        "difference",
    )  # fmt: skip
    list_filter = ("state", "provider")
    search_fields = ("model", "reason")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)

    @admin.display(ordering="delta_micro")
    def difference(self, correction: Correction) -> Decimal:
        return Decimal(correction.delta_micro).scaleb(-6)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ("provider", "model", "from_at", "to_at", "reason")
        return ("id", *self.list_display, "created_by_ref", "finished_at")

    def save_model(self, request: HttpRequest, obj: Correction, form: CorrectionForm, change: bool) -> None:
        from usage.tasks import continue_corrections  # noqa: PLC0415  tasks call services

        obj.id = uuid.uuid4()
        rerating.begin(
            correction_id=obj.id,
            provider=obj.provider,
            model=obj.model,
            from_at=obj.from_at,
            to_at=obj.to_at,
            reason=obj.reason,
            actor=staff_actor(request),
        )
        transaction.on_commit(continue_corrections.delay, robust=True)


@admin.register(BooksItem)
class BooksItemAdmin(RecordAdmin):
    """Where books differ. An item is explained in words or goes when they agree again; it is never deleted."""

    list_display = (
        "day", "state", "kind", "workspace", "model", "subject", "expected", "found", "note", "changed_at",
    )  # fmt: skip
    list_filter = ("state", "kind")
    text_fields = ("model", "subject")
    search_help_text = "A workspace's slug or id, a model, or what differs"
    ordering = ("-day", "kind")
    action_form = ReasonActionForm
    actions = ("explain",)

    @admin.action(description="Explain: the reason typed here becomes the note", permissions=["operate"])
    def explain(self, request: HttpRequest, queryset: QuerySet[BooksItem]) -> None:
        note = self.reason(request)
        if not note:
            return
        for item in queryset:
            reconciliation.explain(item_id=item.pk, note=note, actor=staff_actor(request))
        self.message_user(request, f"{len(queryset)} explained.")


@admin.register(Statement)
class StatementAdmin(RecordAdmin):
    """Written once: a later correction is part of a later month."""

    list_display = ("month", "workspace", "zone", "messages", "tokens", "cost", "created_at", "mailed_at")
    date_hierarchy = "month"
    ordering = ("-month", "-id")

    @admin.display(ordering="cost_micro")
    def cost(self, statement: Statement) -> Decimal:
        return Decimal(statement.cost_micro).scaleb(-6)
