"""Staff's pages of contracts: drafted, offered, activated, ended and measured here."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from billing.catalogues.catalogue import Milestone
from billing.outcomes import invoicing, services
from billing.outcomes.models import Contract, ContractMilestone, Measurement
from billing.outcomes.services import ContractRefused, Evidence, Terms
from billing.staff import WorkspaceField, act_on_each, amount, as_minor
from tenants.staff import FixedAdmin, ReadOnlyAdmin, ReasonActionForm, RecordAdmin, staff_actor


class ContractForm(forms.ModelForm):
    place = WorkspaceField()
    fee = forms.DecimalField(min_value=0, decimal_places=2, max_digits=12, help_text="For all of it.")
    steps = forms.CharField(
        label="Milestones",
        required=False,
        help_text="Percent of the way and of the fee, such as “50:40 100:60”. Empty: a quarter at each quarter.",
    )

    class Meta:
        model = Contract
        fields = ["title", "goal", "unit", "baseline", "target", "currency", "net_days"]
        help_texts = {
            "unit": "What is measured, such as “visits a month”.",
            "net_days": "An invoice is mailed and is due after so many days; 0 charges the payment method on file.",
        }

    def clean_steps(self) -> tuple[Milestone, ...]:
        pairs = [word.split(":") for word in self.cleaned_data["steps"].split()]
        if not all(
            len(pair) == 2 and all(part.isascii() and part.isdigit() for part in pair) for pair in pairs
        ):
            raise ValidationError("Milestones look like 50:40 100:60.")
        return tuple(Milestone(int(percent), 100 * int(share)) for percent, share in pairs)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            try:
                services.check(self.terms())
            except ContractRefused as refusal:
                raise ValidationError(refusal.message) from refusal
        return data

    def terms(self) -> Terms:
        data = self.cleaned_data
        return Terms(
            title=data["title"],
            goal=data["goal"],
            unit=data["unit"],
            baseline=data["baseline"],
            target=data["target"],
            fee_minor=as_minor(data["fee"]),
            currency=data["currency"],
            net_days=data["net_days"],
            milestones=data["steps"],
        )


@admin.register(Contract)
class ContractAdmin(RecordAdmin):
    """Adding one drafts it: the workspace sees it once it is offered."""

    form = ContractForm
    list_display = (
        "created_at", "workspace", "title", "goal", "baseline", "target", "unit", "fee", "state", "accepted_at",
        "activated_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", "goal")
    id_fields = ("id", "workspace_id")
    text_fields = ("title",)
    ordering = ("-created_at",)
    action_form = ReasonActionForm
    actions = ("offer", "activate", "end")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return FixedAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is not None:
            return [field.name for field in Contract._meta.fields]
        return [
            "place",
            "title",
            "goal",
            "unit",
            "baseline",
            "target",
            "fee",
            "currency",
            "net_days",
            "steps",
        ]

    def save_model(self, request: HttpRequest, obj: Contract, form: ContractForm, change: bool) -> None:
        contract = services.draft_contract(
            workspace_id=form.cleaned_data["place"], terms=form.terms(), actor=staff_actor(request)
        )
        obj.pk = contract.pk

    @admin.display(ordering="fee_minor")
    def fee(self, contract: Contract) -> str:
        return amount(contract.fee_minor, contract.currency)

    @admin.action(description="Offer: the workspace sees it and may accept", permissions=["operate"])
    def offer(self, request: HttpRequest, queryset: QuerySet[Contract]) -> None:
        self._move(request, queryset, services.offer_contract, "offered")

    @admin.action(description="Activate what was accepted: measuring begins", permissions=["operate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Contract]) -> None:
        self._move(request, queryset, services.activate_contract, "activated")

    @admin.action(description="End: nothing more falls due", permissions=["operate"])
    def end(self, request: HttpRequest, queryset: QuerySet[Contract]) -> None:
        reason = self.reason(request)
        if reason:
            self._move(request, queryset, services.end_contract, "ended", reason=reason)

    def _move(
        self,
        request: HttpRequest,
        rows: QuerySet[Contract],
        service: Callable[..., object],
        done: str,
        **fields: str,
    ) -> None:
        actor = staff_actor(request)

        def move(contract: Contract) -> None:
            service(contract_id=contract.id, actor=actor, **fields)

        act_on_each(self, request, rows, move, done=done)


@admin.register(ContractMilestone)
class ContractMilestoneAdmin(ReadOnlyAdmin):
    list_display = (
        "contract",
        "percent",
        "share_bp",
        "due",
        "reached_at",
        "stripe_invoice_id",
        "invoiced_at",
    )
    list_filter = (("reached_at", admin.EmptyFieldListFilter), ("invoiced_at", admin.EmptyFieldListFilter))
    list_select_related = ("contract",)
    search_fields = ("contract__title", "=stripe_invoice_id")
    ordering = ("-contract__created_at", "percent")
    actions = ("invoice",)

    @admin.display(ordering="amount_minor")
    def due(self, milestone: ContractMilestone) -> str:
        return amount(milestone.amount_minor, milestone.contract.currency)

    @admin.action(description="Invoice what fell due and has no invoice yet", permissions=["operate"])
    def invoice(self, request: HttpRequest, queryset: QuerySet[ContractMilestone]) -> None:
        due = queryset.filter(reached_at__isnull=False, invoiced_at=None)
        act_on_each(self, request, due, lambda row: invoicing.invoice(row.pk), done="invoiced")


class StaffMeasurementForm(forms.ModelForm):
    class Meta:
        model = Measurement
        fields = ["contract", "value", "measured_at", "evidence", "evidence_url"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "contract" in self.fields:
            contracts = Contract.objects.filter(state=Contract.State.ACTIVE).order_by("title")
            self.fields["contract"].queryset = contracts  # type: ignore[attr-defined]  # a field of a choice
            self.fields["evidence"].required = self.fields["evidence_url"].required = False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not (data.get("evidence") or data.get("evidence_url")):
            raise ValidationError("Say where the value comes from: in words, or with an address.")
        return data


@admin.register(Measurement)
class MeasurementAdmin(FixedAdmin):
    """Adding one measures an active contract; what it reaches falls due at once. Never changed."""

    form = StaffMeasurementForm
    list_display = (
        "measured_at", "contract", "value", "progress_bp", "evidence", "evidence_url", "source", "recorded_by_ref",
        "recorded_at",
    )  # fmt: skip
    list_filter = ("source",)
    list_select_related = ("contract",)
    search_fields = ("contract__title", "evidence")
    date_hierarchy = "measured_at"
    ordering = ("-measured_at",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return StaffMeasurementForm.Meta.fields if obj is None else self.list_display

    def save_model(
        self, request: HttpRequest, obj: Measurement, form: StaffMeasurementForm, change: bool
    ) -> None:
        row = services.measure_as_staff(
            contract_id=obj.contract_id,
            value=obj.value,
            evidence=Evidence(obj.evidence, obj.evidence_url),
            actor=staff_actor(request),
            measured_at=obj.measured_at,
        )
        obj.pk = row.pk
