"""The addresses of subscriptions and their items."""

from billing.simulator.core import (
    changes,
    endings,
    ids,
    invoice_items,
    invoices,
    listing,
    payments,
    pending,
    renewals,
    schedules,
    starting,
    subscriptions,
)
from billing.simulator.core.changes import BEHAVIOURS, Change
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, invalid, missing
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route
from billing.simulator.core.starting import Start

SETTINGS = (
    "automatic_tax collection_method days_until_due default_payment_method description discounts items metadata "
    "payment_behavior payment_settings proration_behavior trial_end trial_settings cancel_at cancel_at_period_end "
    "off_session add_invoice_items"
)
PAYMENT = "allow_incomplete default_incomplete error_if_incomplete pending_if_incomplete"
NO_CARD = (
    "This customer has no attached payment source or default payment method. Please consider adding a default payment "
    "method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting."
)


@route("POST /v1/subscriptions", f"customer currency trial_period_days billing_mode {SETTINGS}")
def create(desk: Desk, params: Params) -> Json:
    customer = desk.need("customer", params.need("customer"), "customer")
    subscription = subscriptions.blank(desk, customer["id"], params.metadata())
    items = [
        subscriptions.item(
            desk,
            subscription["id"],
            subscriptions.wanted_price(desk, given),
            given.integer("quantity", least=0),
            given.metadata(),
        )
        for given in params.hashes(
            "items", "price price_data quantity metadata discounts tax_rates billing_thresholds"
        )
    ]
    subscriptions.put_items(desk, subscription, items)
    subscriptions.settings(desk, params, subscription)
    _set_cancellation(desk, subscription, params)
    behaviour = params.choice("payment_behavior", PAYMENT, "allow_incomplete")
    amount = sum(invoice_amount(row) for row in items)
    start = Start(
        customer,
        subscription,
        items,
        trial_end=_first_trial_end(desk, params),
        offers=subscriptions.offers(desk, params, customer["id"], amount),
        extra_lines=_extra(desk, params, customer["id"]),
        charge=behaviour != "default_incomplete",
    )
    if behaviour != "default_incomplete" and amount and not start.trial_end and not start.offers:
        _require_card(desk, start)
    attempt = starting.begin(desk, start)
    if behaviour == "error_if_incomplete":
        starting.require_success(attempt)
    return subscription


def invoice_amount(item: Json) -> int:
    from billing.simulator.core import lines  # noqa: PLC0415  only here

    return 0 if lines.is_metered(item) else lines.amount_of(item["price"], item["quantity"])


def _require_card(desk: Desk, start: Start) -> None:
    is_sent = start.subscription["collection_method"] == "send_invoice"
    if not is_sent and start.customer["balance"] >= 0 and not renewals.has_card(desk, start.subscription):
        raise invalid(NO_CARD, code="resource_missing")


def _first_trial_end(desk: Desk, params: Params) -> int | None:
    if params.text("trial_end") == "now":
        return None
    days = params.integer("trial_period_days", least=0)
    return params.integer("trial_end") or starting.trial_end_after(desk, days)


def _extra(desk: Desk, params: Params, customer: str) -> list[Json]:
    rows = []
    for given in params.hashes("add_invoice_items", "price price_data quantity metadata"):
        wanted = Params(
            {
                "customer": customer,
                "pricing": {"price": given.need("price")},
                "quantity": given.integer("quantity", 1),
            }
        )
        rows.append(invoices.line_of(desk, invoice_items.create(desk, wanted)))
    return rows


@route("GET /v1/subscriptions", f"customer price status collection_method created {PAGE}")
def list_subscriptions(desk: Desk, params: Params) -> Json:
    status = params.text("status")
    price, method = params.text("price"), params.text("collection_method")

    def keep(found: Json) -> bool:
        ended = found["status"] in subscriptions.ENDED
        by_status = {None: found["status"] != "canceled", "all": True, "ended": ended}
        return (
            by_status.get(status, found["status"] == status)
            and method in (None, found["collection_method"])
            and (price is None or any(row["price"]["id"] == price for row in subscriptions.items_of(found)))
        )

    if customer := params.text("customer"):
        desk.need("customer", customer, "customer")
    return listing.page(desk, params, "subscription", "/v1/subscriptions", keep, customer=customer)


@route("GET /v1/subscriptions/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("subscription", id)


@route("POST /v1/subscriptions/:id", f"billing_cycle_anchor cancellation_details proration_date {SETTINGS}")
def update(desk: Desk, params: Params, id: str) -> Json:
    subscription = desk.need("subscription", id)
    if subscription["status"] in subscriptions.ENDED:
        _only_words(params)
    before = copy(subscription)
    subscription["metadata"] = params.metadata(subscription["metadata"])
    _set_details(subscription, params)
    subscriptions.settings(desk, params, subscription)
    _set_discounts(desk, subscription, params)
    _set_cancellation(desk, subscription, params)
    change = Change(
        changes.read_items(desk, subscription, params),
        params.choice("proration_behavior", BEHAVIOURS, "create_prorations") or "",
        params.integer("proration_date"),
        anchors_now=params.choice("billing_cycle_anchor", "now unchanged", "unchanged") == "now",
        trial_end=_later_trial_end(params),
    )
    behaviour = params.choice("payment_behavior", PAYMENT, "allow_incomplete") or ""
    if {"items", "trial_end"} & set(params.names()) or change.anchors_now:
        make_change(desk, subscription, before, change, behaviour)
    elif subscription["status"] not in subscriptions.ENDED:
        subscriptions.plan(desk, subscription)
        desk.changed(subscription, before)
    else:
        desk.changed(subscription, before)
    return subscription


def make_change(desk: Desk, subscription: Json, before: Json, change: Change, behaviour: str = "") -> None:
    """Applies it, tells of it, and takes what it costs now."""
    pending.discard(desk, subscription)
    effect = changes.apply(desk, subscription, change)
    subscriptions.index_items(desk, subscription)
    desk.save(subscription)
    invoice = changes.charge(desk, subscription, effect)
    if invoice is not None:
        subscription["latest_invoice"] = invoice["id"]
    if behaviour == "pending_if_incomplete" and invoice is not None and invoice["status"] == "open":
        _change_when_paid(desk, subscription, before, invoice)
        return
    subscriptions.plan(desk, subscription)
    desk.changed(subscription, before)
    schedules.note_items(desk, subscription)
    subscriptions.tell_entitlements(desk, subscription["customer"])
    if invoice is None or invoice["status"] != "open":
        return
    if subscription["collection_method"] == "send_invoice":
        desk.emit("sent", invoice)
    elif behaviour != "default_incomplete":
        attempt = payments.collect(desk, invoice)
        if behaviour == "error_if_incomplete":
            starting.require_success(attempt)


def _change_when_paid(desk: Desk, subscription: Json, before: Json, invoice: Json) -> None:
    pending.begin(desk, subscription, before, invoice)
    attempt = payments.collect(desk, invoice)
    if not attempt.succeeded:
        subscriptions.plan(desk, subscription)
        desk.changed(subscription, before)


def _only_words(params: Params) -> None:
    allowed = {"metadata", "cancellation_details", "expand"}
    if set(params.names()) - allowed:
        raise invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="invalid_canceled_subscription_fields",
        )


def _later_trial_end(params: Params) -> int | None:
    if params.text("trial_end") == "now":
        return 0
    return params.integer("trial_end")


def _set_details(subscription: Json, params: Params) -> None:
    details = params.hash("cancellation_details", "comment feedback")
    known = "customer_service low_quality missing_features other switched_service too_complex too_expensive unused"
    if "comment" in details:
        subscription["cancellation_details"]["comment"] = details.text("comment")
    if "feedback" in details:
        subscription["cancellation_details"]["feedback"] = details.choice("feedback", known)


def _set_discounts(desk: Desk, subscription: Json, params: Params) -> None:
    from billing.simulator.core import discounts  # noqa: PLC0415  only here

    if "discounts" not in params:
        return
    kept = [row.need("discount") for row in params.hashes("discounts") if "discount" in row]
    owner = ids.id_of(subscription["customer"])
    fresh = subscriptions.offers(desk, params, owner, 0) if not kept else []
    made = [discounts.redeem(desk, offer, customer=owner, subscription=subscription["id"]) for offer in fresh]
    subscription["discounts"] = kept + made


def _set_cancellation(desk: Desk, subscription: Json, params: Params) -> None:
    if subscription["schedule"] and {"cancel_at", "cancel_at_period_end"} & set(params.names()):
        raise invalid(
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating any "
            "cancelation behavior directly is not allowed. Please update the schedule instead."
        )
    if "cancel_at_period_end" in params:
        is_wanted = params.boolean("cancel_at_period_end")
        end = subscriptions.period_of(subscription)[1] if subscription.get("items") else None
        _cancel_at(desk, subscription, end if is_wanted else None, at_period_end=is_wanted)
    elif params.is_unset("cancel_at"):
        _cancel_at(desk, subscription, None, at_period_end=False)
    elif "cancel_at" in params:
        moment = params.integer("cancel_at") or 0
        if moment <= desk.now:
            raise invalid("The cancel_at timestamp must be in the future.", "cancel_at")
        _cancel_at(desk, subscription, moment, at_period_end=False)


def _cancel_at(desk: Desk, subscription: Json, moment: int | None, *, at_period_end: bool) -> None:
    subscription |= {
        "cancel_at": moment,
        "cancel_at_period_end": at_period_end,
        "canceled_at": desk.now if moment is not None else None,
    }
    reason = "cancellation_requested" if moment is not None else None
    subscription["cancellation_details"]["reason"] = reason
    if moment is None:
        subscription["cancellation_details"] |= {"comment": None, "feedback": None}


@route("DELETE /v1/subscriptions/:id", "cancellation_details invoice_now prorate")
def cancel(desk: Desk, params: Params, id: str) -> Json:
    subscription = desk.need("subscription", id)
    if subscription["status"] in subscriptions.ENDED:
        raise missing("subscription", id)
    _set_details(subscription, params)
    return endings.end(
        desk,
        subscription,
        reason="cancellation_requested",
        invoice_now=params.boolean("invoice_now"),
        prorate=params.boolean("prorate"),
    )


@route("POST /v1/subscriptions/:id/resume", "billing_cycle_anchor proration_behavior")
def resume(desk: Desk, params: Params, id: str) -> Json:
    subscription = desk.need("subscription", id)
    if subscription["status"] != "paused":
        raise invalid("Only paused subscriptions can be resumed.")
    return renewals.resume(desk, subscription)


@route("DELETE /v1/subscriptions/:id/discount")
def delete_discount(desk: Desk, params: Params, id: str) -> Json:
    subscription = desk.need("subscription", id)
    before = copy(subscription)
    subscription["discounts"] = []
    desk.changed(subscription, before)
    return {"object": "discount", "deleted": True}


# items


def _place(desk: Desk, id: str) -> tuple[Json, Json]:
    pointer = desk.need("subscription_item", id)
    subscription = desk.need("subscription", pointer["subscription"])
    item = next((row for row in subscriptions.items_of(subscription) if row["id"] == id), None)
    if item is None:
        raise missing("subscription_item", id)
    return subscription, item


@route("GET /v1/subscription_items", f"subscription {PAGE}")
def list_items(desk: Desk, params: Params) -> Json:
    subscription = desk.need("subscription", params.need("subscription"), "subscription")
    return listing.slice_of(subscriptions.items_of(subscription), params, "/v1/subscription_items")


@route("GET /v1/subscription_items/:id")
def retrieve_item(desk: Desk, params: Params, id: str) -> Json:
    return _place(desk, id)[1]


@route(
    "POST /v1/subscription_items",
    "subscription price price_data quantity metadata payment_behavior proration_behavior proration_date",
)
def create_item(desk: Desk, params: Params) -> Json:
    subscription = desk.need("subscription", params.need("subscription"), "subscription")
    given = {
        name: params.values[name]
        for name in ("price", "price_data", "quantity", "metadata")
        if name in params
    }
    known = {row["id"] for row in subscriptions.items_of(subscription)}
    _change_items(desk, subscription, given, params)
    return next(row for row in subscriptions.items_of(subscription) if row["id"] not in known)


@route(
    "POST /v1/subscription_items/:id",
    "price price_data quantity metadata payment_behavior proration_behavior proration_date off_session",
)
def update_item(desk: Desk, params: Params, id: str) -> Json:
    subscription, _ = _place(desk, id)
    given = {
        name: params.values[name]
        for name in ("price", "price_data", "quantity", "metadata")
        if name in params
    }
    _change_items(desk, subscription, {"id": id, **given}, params)
    return _place(desk, id)[1]


@route("DELETE /v1/subscription_items/:id", "clear_usage proration_behavior proration_date payment_behavior")
def delete_item(desk: Desk, params: Params, id: str) -> Json:
    subscription, _ = _place(desk, id)
    _change_items(desk, subscription, {"id": id, "deleted": "true"}, params)
    return {"id": id, "object": "subscription_item", "deleted": True}


def _change_items(desk: Desk, subscription: Json, given: Json, params: Params) -> None:
    before = copy(subscription)
    items = changes.read_items(desk, subscription, Params({"items": [given]}))
    behaviour = params.choice("proration_behavior", BEHAVIOURS, "create_prorations") or ""
    change = Change(items, behaviour, params.integer("proration_date"))
    payment = params.choice("payment_behavior", PAYMENT, "allow_incomplete") or ""
    make_change(desk, subscription, before, change, payment)
