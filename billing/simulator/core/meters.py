"""Billing meters: usage that is reported as events and billed when its period has ended."""

import json
from decimal import Decimal, InvalidOperation

from billing.simulator.core import ids, listing
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route

OLDEST = 35 * 86_400
FURTHEST = 300
# Longer than a day, which is the least that the real service promises.
REMEMBERED = 86_400


@route(
    "POST /v1/billing/meters",
    "display_name event_name event_time_window default_aggregation customer_mapping value_settings",
)
def create(desk: Desk, params: Params) -> Json:
    name = params.need("event_name")
    if any(found["status"] == "active" for found in desk.newest("billing.meter", key=name)):
        raise invalid(
            f"An active meter already exists with event name: {name}.",
            "event_name",
            "resource_already_exists",
        )
    aggregation = params.hash("default_aggregation", "formula")
    aggregation.need("formula")
    mapping = params.hash("customer_mapping", "event_payload_key type")
    values = params.hash("value_settings", "event_payload_key")
    return desk.create(
        {
            "id": ids.new("billing.meter"),
            "object": "billing.meter",
            "created": desk.now,
            "customer_mapping": {
                "event_payload_key": mapping.text("event_payload_key", "stripe_customer_id"),
                "type": mapping.choice("type", "by_id", "by_id"),
            },
            "default_aggregation": {"formula": aggregation.choice("formula", "sum count last")},
            "display_name": params.need("display_name"),
            "event_name": name,
            "event_time_window": params.choice("event_time_window", "day hour"),
            "livemode": LIVEMODE,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": desk.now,
            "value_settings": {"event_payload_key": values.text("event_payload_key", "value")},
        }
    )


@route("GET /v1/billing/meters", f"status {PAGE}")
def list_meters(desk: Desk, params: Params) -> Json:
    status = params.choice("status", "active inactive")
    statuses = (status,) if status else None
    return listing.page(desk, params, "billing.meter", "/v1/billing/meters", statuses=statuses)


@route("GET /v1/billing/meters/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("billing.meter", id)


@route("POST /v1/billing/meters/:id", "display_name")
def update(desk: Desk, params: Params, id: str) -> Json:
    meter = desk.need("billing.meter", id)
    before = copy(meter)
    if "display_name" in params:
        meter |= {"display_name": params.need("display_name"), "updated": desk.now}
    return desk.changed(meter, before)


@route("POST /v1/billing/meters/:id/deactivate")
def deactivate(desk: Desk, params: Params, id: str) -> Json:
    meter = desk.need("billing.meter", id)
    before = copy(meter)
    meter |= {"status": "inactive", "status_transitions": {"deactivated_at": desk.now}, "updated": desk.now}
    return desk.changed(meter, before, "deactivated")


@route("POST /v1/billing/meters/:id/reactivate")
def reactivate(desk: Desk, params: Params, id: str) -> Json:
    meter = desk.need("billing.meter", id)
    before = copy(meter)
    meter |= {"status": "active", "status_transitions": {"deactivated_at": None}, "updated": desk.now}
    return desk.changed(meter, before, "reactivated")


@route("POST /v1/billing/meter_events", "event_name identifier payload timestamp")
def record(desk: Desk, params: Params) -> Json:
    name = params.need("event_name")
    meters = [found for found in desk.newest("billing.meter", key=name) if found["status"] == "active"]
    if not meters:
        raise invalid(f"No active meter found for event name: {name}.", "event_name", "no_meter")
    identifier = params.text("identifier") or ids.word(32)
    if len(identifier) > 100:
        raise invalid("Invalid string: identifiers can be up to 100 characters long.", "identifier")
    timestamp = params.integer("timestamp", desk.now) or 0
    payload = params.hash("payload")
    _refuse_second(desk, identifier)
    _check_time(desk, timestamp)
    customer = _customer(desk, meters[0], payload)
    event = {
        "object": "billing.meter_event",
        "created": desk.now,
        "event_name": name,
        "identifier": identifier,
        "livemode": LIVEMODE,
        "payload": {key: str(value) for key, value in payload.values.items()},
        "timestamp": timestamp,
    }
    value = str(_value(meters[0], payload))
    event["id"] = ids.new("billing.meter_event")
    desk.add(event, parent=meters[0]["id"], customer=customer, value=value)
    return {name: value for name, value in event.items() if name != "id"}


def _refuse_second(desk: Desk, identifier: str) -> None:
    # The real service gives no code here, and tells not to try again.
    for known in desk.newest("billing.meter_event", key=identifier):
        if desk.now - known["created"] <= REMEMBERED:
            raise invalid(f"An event already exists with identifier {identifier}.")


def _check_time(desk: Desk, timestamp: int) -> None:
    if timestamp < desk.now - OLDEST:
        raise invalid(
            "Timestamp must be within the past 35 calendar days.", "timestamp", "timestamp_too_far_in_past"
        )
    if timestamp > desk.now + FURTHEST:
        raise invalid(
            "Timestamp cannot be more than 5 minutes in the future.", "timestamp", "timestamp_in_future"
        )


def _customer(desk: Desk, meter: Json, payload: Params) -> str:
    key = meter["customer_mapping"]["event_payload_key"]
    if not payload.text(key):
        raise invalid(
            f"Missing customer in payload: {key}.", payload.named(key), "meter_event_no_customer_defined"
        )
    desk.need("customer", payload.need(key), payload.named(key))
    return payload.need(key)


def _value(meter: Json, payload: Params) -> Decimal:
    if meter["default_aggregation"]["formula"] == "count":
        return Decimal(1)
    key = meter["value_settings"]["event_payload_key"]
    try:
        value = Decimal(payload.text(key) or "")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or -int(value.as_tuple().exponent) > 12:
        raise invalid(
            f"Invalid value in payload: {key} must be a number.",
            payload.named(key),
            "meter_event_invalid_value",
        )
    return value


def usage(desk: Desk, meter: Json, customer: str, start: int, end: int) -> Decimal:
    """What was reported from `start` to before `end`, by the events' own times."""
    rows = desk.books.find(
        "billing.meter_event",
        customer=customer,
        parent=meter["id"],
        created_from=start,
        created_to=end - 1,
        oldest_first=True,
    )
    rows = [row for row in rows if not row.meta.get("is_canceled")]
    values = [Decimal(row.meta["value"]) for row in sorted(rows, key=lambda row: row.created)]
    if meter["default_aggregation"]["formula"] == "last":
        return values[-1] if values else Decimal(0)
    return max(sum(values, Decimal(0)), Decimal(0))


@route(
    "GET /v1/billing/meters/:id/event_summaries",
    f"customer start_time end_time value_grouping_window {PAGE}",
)
def list_summaries(desk: Desk, params: Params, id: str) -> Json:
    meter = desk.need("billing.meter", id)
    customer = params.need("customer")
    start, end = params.need_integer("start_time"), params.need_integer("end_time")
    if start % 60 or end % 60:
        raise invalid("start_time and end_time must be aligned with minute boundaries.", "start_time")
    window = params.choice("value_grouping_window", "hour day")
    step = {"hour": 3600, "day": 86_400}.get(window or "", end - start)
    rows = []
    for begin in range(start, end, max(step, 1)):
        value = usage(desk, meter, customer, begin, min(begin + step, end))
        if value or window is None:
            rows.append(_summary(meter, value, begin, min(begin + step, end)))
    rows.reverse()
    return listing.slice_of(rows, params, f"/v1/billing/meters/{id}/event_summaries")


def _summary(meter: Json, value: Decimal, start: int, end: int) -> Json:
    return {
        "id": f"{ids.PREFIXES['billing.meter_event_summary']}{meter['id'][-8:]}{start}",
        "object": "billing.meter_event_summary",
        "aggregated_value": json.loads(format(value.normalize(), "f")),
        "end_time": end,
        "livemode": LIVEMODE,
        "meter": meter["id"],
        "start_time": start,
    }


@route("POST /v1/billing/meter_event_adjustments", "event_name type cancel")
def adjust(desk: Desk, params: Params) -> Json:
    params.choice("type", "cancel", "cancel")
    identifier = params.hash("cancel", "identifier").need("identifier")
    rows = desk.newest("billing.meter_event", key=identifier)
    if not rows:
        raise invalid(
            f"No event found with identifier {identifier}.", "cancel[identifier]", "resource_missing"
        )
    desk.meta(rows[0])["is_canceled"] = True
    desk.save(rows[0])
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": identifier},
        "event_name": params.need("event_name"),
        "livemode": LIVEMODE,
        "status": "complete",
        "type": "cancel",
    }
