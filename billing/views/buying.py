"""To the payment service and back: checkout, trial, portal, and the page that waits for what became of it."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from billing.forms import Choice, PlanForm
from billing.presenters import checkout as presenters
from billing.subscriptions import returns, services
from config import errors


class ChoiceInvalid(errors.DomainError):
    code = "choice_invalid"
    status = 422
    message = "This choice cannot be read. Choose the plan again."


class HttpResponseSeeOther(HttpResponseRedirect):
    """The browser asks for the next page with GET."""

    status_code = 303


@requires(Permission.BILLING_MANAGE)
@open_while_read_only
@require_POST
def checkout(request: MemberRequest) -> HttpResponse:
    """To the payment service's page for this choice."""
    choice = chosen(request)
    url = services.start_checkout(
        member=request.member,
        plan_key=choice.plan,
        interval=choice.interval,
        seats=choice.seats,
        trial=choice.trial,
        promotion_code=choice.promotion_code,
        deal=choice.deal,
    )
    return HttpResponseSeeOther(url)


@requires(Permission.BILLING_MANAGE)
@open_while_read_only
@require_POST
def trial(request: MemberRequest) -> HttpResponse:
    """Begins a trial without a card."""
    choice = chosen(request)
    services.start_trial(member=request.member, plan_key=choice.plan, interval=choice.interval)
    messages.success(request, "The trial has begun. We tell you in time before it ends.")
    return redirect(page_url(request, "billing"))


@requires(Permission.BILLING_MANAGE)
@open_while_read_only
@require_POST
def portal(request: MemberRequest) -> HttpResponse:
    """To the payment service's own page for cards and invoices."""
    url = services.open_portal(member=request.member, flow=request.POST.get("flow", ""))
    return HttpResponseSeeOther(url)


@requires(Permission.BILLING_VIEW)
@require_safe
def done(request: MemberRequest) -> HttpResponse:
    """`?session_id=` of the checkout. It waits for what the payment service says; an address proves nothing."""
    session_id = request.GET.get("session_id", "")
    if not session_id:
        return redirect(page_url(request, "billing"))
    state = returns.checkout_state(request.workspace.id, session_id)
    if request.htmx and state.state != returns.WAITING:
        # The whole page: its banners told of the plan before.
        return HttpResponseClientRefresh()
    context = {
        "done": presenters.done(state, polls=_polls(request)),
        "self_url": f"{request.path}?session_id={session_id}&polls={_polls(request) + 1}",
    }
    return render(request, "billing/_done.html" if request.htmx else "billing/done.html", context)


def _polls(request: MemberRequest) -> int:
    """How often the page has asked already, by its own word: it only chooses words."""
    asked = request.GET.get("polls", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0


def chosen(request: MemberRequest) -> Choice:
    """What was posted. Raises ChoiceInvalid."""
    form = PlanForm(request.POST)
    if not form.is_valid():
        raise ChoiceInvalid()
    return form.choice()
