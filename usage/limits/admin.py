"""Staff's pages of limits: what stands, other amounts for a time, and the alarm on the rate of spend."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from tenants.models import Workspace
from tenants.staff import FixedAdmin, ReadOnlyAdmin, RecordAdmin, staff_actor
from usage.limits import services
from usage.limits.models import NoticeDismissal
from usage.limits.services import LimitRefused, LimitSpec
from usage.models import Counter, Limit, LimitOverride, QuotaNotice, SubjectKind
from usage.rollups.models import DailyRollup, DayTotal, HourlyRollup, RollupState
from usage.spend import services as spend
from usage.spend.models import SpendAlarm

WORKSPACE_HELP = "A workspace's slug; empty for the whole platform."


class PlacedForm(forms.ModelForm):
    """A row of a workspace, which is named by its slug, or of the platform."""

    place = forms.CharField(label="Workspace", required=False, help_text=WORKSPACE_HELP)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self._meta.model._meta.get_fields():
            if field.name in self.fields and getattr(field, "null", False):
                self.fields[field.name].required = False

    def clean_place(self) -> Any:
        slug = self.cleaned_data["place"].strip()
        if not slug:
            return None
        found = Workspace.objects.filter(slug=slug).values_list("id", flat=True).first()
        if found is None:
            raise forms.ValidationError("There is no such workspace.")
        return found


class LimitForm(PlacedForm):
    class Meta:
        model = Limit
        fields = ["subject_kind", "subject_id", "meter", "window", "amount", "warn_percent", "block_percent"]
        help_texts = {
            "subject_id": "The id of the person (its reference), key, assistant or project; else empty.",
            "amount": "Pieces, tokens, milliseconds, bytes or micro-units. Empty is unlimited.",
            "block_percent": "New runs are refused above this share of the amount.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        is_platform = data.get("subject_kind") == SubjectKind.PLATFORM
        if "place" in data and is_platform != (data["place"] is None):
            raise forms.ValidationError("The platform has no workspace, and every other subject has one.")
        needs_id = data.get("subject_kind") not in (SubjectKind.PLATFORM, SubjectKind.WORKSPACE)
        if needs_id != bool(data.get("subject_id")):
            raise forms.ValidationError("Persons, keys, assistants and projects are named by id, others not.")
        return data


@admin.register(Limit)
class LimitAdmin(RecordAdmin):
    """Setting one replaces that of the same subject, meter and window. Overrides keep the plan's amount."""

    form = LimitForm
    list_display = (
        "workspace", "subject_kind", "subject_id", "meter", "window", "amount", "warn_percent", "block_percent",
        "source", "created_at",
    )  # fmt: skip
    list_filter = ("subject_kind", "source", "meter", "window")
    text_fields = ("subject_id", "meter")
    ordering = ("-id",)
    actions = ("remove",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return FixedAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ["place", *LimitForm.Meta.fields] if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: Limit, form: LimitForm, change: bool) -> None:
        data = form.cleaned_data
        limit = services.set_limit(
            workspace_id=data["place"],
            spec=LimitSpec(**{name: data[name] for name in LimitForm.Meta.fields}),
            source=Limit.Source.STAFF,
            actor=staff_actor(request),
        )
        obj.pk = limit.pk

    @admin.action(description="Remove", permissions=["operate"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Limit]) -> None:
        rows = list(queryset)
        for limit in rows:
            services.remove_limit(limit=limit, actor=staff_actor(request))
        self.message_user(request, f"{len(rows)} removed.")


class OverrideForm(forms.ModelForm):
    class Meta:
        model = LimitOverride
        fields = ["limit", "amount", "reason", "expires_at"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "expires_at" in data and "reason" in data and "amount" in data:
            try:
                services.check_override(data["amount"], data["reason"], data["expires_at"])
            except LimitRefused as error:
                raise forms.ValidationError(error.message) from error
        return data


@admin.register(LimitOverride)
class LimitOverrideAdmin(FixedAdmin):
    """Another amount for a limit until a date, with its reason. The newest that stands is the one that counts."""

    form = OverrideForm
    list_display = ("limit", "amount", "reason", "created_by_ref", "created_at", "expires_at", "lifted_at")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("limit",)
    search_fields = ("reason",)
    raw_id_fields = ("limit",)
    ordering = ("-id",)
    actions = ("lift",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return OverrideForm.Meta.fields if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: LimitOverride, form: OverrideForm, change: bool) -> None:
        data = {name: form.cleaned_data[name] for name in OverrideForm.Meta.fields}
        obj.pk = services.override(**data, actor=staff_actor(request)).pk

    @admin.action(description="Lift: the limit's own amount counts again", permissions=["operate"])
    def lift(self, request: HttpRequest, queryset: QuerySet[LimitOverride]) -> None:
        standing = list(queryset.filter(lifted_at__isnull=True))
        for row in standing:
            services.lift_override(override_id=row.pk, actor=staff_actor(request))
        self.message_user(request, f"{len(standing)} lifted.")


@admin.register(Counter)
class CounterAdmin(RecordAdmin):
    list_display = (
        "workspace", "subject_kind", "subject_id", "meter", "window", "window_start", "used", "held", "granted",
    )  # fmt: skip
    list_filter = ("subject_kind", "meter", "window")
    text_fields = ("subject_id",)
    date_hierarchy = "window_start"
    ordering = ("-id",)


@admin.register(QuotaNotice)
class QuotaNoticeAdmin(RecordAdmin):
    list_display = ("created_at", "workspace", "limit", "line", "window_start", "used", "amount", "mailed_at")
    list_filter = ("line",)
    list_select_related = ("limit",)
    ordering = ("-id",)


@admin.register(NoticeDismissal)
class NoticeDismissalAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "notice", "person_ref")
    list_select_related = ("notice",)
    search_fields = ("person_ref",)
    ordering = ("-id",)


class AlarmForm(PlacedForm):
    class Meta:
        model = SpendAlarm
        fields = ["micro_per_hour"]
        help_texts = {"micro_per_hour": "Micro-units: 5000000 is 5.00 within an hour."}

    def clean_micro_per_hour(self) -> int:
        amount: int = self.cleaned_data["micro_per_hour"]
        if amount <= 0:
            raise forms.ValidationError("Give an amount above zero.")
        return amount


@admin.register(SpendAlarm)
class SpendAlarmAdmin(RecordAdmin):
    """When more is spent within an hour, model calls stop until staff lift the stop."""

    form = AlarmForm
    list_display = ("workspace", "micro_per_hour", "created_by_ref", "created_at", "removed_at")
    list_filter = (("removed_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
    actions = ("remove",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return FixedAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ["place", "micro_per_hour"] if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: SpendAlarm, form: AlarmForm, change: bool) -> None:
        data = form.cleaned_data
        alarm = spend.set_alarm(
            workspace_id=data["place"], micro_per_hour=data["micro_per_hour"], actor=staff_actor(request)
        )
        obj.pk = alarm.pk

    @admin.action(description="Remove", permissions=["operate"])
    def remove(self, request: HttpRequest, queryset: QuerySet[SpendAlarm]) -> None:
        standing = list(queryset.filter(removed_at__isnull=True))
        for alarm in standing:
            spend.remove_alarm(alarm_id=alarm.pk, actor=staff_actor(request))
        self.message_user(request, f"{len(standing)} removed.")


@admin.register(DailyRollup)
class DailyRollupAdmin(RecordAdmin):
    list_display = ("date", "workspace", "model", "run_kind", "entries", "messages", "cost_micro")
    text_fields = ("model",)
    id_fields = ("workspace_id", "person_ref", "assistant_id", "api_key_id")
    date_hierarchy = "date"
    ordering = ("-id",)


@admin.register(HourlyRollup)
class HourlyRollupAdmin(RecordAdmin):
    list_display = ("date", "hour", "workspace", "entries", "messages", "cost_micro")
    id_fields = ("workspace_id", "person_ref")
    date_hierarchy = "date"
    ordering = ("-id",)


@admin.register(DayTotal)
class DayTotalAdmin(RecordAdmin):
    list_display = ("date", "workspace", "dimension", "key", "entries", "messages", "cost_micro")
    text_fields = ("dimension", "key")
    id_fields = ("workspace_id",)
    date_hierarchy = "date"
    ordering = ("-id",)


@admin.register(RollupState)
class RollupStateAdmin(ReadOnlyAdmin):
    list_display = ("id", "folded_id", "totals_id", "next_id", "folded_at")
