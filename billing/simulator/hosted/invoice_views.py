"""The hosted invoice: read, paid, taken along as a PDF."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from billing.simulator.core.errors import Json
from billing.simulator.hosted import cards, invoice_till, invoices, showing
from billing.simulator.hosted.forms import CardForm
from billing.simulator.hosted.invoice_sheet import Paper, make_pdf
from billing.simulator.hosted.outcomes import Outcome
from billing.simulator.hosted.showing import SeeOther


@showing.hosted
@require_http_methods(["GET", "HEAD", "POST"])
def invoice(request: HttpRequest, secret: str) -> HttpResponse:
    found = invoice_till.find(secret)
    if found is None:
        return showing.missing(request)
    described = invoices.describe(found)
    if not described.can_be_paid:
        if request.method == "POST":
            return SeeOther(request.path)
        return showing.page(request, "invoice.html", {"invoice": described, "bill": described.bill})
    form, problem = cards.bind(CardForm, request), None
    if request.method == "POST":
        outcome = _pay(request, found, form)
        if outcome and not outcome.problem:
            if outcome.url.endswith(request.path):
                messages.success(request, "The invoice is paid. Thank you.")
            return SeeOther(outcome.url)
        problem = outcome.problem if outcome else None
    return _payable(request, found, form, problem)


def _pay(request: HttpRequest, found: Json, form: CardForm) -> Outcome | None:
    """None: nothing was asked for, or the form cannot be taken."""
    if request.POST.get("step") == "saved":
        return invoice_till.pay(found, card=None)
    if form.is_bound and form.is_valid():
        return invoice_till.pay(found, card=form.card)
    return None


def _payable(
    request: HttpRequest, found: Json, form: CardForm, problem: dict[str, str] | None
) -> HttpResponse:
    described = invoices.describe(found)
    if request.POST.get("step") == "saved":
        form = CardForm(today=cards.today())
    context: dict[str, Any] = {
        "invoice": described,
        "bill": described.bill,
        "form": form,
        "saved_card": invoice_till.saved_card(found),
        "problem": problem,
        "test_cards": cards.TEST_CARDS,
        "submit_label": f"Pay {described.headline}",
    }
    status = 402 if problem else 422 if form.is_bound and form.errors else 200
    return showing.page(request, "invoice.html", context, status=status)


@showing.hosted
@require_safe
def invoice_pdf(request: HttpRequest, secret: str) -> HttpResponse:
    found = invoice_till.find(secret)
    if found is None:
        return showing.missing(request)
    return _file(invoices.paper_of(found), f"invoice-{found['number'] or 'draft'}-simulated.pdf")


@showing.hosted
@require_safe
def receipt(request: HttpRequest, secret: str) -> HttpResponse:
    found = invoice_till.find_charge(secret)
    if found is None:
        return showing.missing(request)
    return _file(invoices.receipt_paper(found), f"receipt-{found['id'][-8:]}-simulated.pdf")


def _file(paper: Paper, name: str) -> HttpResponse:
    response = HttpResponse(make_pdf(paper), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
