"""The hosted checkout, and the bank's question of 3-D Secure."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_http_methods

from billing.simulator.core.errors import Refused
from billing.simulator.hosted import cards, challenges, showing, till
from billing.simulator.hosted.forms import CheckoutForm
from billing.simulator.hosted.showing import SeeOther
from billing.simulator.hosted.till import Checkout

# What each button besides "pay" looks at: the rest of the form is kept as typed and not yet judged.
JUDGED = {"update": {"quantity", "promotion_code"}, "remove-code": set[str](), "use-card": {"quantity"}}


@showing.hosted
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest, session_id: str) -> HttpResponse:
    found = till.find(session_id)
    if found is None:
        return showing.missing(request)
    if found.status == "complete":
        text = "This checkout is complete. You need not do anything."
        return showing.note(request, "Done already", text, url=found.success_url)
    if found.status != "open":
        text = "Its link works for a day. Start again where you came from."
        return showing.note(request, "This checkout has expired", text, url=found.cancel_url, label="Back")
    if request.method != "POST":
        return _page(request, found, _form(found))
    return _take(request, found)


def _form(found: Checkout, data: QueryDict | None = None) -> CheckoutForm:
    initial = {"email": found.email, "quantity": found.quantity}
    return CheckoutForm(
        data,
        needs_card=found.needs_card,
        has_quantity=found.has_quantity,
        has_code=found.has_code and not found.code,
        has_tax_id=found.has_tax_id,
        email_is_fixed=found.email_is_fixed,
        initial=initial,
        today=cards.today(),
    )


def _take(request: HttpRequest, found: Checkout) -> HttpResponse:
    """SECURITY: nobody pays another total than the one that was shown: a change of it is shown first."""
    data, step = request.POST.copy(), request.POST.get("step", "")
    if chosen := data.get("use_card"):
        step = "use-card"
        for name, value in cards.filled(data, chosen).items():
            data[name] = value
    form = _form(found, data)
    found = _change(found, form, step)
    if step in JUDGED:
        for name in [name for name in form.errors if name not in JUDGED[step]]:
            form.errors.pop(name)
        return _page(request, found, form)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    if data.get("shown") != str(found.due_minor):
        return _page(
            request, found, form, news=f"The total is now {found.headline_amount}. Check it, then pay."
        )
    return _pay(request, found, form)


def _change(found: Checkout, form: CheckoutForm, step: str) -> Checkout:
    """Takes over a quantity and a promotion code; what is wrong with them becomes an error of the form."""
    form.full_clean()
    quantity = form.cleaned_data.get("quantity")
    if quantity and quantity != found.quantity:
        try:
            found = till.set_quantity(found, quantity)
        except Refused as refusal:
            form.add_error("quantity", refusal.message)
    if step == "remove-code":
        return till.remove_code(found)
    code = form.cleaned_data.get("promotion_code")
    if code:
        try:
            return till.apply_code(found, code)
        except Refused as refusal:
            form.add_error("promotion_code", refusal.message)
    return found


def _pay(request: HttpRequest, found: Checkout, form: CheckoutForm) -> HttpResponse:
    data = form.cleaned_data
    outcome = till.pay(
        found,
        email=data["email"],
        card=form.card if found.needs_card else None,
        tax_id=data.get("tax_id", ""),
    )
    if outcome.problem:
        return _page(request, found, form, problem=outcome.problem, status=402)
    return SeeOther(outcome.url)


def _page(
    request: HttpRequest,
    found: Checkout,
    form: CheckoutForm,
    *,
    problem: dict[str, str] | None = None,
    news: str = "",
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "checkout": found,
        "bill": found.bill,
        "form": form,
        "needs_card": found.needs_card,
        "test_cards": cards.TEST_CARDS,
        "problem": problem,
        "news": news,
        "return_url": found.cancel_url,
        "return_label": "Back",
    }
    return showing.page(request, "checkout.html", context, status=status, leads_to=found.success_url)


@showing.hosted
@require_http_methods(["GET", "HEAD", "POST"])
def challenge(request: HttpRequest, challenge_id: str) -> HttpResponse:
    """Complete or fail; then on to where the payment was asked for."""
    found = challenges.find(challenge_id)
    if found is None:
        return showing.missing(request)
    if request.method == "POST":
        outcome = challenges.answer(challenge_id, is_passed=request.POST.get("outcome") == "complete")
        if outcome is None:
            return showing.missing(request)
        if outcome.problem:
            messages.error(request, outcome.problem["text"])
        return SeeOther(outcome.url)
    context = {"amount": found.amount, "card": found.card}
    return showing.page(request, "challenge.html", context, leads_to=found.leads_to)
