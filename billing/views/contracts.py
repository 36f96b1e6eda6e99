"""Contracts that are paid by results: how far each is, agreeing to one, and what was measured."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, check, requires
from accounts.requests import MemberRequest
from billing.outcomes import queries, services
from billing.outcomes.forms import MeasurementForm
from billing.outcomes.models import Measurement
from billing.outcomes.queries import ContractRow
from billing.presenters import contracts as presenters

PAGE = "billing/contract_detail.html"


@requires(Permission.BILLING_VIEW)
@require_safe
def contract_list(request: MemberRequest) -> HttpResponse:
    zone = request.workspace.timezone
    shown = [presenters.view(row, zone=zone) for row in queries.list_contracts(request.member)]
    return render(request, "billing/contract_list.html", {"contracts": shown})


@requires(Permission.BILLING_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def contract(request: MemberRequest, contract_id: UUID) -> HttpResponse:
    """POST: a measured value with where it comes from."""
    row = queries.access_contract(request.member, contract_id)
    if request.method != "POST":
        return _page(request, row, MeasurementForm())
    check(request.member, Permission.BILLING_MANAGE)
    form = MeasurementForm(request.POST)
    if not form.is_valid() or not _is_measured(request, contract_id, form):
        return _page(request, row, form, status=422)
    messages.success(request, "The value is noted. Each milestone that it reaches is invoiced once.")
    return redirect(page_url(request, "billing-contract", contract_id=contract_id))


def _is_measured(request: MemberRequest, contract_id: UUID, form: MeasurementForm) -> bool:
    """What the form cannot know by itself becomes an error of the field that it is about."""
    try:
        services.measure(
            member=request.member,
            contract_id=contract_id,
            value=form.cleaned_data["value"],
            evidence=form.evidence_of(),
            measured_at=form.cleaned_data["measured_at"],
            source=Measurement.Source.PAGE,
        )
    except services.EvidenceMissing as refusal:
        form.add_error("evidence", refusal.message)
    except services.ContractRefused as refusal:
        form.add_error("measured_at", refusal.message)
    return not form.errors


def _page(
    request: MemberRequest, row: ContractRow, form: MeasurementForm, *, status: int = 200
) -> HttpResponse:
    shown = presenters.view(row, zone=request.workspace.timezone)
    return render(request, PAGE, {"contract": shown, "form": form}, status=status)


@requires(Permission.BILLING_MANAGE)
@require_POST
def accept(request: MemberRequest, contract_id: UUID) -> HttpResponse:
    services.accept_contract(member=request.member, contract_id=contract_id)
    messages.success(request, "Agreed. We begin, and you see here how far it is.")
    return redirect(page_url(request, "billing-contract", contract_id=contract_id))
