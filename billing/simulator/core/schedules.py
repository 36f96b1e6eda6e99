"""Subscription schedules: what a subscription becomes when its period ends, without anybody being there."""

from billing.simulator.core import endings, ids, listing, periods, subscriptions
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.products import need_price
from billing.simulator.core.routing import PAGE, route

PHASE = (
    "items start_date end_date duration proration_behavior metadata discounts billing_cycle_anchor collection_method "
    "default_payment_method description trial trial_end currency automatic_tax add_invoice_items invoice_settings"
)
BEHAVIOURS = "create_prorations always_invoice none"
LIVE = ("active", "not_started")


@route(
    "POST /v1/subscription_schedules", "from_subscription customer end_behavior metadata phases start_date"
)
def create(desk: Desk, params: Params) -> Json:
    if "from_subscription" not in params:
        raise invalid(
            "Simulated schedules are made from a subscription (`from_subscription`).", "from_subscription"
        )
    if {"phases", "customer", "start_date"} & set(params.names()):
        raise invalid("With `from_subscription` no phases can be set: update the schedule.", "phases")
    subscription = desk.need("subscription", params.need("from_subscription"), "from_subscription")
    if subscription["schedule"]:
        raise invalid(
            "You cannot migrate a subscription that is already attached to a schedule: "
            f"{subscription['schedule']}.",
            "from_subscription",
        )
    if subscription["status"] in (*subscriptions.ENDED, "incomplete"):
        raise invalid(
            f"A subscription that is {subscription['status']} cannot be scheduled.", "from_subscription"
        )
    start, end = subscriptions.period_of(subscription)
    schedule = copy(BLANK) | {
        "id": ids.new("subscription_schedule"),
        "created": desk.now,
        "current_phase": {"start_date": start, "end_date": end},
        "customer": subscription["customer"],
        "end_behavior": params.choice("end_behavior", "cancel none release renew", "release"),
        "metadata": params.metadata(),
        "phases": [_phase_now(subscription, start, end)],
        "subscription": subscription["id"],
    }
    schedule["default_settings"]["collection_method"] = subscription["collection_method"]
    desk.create(schedule)
    before = copy(subscription)
    subscription["schedule"] = schedule["id"]
    desk.changed(subscription, before)
    return schedule


BLANK: Json = {
    "object": "subscription_schedule",
    "application": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "canceled_at": None,
    "completed_at": None,
    "customer_account": None,
    "default_settings": {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": "charge_automatically",
        "default_payment_method": None,
        "description": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "days_until_due": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "on_behalf_of": None,
        "transfer_data": None,
    },
    "livemode": LIVEMODE,
    "released_at": None,
    "released_subscription": None,
    "status": "active",
    "test_clock": None,
}


def _phase_now(subscription: Json, start: int, end: int) -> Json:
    items = []
    for row in subscriptions.items_of(subscription):
        item = _item(row["price"]["id"], row.get("quantity"), {})
        items.append(item)
    is_trial = subscription["status"] == "trialing"
    trial_end = subscription["trial_end"] if is_trial else None
    return _phase(items, start, end, subscription["currency"]) | {"trial_end": trial_end}


def _item(price: str, quantity: int | None, metadata: Json) -> Json:
    made: Json = {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": metadata,
        "plan": price,
        "price": price,
        "tax_rates": [],
    }
    return made if quantity is None else made | {"quantity": quantity}


def _phase(items: list[Json], start: int, end: int, currency: str) -> Json:
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": currency,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": items,
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }


@route("GET /v1/subscription_schedules", f"customer scheduled created {PAGE}")
def list_schedules(desk: Desk, params: Params) -> Json:
    customer = params.text("customer")
    return listing.page(
        desk, params, "subscription_schedule", "/v1/subscription_schedules", customer=customer
    )


@route("GET /v1/subscription_schedules/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("subscription_schedule", id)


@route("POST /v1/subscription_schedules/:id", "end_behavior metadata phases proration_behavior")
def update(desk: Desk, params: Params, id: str) -> Json:
    schedule = _live(desk, id)
    before = copy(schedule)
    if "end_behavior" in params:
        schedule["end_behavior"] = params.choice("end_behavior", "cancel none release renew")
    schedule["metadata"] = params.metadata(schedule["metadata"])
    if "phases" in params:
        schedule["phases"] = _read_phases(desk, schedule, params)
        _follow(desk, schedule)
    return desk.changed(schedule, before)


def _live(desk: Desk, id: str) -> Json:
    schedule = desk.need("subscription_schedule", id)
    if schedule["status"] not in LIVE:
        raise invalid(
            f"You cannot perform this action on a subscription schedule with status `{schedule['status']}`."
        )
    return schedule


def _read_phases(desk: Desk, schedule: Json, params: Params) -> list[Json]:
    phases: list[Json] = []
    for given in params.hashes("phases", PHASE):
        start = given.integer("start_date")
        if phases:
            expected = phases[-1]["end_date"]
            if start not in (None, expected):
                raise invalid("Phases must follow each other without a gap.", given.named("start_date"))
            start = expected
        elif start != schedule["phases"][0]["start_date"]:
            raise invalid(
                "You can not modify the start date of the current phase.",
                given.named("start_date"),
            )
        assert start is not None
        phases.append(_read_phase(desk, given, start))
    if not phases:
        raise invalid("A schedule needs at least one phase.", "phases", "parameter_missing")
    return phases


def _read_phase(desk: Desk, given: Params, start: int) -> Json:
    items, every, currency = [], ("month", 1), "usd"
    for row in given.hashes("items", "price quantity metadata discounts tax_rates billing_thresholds"):
        price = need_price(desk, row.need("price"), row.named("price"))
        if price["recurring"] is None:
            raise invalid("Items of a phase need recurring prices.", row.named("price"))
        every = price["recurring"]["interval"], price["recurring"]["interval_count"]
        currency = price["currency"]
        is_metered = price["recurring"]["usage_type"] == "metered"
        quantity = None if is_metered else row.integer("quantity", 1, least=0)
        items.append(_item(price["id"], quantity, row.metadata()))
    if not items:
        raise invalid("Each phase needs items.", given.named("items"), "parameter_missing")
    end = given.integer("end_date")
    if end is None:
        duration = given.hash("duration", "interval interval_count")
        interval = duration.choice("interval", "day week month year", every[0]) or "month"
        count = (
            duration.integer("interval_count", every[1] if "interval" not in duration else 1, least=1) or 1
        )
        end = periods.nth(start, interval, count, 1)
    if end <= start:
        raise invalid("A phase must end after it starts.", given.named("end_date"))
    phase = _phase(items, start, end, currency)
    phase["metadata"] = given.metadata()
    phase["proration_behavior"] = given.choice("proration_behavior", BEHAVIOURS, "create_prorations")
    return phase


def _follow(desk: Desk, schedule: Json) -> None:
    """Tells the subscription when its next phase begins, which may be within a period."""
    subscription = desk.need("subscription", schedule["subscription"])
    current = schedule["current_phase"]
    ends = next(
        phase["end_date"] for phase in schedule["phases"] if phase["start_date"] == current["start_date"]
    )
    schedule["current_phase"] = {"start_date": current["start_date"], "end_date": ends}
    desk.meta(subscription)["phase_ends_at"] = ends
    subscriptions.plan(desk, subscription)
    desk.save(subscription)


@route("POST /v1/subscription_schedules/:id/release", "preserve_cancel_date")
def release_one(desk: Desk, params: Params, id: str) -> Json:
    return release(desk, _live(desk, id))


def release(desk: Desk, schedule: Json) -> Json:
    """The subscription goes on as it is, by itself."""
    before = copy(schedule)
    schedule |= {
        "current_phase": None,
        "released_at": desk.now,
        "released_subscription": schedule["subscription"],
        "status": "released",
        "subscription": None,
    }
    _let_go(desk, before["subscription"])
    return desk.changed(schedule, before, "released")


def _let_go(desk: Desk, subscription_id: str) -> None:
    subscription = desk.need("subscription", subscription_id)
    before = copy(subscription)
    subscription["schedule"] = None
    desk.meta(subscription).pop("phase_ends_at", None)
    subscriptions.plan(desk, subscription)
    desk.changed(subscription, before)


@route("POST /v1/subscription_schedules/:id/cancel", "invoice_now prorate")
def cancel(desk: Desk, params: Params, id: str) -> Json:
    schedule = _live(desk, id)
    subscription = desk.need("subscription", schedule["subscription"])
    endings.end(
        desk,
        subscription,
        reason="cancellation_requested",
        invoice_now=params.boolean("invoice_now", default=True),
        prorate=params.boolean("prorate", default=True),
    )
    return schedule


def reach(desk: Desk, subscription: Json, moment: int) -> bool:
    """At the end of a phase: the items of the next one are put in; the caller saves and bills them. True when the
    schedule ended the subscription instead."""
    schedule = desk.get("subscription_schedule", subscription["schedule"] or "")
    if schedule is None or moment < schedule["current_phase"]["end_date"]:
        return False
    before = copy(schedule)
    phase = next((row for row in schedule["phases"] if row["start_date"] <= moment < row["end_date"]), None)
    if phase is None:
        return _finish(desk, schedule, subscription)
    schedule["current_phase"] = {"start_date": phase["start_date"], "end_date": phase["end_date"]}
    desk.meta(subscription)["phase_ends_at"] = phase["end_date"]
    subscriptions.put_items(desk, subscription, items_for(desk, subscription, phase))
    subscriptions.index_items(desk, subscription)
    subscription["metadata"] |= phase["metadata"]
    desk.changed(schedule, before)
    return False


def _finish(desk: Desk, schedule: Json, subscription: Json) -> bool:
    before = copy(schedule)
    desk.meta(subscription).pop("phase_ends_at", None)
    if schedule["end_behavior"] == "cancel":
        subscription["schedule"] = None
        schedule |= {"current_phase": None, "completed_at": desk.now, "status": "completed"}
        desk.changed(schedule, before, "completed")
        endings.end(desk, subscription, reason="cancellation_requested", at_period_end=True)
        return True
    schedule |= {
        "current_phase": None,
        "released_at": desk.now,
        "released_subscription": subscription["id"],
        "status": "released",
        "subscription": None,
    }
    subscription["schedule"] = None
    desk.changed(schedule, before, "released")
    return False


def items_for(desk: Desk, subscription: Json, phase: Json) -> list[Json]:
    """The subscription's items as the phase wants them; what keeps its price (or, alone, its place) keeps its id."""
    had = subscriptions.items_of(subscription)
    rows = []
    for wanted in phase["items"]:
        price = desk.need("price", wanted["price"])
        kept = next((row for row in had if row["price"]["id"] == price["id"]), None)
        if kept is None and len(had) == len(phase["items"]) == 1:
            kept = had[0]
        fresh = subscriptions.item(
            desk, subscription["id"], price, wanted.get("quantity"), wanted["metadata"]
        )
        fresh |= {"current_period_start": desk.now, "current_period_end": desk.now}
        if kept is not None:
            fresh |= {
                "id": kept["id"],
                "created": kept["created"],
                "metadata": kept["metadata"] | wanted["metadata"],
            }
            fresh |= {name: kept[name] for name in ("current_period_start", "current_period_end")}
        rows.append(fresh)
    return rows


def note_items(desk: Desk, subscription: Json) -> None:
    """Whoever changes a scheduled subscription by hand changes its present phase."""
    schedule = desk.get("subscription_schedule", subscription["schedule"] or "")
    if schedule is None or schedule["current_phase"] is None:
        return
    before = copy(schedule)
    for phase in schedule["phases"]:
        if phase["start_date"] == schedule["current_phase"]["start_date"]:
            phase["items"] = [
                _item(row["price"]["id"], row.get("quantity"), {})
                for row in subscriptions.items_of(subscription)
            ]
    desk.changed(schedule, before)
