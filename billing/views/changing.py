"""Ending a plan, taking that back, and keeping the present one instead of a change to come."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from billing.entitlements import services as entitlements
from billing.forms import CancelForm
from billing.plans import queries as plans
from billing.presenters import dates, preview
from billing.subscriptions import queries, services


@requires(Permission.BILLING_MANAGE)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: MemberRequest) -> HttpResponse:
    """Asks why, and says what will not fit into what comes after. Raises NotSubscribed."""
    if request.method != "POST":
        account = queries.get_account(request.workspace.id)
        can_end = queries.is_running(account) and account.cancels_at is None
        return _page(request, CancelForm()) if can_end else redirect(page_url(request, "billing"))
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    services.cancel(member=request.member, **form.cleaned_data)
    messages.success(request, "Cancelled. Everything stays as it is until the paid time is over.")
    return redirect(page_url(request, "billing"))


def _page(request: MemberRequest, form: CancelForm, *, status: int = 200) -> HttpResponse:
    workspace = request.workspace
    account, free = queries.get_account(workspace.id), plans.free_plan()
    context = {
        "form": form,
        "plan_name": account.plan.name if account.plan else "the plan",
        "ends_on": dates.day(account.period_end, workspace.timezone),
        "misfits": preview.texts(entitlements.misfits(workspace.id, free)) if free else [],
        "misfit_plan": free.name if free else "",
    }
    return render(request, "billing/cancel.html", context, status=status)


@requires(Permission.BILLING_MANAGE)
@open_while_read_only
@require_POST
def resume(request: MemberRequest) -> HttpResponse:
    services.resume(member=request.member)
    messages.success(request, "Welcome back: the plan goes on as before.")
    return redirect(page_url(request, "billing"))


@requires(Permission.BILLING_MANAGE)
@open_while_read_only
@require_POST
def keep(request: MemberRequest) -> HttpResponse:
    """Takes back a change that is to come."""
    services.cancel_scheduled(member=request.member)
    messages.success(request, "The present plan stays.")
    return redirect(page_url(request, "billing"))
