"""Staff's pages of plans: every version, and plans of a workspace's own, which are written here."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from billing.catalogues.catalogue import LimitOfPlan
from billing.enquiries.models import Enquiry
from billing.plans import custom
from billing.plans.custom import CustomPlanRefused, CustomTerms
from billing.plans.models import Plan, PlanPrice
from billing.staff import WorkspaceField, act_on_each, amount, as_minor
from tenants.staff import FixedAdmin, ReadOnlyAdmin, ReasonActionForm, RecordAdmin, staff_actor
from usage.features.keys import Feature
from usage.models import GAUGES, Meter, Window

METERS = tuple(meter.value for meter in Meter if meter != Meter.SEATS)
UNLIMITED = "unlimited"


class CustomPlanForm(forms.ModelForm):
    """What one workspace gets and pays."""

    place = WorkspaceField()
    price = forms.DecimalField(
        required=False,
        min_value=0,
        decimal_places=2,
        max_digits=12,
        help_text="Per interval, in dollars. Empty: given without a charge.",
    )
    interval = forms.ChoiceField(choices=PlanPrice.Interval.choices)
    seats = forms.IntegerField(required=False, min_value=1, help_text="Empty: any number of people.")
    limits_text = forms.CharField(
        label="Limits",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One a line: meter, window, amount, such as “messages month 5000”, “assistants total unlimited” or "
        "“cost_micro month 500000000” ($500).",
    )
    features_chosen = forms.MultipleChoiceField(
        label="Features", choices=Feature.choices, initial=Feature.values, widget=forms.CheckboxSelectMultiple
    )
    enquiry_id = forms.UUIDField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Plan
        fields = ["name", "net_days", "support", "is_passthrough"]
        help_texts = {
            "net_days": "An invoice is mailed and is due after so many days; 0 charges the payment method on file.",
            "is_passthrough": "AI cost is charged beside the price, as it is.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            try:
                custom.check(self.terms())
            except CustomPlanRefused as refusal:
                raise ValidationError(refusal.message) from refusal
        return data

    def clean_limits_text(self) -> list[LimitOfPlan]:
        lines = [line.split() for line in self.cleaned_data["limits_text"].splitlines() if line.strip()]
        return [_limit(words) for words in lines]

    def clean_enquiry_id(self) -> UUID | None:
        enquiry: UUID | None = self.cleaned_data["enquiry_id"]
        if enquiry and not Enquiry.objects.filter(id=enquiry, state=Enquiry.State.NEW).exists():
            raise ValidationError("That enquiry is handled already.")
        return enquiry

    def terms(self) -> CustomTerms:
        data = self.cleaned_data
        return CustomTerms(
            name=data["name"],
            amount_minor=None if data["price"] is None else as_minor(data["price"]),
            interval=data["interval"],
            seats=data["seats"],
            limits=data["limits_text"],
            features=data["features_chosen"],
            net_days=data["net_days"],
            support=data["support"],
            is_passthrough=data["is_passthrough"],
        )


def _limit(words: list[str]) -> LimitOfPlan:
    if len(words) != 3 or words[0] not in METERS or words[1] not in Window.values:
        raise ValidationError(f"“{' '.join(words)}” is no limit: meter, window, amount.")
    if words[0] in GAUGES and words[1] != Window.TOTAL:
        raise ValidationError(f"{words[0]} are limited in total.")
    digits = words[2].replace("_", "")
    if words[2] != UNLIMITED and not (digits.isascii() and digits.isdigit()):
        raise ValidationError(f"“{words[2]}” is neither a whole number nor “{UNLIMITED}”.")
    return LimitOfPlan(words[0], words[1], None if words[2] == UNLIMITED else int(digits))


@admin.register(Plan)
class PlanAdmin(RecordAdmin):
    """Catalogues are synced, not edited. Adding a plan writes one of a workspace's own, and gives it."""

    form = CustomPlanForm
    list_display = (
        "catalogue", "key", "version", "workspace", "name", "sale", "costs", "is_current", "created_at",
    )  # fmt: skip
    list_filter = ("is_current", "catalogue", "sale")
    id_fields = ("id", "workspace_id")
    text_fields = ("key", "name", "stripe_product_id")
    ordering = ("catalogue", "rank", "key", "-version")
    action_form = ReasonActionForm
    actions = ("give", "end")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return FixedAdmin.has_add_permission(self, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).prefetch_related("prices")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is not None:
            return [field.name for field in Plan._meta.fields]
        return [
            "place", "name", "price", "interval", "seats", "limits_text", "features_chosen", "net_days", "support",
            "is_passthrough", "enquiry_id",
        ]  # fmt: skip

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?enquiry=…` begins with what was asked for."""
        found: dict[str, Any] = {"name": "Enterprise", "net_days": 30, "support": "dedicated"}
        try:
            enquiry = Enquiry.objects.filter(id=request.GET.get("enquiry", "")).first()
        except ValidationError:
            enquiry = None
        if enquiry is not None:
            found |= {"seats": enquiry.seats, "enquiry_id": enquiry.id}
        return found

    def save_model(self, request: HttpRequest, obj: Plan, form: CustomPlanForm, change: bool) -> None:
        plan = custom.make_custom_plan(
            workspace_id=form.cleaned_data["place"],
            terms=form.terms(),
            actor=staff_actor(request),
            enquiry_id=form.cleaned_data["enquiry_id"],
        )
        obj.pk = plan.pk

    @admin.display(description="costs")
    def costs(self, plan: Plan) -> str:
        return ", ".join(
            f"{amount(price.amount_minor, plan.currency)} per {price.interval}"
            for price in plan.prices.all()
            if price.kind == PlanPrice.Kind.LICENSED
        )

    @admin.action(description="Give again (a plan of a workspace's own)", permissions=["operate"])
    def give(self, request: HttpRequest, queryset: QuerySet[Plan]) -> None:
        """Where giving it failed, for example while the payment service was away."""
        actor = staff_actor(request)
        act_on_each(self, request, queryset, lambda plan: custom.give(plan.id, actor=actor), done="given")

    @admin.action(description="End (a plan of a workspace's own)", permissions=["operate"])
    def end(self, request: HttpRequest, queryset: QuerySet[Plan]) -> None:
        reason, actor = self.reason(request), staff_actor(request)
        if not reason:
            return
        own = queryset.exclude(workspace_id=None)

        def end_one(plan: Plan) -> None:
            custom.end_custom_plan(plan_id=plan.id, reason=reason, actor=actor)

        act_on_each(self, request, own, end_one, done="ended")


@admin.register(PlanPrice)
class PlanPriceAdmin(ReadOnlyAdmin):
    list_display = ("lookup_key", "plan", "interval", "kind", "meter", "amount_minor", "stripe_price_id")
    list_filter = ("kind", "interval", "plan__catalogue")
    list_select_related = ("plan",)
    search_fields = ("lookup_key", "stripe_price_id")
    ordering = ("lookup_key",)
