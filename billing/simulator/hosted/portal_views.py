"""The customer portal. Its address is what lets one in; whose it is stands in the session, never in the request."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.simulator.core.errors import Json
from billing.simulator.hosted import asking, cards, plan_change, portal, saved_cards, showing
from billing.simulator.hosted.forms import AddCardForm, CancelForm, DetailsForm, PlanForm
from billing.simulator.hosted.portal import Portal
from billing.simulator.hosted.showing import SeeOther

FLOW_PAGES = {
    "customer_update": "simulated-portal-details",
    "payment_method_update": "simulated-portal-card",
    "subscription_cancel": "simulated-portal-cancel",
    "subscription_update": "simulated-portal-plan",
    "subscription_update_confirm": "simulated-portal-plan",
}


def of_portal(feature: str = "") -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """The view gets the portal of the address; the page of no portal, or of what it does not offer, is missing."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @showing.hosted
        @wraps(view)
        def opened(request: HttpRequest, session_id: str, **more: Any) -> HttpResponse:
            found = portal.open_portal(session_id)
            if found is None or (feature and not found.allows(feature)):
                return showing.missing(request)
            return view(request, found, **more)

        return opened

    return decorate


@of_portal()
@require_safe
def home(request: HttpRequest, portal_: Portal) -> HttpResponse:
    if portal_.flow and "home" not in request.GET:
        return SeeOther(_flow_page(portal_))
    customer = asking.get(f"/customers/{portal_.customer}")
    invoices = portal.list_invoices(portal_)
    context = {
        "subscriptions": portal.list_plans(portal_),
        "cards": portal.list_cards(portal_),
        "can_add_cards": portal_.allows("payment_method_update"),
        "customer": customer,
        "can_change_details": portal_.allows("customer_update"),
        "has_invoices": portal_.allows("invoice_history"),
        "invoices": invoices,
        "open_invoices": [invoice for invoice in invoices if invoice.is_open],
    }
    return _page(request, portal_, "portal.html", context)


def _flow_page(portal_: Portal) -> str:
    kind = portal_.flow["type"]
    name, arguments = FLOW_PAGES[kind], {"session_id": portal_.id}
    if kind.startswith("subscription"):
        arguments["subscription_id"] = portal_.flow[kind]["subscription"]
    return reverse(name, kwargs=arguments)


def _home(portal_: Portal) -> str:
    address = reverse("simulated-portal", kwargs={"session_id": portal_.id})
    return f"{address}?home=1" if portal_.flow else address


def _page(
    request: HttpRequest, portal_: Portal, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    common = {
        "portal": portal_,
        "back_url": portal_.return_url if portal_.flow else _home(portal_),
        "return_url": portal_.return_url,
        "return_label": "Return",
    }
    return showing.page(request, template, common | context, status=status, leads_to=portal_.return_url)


def _finish(request: HttpRequest, portal_: Portal, text: str) -> HttpResponse:
    """Where a change leads: home, or where the flow says."""
    completion = (portal_.flow or {}).get("after_completion") or {}
    if completion.get("type") == "redirect":
        return SeeOther(completion["redirect"]["return_url"])
    if completion.get("type") == "hosted_confirmation":
        own = (completion.get("hosted_confirmation") or {}).get("custom_message") or ""
        return showing.note(request, text, own, url=portal_.return_url, label="Return")
    messages.success(request, text)
    return SeeOther(_home(portal_))


# cards


@of_portal("payment_method_update")
@require_http_methods(["GET", "HEAD", "POST"])
def card_add(request: HttpRequest, portal_: Portal) -> HttpResponse:
    form = cards.bind(AddCardForm, request)
    problem: dict[str, str] = {}
    if request.method == "POST" and form.is_bound and form.is_valid():
        outcome = saved_cards.save(
            portal_.customer, form.card, is_default=form.cleaned_data["make_default"], back=_home(portal_)
        )
        if outcome.url:
            return SeeOther(outcome.url)
        if not outcome.problem:
            return _finish(request, portal_, "The card is added.")
        problem = outcome.problem
    context = {"form": form, "problem": problem, "test_cards": cards.TEST_CARDS}
    return _page(request, portal_, "portal_card.html", context, status=422 if problem or form.errors else 200)


@of_portal("payment_method_update")
@require_POST
def card_default(request: HttpRequest, portal_: Portal, card_id: str) -> HttpResponse:
    if not any(card.id == card_id for card in portal.list_cards(portal_)):
        return showing.missing(request)
    portal.make_default(portal_.customer, card_id)
    return _finish(request, portal_, "Coming invoices are paid with this card.")


@of_portal("payment_method_update")
@require_POST
def card_remove(request: HttpRequest, portal_: Portal, card_id: str) -> HttpResponse:
    try:
        portal.remove_card(portal_, card_id)
    except asking.Refusal as refusal:
        messages.error(request, refusal.message)
        return SeeOther(_home(portal_))
    return _finish(request, portal_, "The card is removed.")


@of_portal("customer_update")
@require_http_methods(["GET", "HEAD", "POST"])
def details(request: HttpRequest, portal_: Portal) -> HttpResponse:
    customer = asking.get(f"/customers/{portal_.customer}")
    initial = {"name": customer["name"], "email": customer["email"]}
    allowed = portal_.features["customer_update"]["allowed_updates"]
    data = request.POST if request.method == "POST" else None
    form = DetailsForm(data, allowed=allowed, initial=initial)
    if form.is_valid():
        portal.change_details(portal_, **form.cleaned_data)
        return _finish(request, portal_, "The details are changed.")
    context = {"title": "Billing details", "form": form, "submit_label": "Save"}
    return _page(request, portal_, "portal_form.html", context, status=422 if form.errors else 200)


# plan


@of_portal("subscription_cancel")
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, portal_: Portal, subscription_id: str) -> HttpResponse:
    subscription = portal.get_subscription(portal_, subscription_id)
    if subscription is None:
        return showing.missing(request)
    asked = portal_.features["subscription_cancel"].get("cancellation_reason") or {}
    reasons = asked.get("options") or [] if asked.get("enabled") else []
    form = CancelForm(request.POST if request.method == "POST" else None, reasons=reasons)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        portal.cancel(
            portal_, subscription_id, reason=data.get("reason", ""), comment=data.get("comment", "")
        )
        return _finish(request, portal_, "The plan is cancelled.")
    context = {
        "title": "Cancel the plan",
        "text": portal.end_of(portal_, subscription),
        "form": form,
        "submit_label": "Cancel plan",
        "tone": "danger",
    }
    return _page(request, portal_, "portal_form.html", context, status=422 if form.errors else 200)


@of_portal("subscription_cancel")
@require_POST
def resume(request: HttpRequest, portal_: Portal, subscription_id: str) -> HttpResponse:
    if portal.get_subscription(portal_, subscription_id) is None:
        return showing.missing(request)
    portal.resume(portal_, subscription_id)
    return _finish(request, portal_, "The plan goes on.")


@of_portal("subscription_update")
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, portal_: Portal, subscription_id: str) -> HttpResponse:
    """Choose, see what it costs, confirm: each is a request of its own, so it works without scripts."""
    subscription = portal.get_subscription(portal_, subscription_id)
    if subscription is None or subscription["schedule"]:
        return showing.missing(request)
    form = _plan_form(request, portal_, subscription)
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        chosen = _chosen(portal_, subscription, form)
        try:
            if request.POST.get("step") == "confirm" and not chosen.is_none:
                plan_change.carry_out(portal_, chosen)
                return _finish(request, portal_, "The plan is changed.")
            context |= _preview(portal_, chosen)
        except asking.Refusal as refusal:
            context["problem"] = {"title": "The plan was not changed", "text": refusal.message}
    wanted = form["price"].value()
    context["options"] = plan_change.list_options(portal_, subscription, chosen=wanted or "")
    failed = form.errors or "problem" in context
    return _page(request, portal_, "portal_plan.html", context, status=422 if failed else 200)


def _plan_form(request: HttpRequest, portal_: Portal, subscription: Json) -> PlanForm:
    item = portal.plan_items(subscription)[0]
    preset = (portal_.flow.get("subscription_update_confirm") or {}).get("items") or [{}]
    initial = {
        "price": preset[0].get("price") or item["price"]["id"],
        "quantity": preset[0].get("quantity") or item.get("quantity") or 1,
    }
    prices = [option.value for option in plan_change.list_options(portal_, subscription)]
    if preset[0]:
        prices.append(initial["price"])
    data = request.POST if request.method == "POST" else (initial if preset[0] else None)
    has_quantity = plan_change.allows_quantity(portal_)
    return PlanForm(data, prices=prices, has_quantity=has_quantity, initial=initial)


def _chosen(portal_: Portal, subscription: Json, form: PlanForm) -> plan_change.Change:
    present = portal.plan_items(subscription)[0].get("quantity") or 1
    quantity = form.cleaned_data.get("quantity") or present
    return plan_change.choose(portal_, subscription, price_id=form.cleaned_data["price"], quantity=quantity)


def _preview(portal_: Portal, chosen: plan_change.Change) -> dict[str, Any]:
    if chosen.is_none:
        return {"problem": {"title": "This is your plan already", "text": "Choose another plan or quantity."}}
    confirm = {
        "title": "Change when the period ends" if chosen.is_later else "Change now",
        "label": "Confirm the change",
        "price": chosen.price["id"],
        "quantity": chosen.quantity,
    }
    return {"bill": plan_change.preview(portal_, chosen), "confirm": confirm}
