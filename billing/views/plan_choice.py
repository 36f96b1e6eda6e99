"""Choosing a plan: what is offered, what a choice would change and cost, and making the change."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts import queries as accounts_queries
from accounts.links import page_url
from accounts.permissions import Permission, check, open_while_read_only, requires
from accounts.requests import MemberRequest
from billing.deals import queries as deals
from billing.deals.queries import Deal
from billing.entitlements import services as entitlements
from billing.plans import queries as plan_queries
from billing.plans.models import Plan, PlanPrice
from billing.presenters import plans as presenters
from billing.presenters import preview as previews
from billing.subscriptions import queries, refusals, services, trials
from billing.subscriptions.models import BillingAccount
from billing.views.buying import chosen

FORESEEN = (plan_queries.PlanNotSold, refusals.SeatsTooFew, refusals.SeatsFixed, refusals.PlanArranged,
            refusals.PlanEnding, refusals.PaymentOutstanding)  # fmt: skip
"""Refusals that the page says where the preview would be, so that another choice can be made."""


@dataclass(frozen=True)
class Asked:
    """`plan` None: nothing yet. `deal`: a one-off offer, which comes before a plan."""

    deal: Deal | None
    plan: Plan | None
    interval: PlanPrice.Interval
    seats: int | None


@requires(Permission.BILLING_VIEW)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def plans(request: MemberRequest) -> HttpResponse:
    """GET `?plan=&interval=&seats=`: with a preview. POST: makes the change of a running subscription."""
    if request.method == "POST":
        check(request.member, Permission.BILLING_MANAGE)
        return _change(request)
    account, offered = queries.get_account(request.workspace.id), plan_queries.list_offered()
    choice = _choice(request, offered, account)
    preview = _preview(request, choice, account) if choice.plan or choice.deal else None
    context: dict[str, Any] = {
        "preview": preview,
        "misfits": preview.misfits if preview else [],
        "misfit_plan": preview.plan_name if preview else "",
    }
    if not request.htmx:
        context |= _options(request, choice, offered, account)
    return render(request, "billing/_preview.html" if request.htmx else "billing/plan_choice.html", context)


def _change(request: MemberRequest) -> HttpResponse:
    choice = chosen(request)
    changed = services.change_plan(
        member=request.member,
        plan_key=choice.plan,
        interval=choice.interval,
        seats=choice.seats,
        quote=choice.quote,
    )
    if changed.action_url:
        messages.warning(
            request, "Your bank wants you to confirm the payment. The plan changes as soon as you have."
        )
    else:
        messages.success(
            request, "The plan is changed." if changed.outcome == "now" else "The change is scheduled."
        )
    return redirect(page_url(request, "billing"))


def _choice(request: MemberRequest, offered: list[Plan], account: BillingAccount) -> Asked:
    """Strange values fall back: a link that was mistyped still opens."""
    asked = request.GET
    plan = next((row for row in offered if row.key == asked.get("plan")), None)
    interval = presenters.chosen_interval(asked.get("interval") or account.interval)
    seats = asked.get("seats", "")
    deal = next((row for row in deals.list_deals() if row.key == asked.get("deal")), None)
    return Asked(
        deal, plan, interval, int(seats) if seats.isascii() and seats.isdigit() and len(seats) < 7 else None
    )


def _preview(request: MemberRequest, choice: Asked, account: BillingAccount) -> previews.PreviewView:
    plan, workspace = choice.plan, request.workspace
    if choice.deal is not None:
        return previews.of_deal(choice.deal, left=deals.count_remaining(choice.deal.key))
    assert plan is not None
    if plan.sale in (Plan.Sale.CONTACT, Plan.Sale.UNPRICED):
        return previews.of_asked(plan)
    if plan.sale == Plan.Sale.FREE:
        is_running = queries.is_running(account)
        misfits = entitlements.misfits(workspace.id, plan) if is_running else []
        return previews.of_free(plan, has_subscription=is_running, misfits=misfits)
    try:
        preview = services.preview_change(
            member=request.member, plan_key=plan.key, interval=choice.interval, seats=_seats(plan, choice)
        )
    except refusals.PlanUnchanged:
        return previews.of_present(plan)
    except FORESEEN as refusal:
        return previews.of_refusal(plan, refusal.message)
    trial_days = 0 if trials.refusal(request.member, plan) else plan.trial_days
    return previews.of_change(preview, zone=workspace.timezone, trial_days=trial_days)


def _seats(plan: Plan, choice: Asked) -> int | None:
    """A number is meant for plans that are paid for each person; None is as many as are here."""
    return choice.seats if plan.is_per_seat else None


def _options(
    request: MemberRequest, choice: Asked, offered: list[Plan], account: BillingAccount
) -> dict[str, Any]:
    present = account.effective_plan
    cards = presenters.cards(offered, choice.interval, presenters.Words.of(offered))
    return {
        "options": [
            {
                "card": card,
                "is_chosen": card.key == (choice.plan.key if choice.plan else present.key if present else ""),
                "is_current": present is not None and card.key == present.key,
            }
            for card in cards
        ],
        "intervals": [
            (value.value, label, value == choice.interval) for value, label in presenters.INTERVALS.items()
        ],
        "has_seats": any(plan.is_per_seat for plan in offered),
        "seats": choice.seats or max(account.quantity, accounts_queries.count_seats(request.workspace.id)),
        "most_saved": presenters.most_saved(offered),
    }
