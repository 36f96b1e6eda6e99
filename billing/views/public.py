"""What can be bought, for everybody, and the form to ask for something else."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from django_ratelimit.core import is_ratelimited

from accounts import queries as accounts_queries
from accounts.requests import LocatedRequest
from billing import money
from billing.deals import queries as deals
from billing.deals.queries import Deal
from billing.enquiries import services as enquiries
from billing.forms import EnquiryForm
from billing.plans import queries
from billing.plans.models import Plan, PlanPrice
from billing.presenters import plans as presenters
from config import errors
from tenants import links
from tenants.scope import WorkspaceRef

ENQUIRY_RATE = "5/h"


class TooManyEnquiries(errors.DomainError):
    code = "too_many_enquiries"
    status = 429
    message = "Several messages came from your address within the hour. Please try again later."


@require_safe
def pricing(request: LocatedRequest) -> HttpResponse:
    """`?interval=year` shows yearly prices."""
    interval = presenters.chosen_interval(request.GET.get("interval"))
    plans = queries.list_offered()
    words = presenters.Words.of(plans)
    home = _own_workspace(request)
    sections = presenters.comparison(plans, words)
    context = {
        "interval": interval.value,
        "most_saved": presenters.most_saved(plans),
        "has_yearly": any(presenters.licensed(plan, PlanPrice.Interval.YEAR) for plan in plans),
        "cards": [
            {"card": card, **_action(plan, interval, home)}
            for plan, card in zip(plans, presenters.cards(plans, interval, words), strict=True)
        ],
        "deals": [_deal(deal, home) for deal in deals.list_deals()],
        "names": [plan.name for plan in plans],
        "sections": sections,
        "has_planned": _has_planned(sections),
        "currency": plans[0].currency.upper() if plans else "",
    }
    return render(request, "billing/pricing.html", context)


def _has_planned(sections: list[presenters.Section]) -> bool:
    rows = [row for section in sections for row in section.rows]
    return any(row.is_planned or any(cell.kind == "planned" for cell in row.cells) for row in rows)


def _own_workspace(request: LocatedRequest) -> WorkspaceRef | None:
    """The one whose plan the visitor may choose."""
    if not request.user.is_authenticated:
        return None
    return accounts_queries.get_owned_workspace(request.user.pk)


def _action(plan: Plan, interval: PlanPrice.Interval, home: WorkspaceRef | None) -> dict[str, str]:
    if plan.sale in (Plan.Sale.CONTACT, Plan.Sale.UNPRICED):
        label = "Talk to us" if plan.sale == Plan.Sale.CONTACT else "Ask us"
        return {"action_url": f"{reverse('enquiry')}?plan={plan.key}", "action_label": label}
    if home is None:
        label = "Start free" if plan.sale == Plan.Sale.FREE else "Sign up"
        return {"action_url": reverse("account_signup"), "action_label": label}
    chosen = f"{links.workspace_url(home, 'billing-plans')}?plan={plan.key}&interval={interval}"
    return {"action_url": chosen, "action_label": f"Choose for {home.name}"}


def _deal(deal: Deal, home: WorkspaceRef | None) -> dict[str, Any]:
    address = reverse("account_signup")
    if home is not None:
        address = f"{links.workspace_url(home, 'billing-plans')}?deal={deal.key}"
    return {
        "title": deal.label,
        "text": f"{money.short(deal.amount_minor, deal.currency)} once, and it is yours for good.",
        "left": deals.count_remaining(deal.key),
        "limit": deal.limit,
        "action_url": address,
        "action_label": f"Get it for {home.name}" if home else "Sign up to get it",
    }


@require_http_methods(["GET", "HEAD", "POST"])
def enquiry(request: LocatedRequest) -> HttpResponse:
    """Raises TooManyEnquiries."""
    if request.method != "POST":
        return render(request, "billing/enquiry.html", {"form": EnquiryForm(initial=_known(request))})
    form = EnquiryForm(request.POST)
    if not form.is_valid():
        return render(request, "billing/enquiry.html", {"form": form}, status=422)
    _brake(request)
    home = _own_workspace(request)
    enquiries.create_enquiry(**form.cleaned_data, workspace_id=home.id if home else None)
    return render(request, "billing/enquiry_sent.html", {"email": form.cleaned_data["email"]})


def _brake(request: HttpRequest) -> None:
    if is_ratelimited(request, group="enquiry", key="ip", rate=ENQUIRY_RATE, increment=True):
        raise TooManyEnquiries()


def _known(request: LocatedRequest) -> dict[str, Any]:
    """What need not be typed. A plan is named in the message, so that it can be changed there."""
    known: dict[str, Any] = {}
    if request.user.is_authenticated:
        known = {"name": request.user.name, "email": request.user.email}
    plan = next((row for row in queries.list_offered() if row.key == request.GET.get("plan")), None)
    if plan is not None:
        known["message"] = f"We are interested in {plan.name} of {settings.PRODUCT_NAME}.\n"
    return known
