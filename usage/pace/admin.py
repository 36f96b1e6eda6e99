"""Staff's page of request rates."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from tenants.staff import FixedAdmin, RecordAdmin, staff_actor
from usage.limits.admin import PlacedForm
from usage.pace import services
from usage.pace.models import RequestRate
from usage.pace.queries import Rates

FIELDS = ("per_key", "per_person", "per_workspace")


class RateForm(PlacedForm):
    class Meta:
        model = RequestRate
        fields = FIELDS
        help_texts = dict.fromkeys(FIELDS, "Requests within a minute. Empty is any number.")

    def clean_place(self) -> Any:
        found = super().clean_place()
        if found is None:
            self.add_error("place", "Name a workspace.")
        return found


@admin.register(RequestRate)
class RequestRateAdmin(RecordAdmin):
    """Setting those of a workspace replaces them, until its plan pushes others."""

    form = RateForm
    list_display = ("workspace", *FIELDS, "changed_at")
    date_hierarchy = "changed_at"
    ordering = ("-changed_at",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return FixedAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ["place", *FIELDS] if obj is None else self.list_display

    def save_model(self, request: HttpRequest, obj: RequestRate, form: RateForm, change: bool) -> None:
        data = form.cleaned_data
        rates = Rates(**{name: data[name] for name in FIELDS})
        services.push_rates(workspace_id=data["place"], rates=rates, actor=staff_actor(request))
        obj.pk = RequestRate.objects.get(workspace_id=data["place"]).pk
