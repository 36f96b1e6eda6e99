"""Webhook endpoints as the API keeps them. Deliveries of the simulated service go to the product's own address."""

from billing.simulator.core import ids, listing
from billing.simulator.core.desk import LIVEMODE, Desk
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route

FIELDS = "description enabled_events metadata url"


@route("POST /v1/webhook_endpoints", f"api_version {FIELDS}")
def create(desk: Desk, params: Params) -> Json:
    url = params.need("url")
    if not url.startswith(("http://", "https://")):
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid"
        )
    events = params.words("enabled_events")
    if not events:
        raise invalid("Missing required param: enabled_events.", "enabled_events", "parameter_missing")
    endpoint = {
        "id": ids.new("webhook_endpoint"),
        "object": "webhook_endpoint",
        "api_version": params.text("api_version"),
        "application": None,
        "created": desk.now,
        "description": params.text("description"),
        "enabled_events": events,
        "livemode": LIVEMODE,
        "metadata": params.metadata(),
        "status": "enabled",
        "url": url,
    }
    desk.add(endpoint)
    # Shown once.
    return endpoint | {"secret": f"whsec_{ids.word(32)}"}


@route("GET /v1/webhook_endpoints", PAGE)
def list_endpoints(desk: Desk, params: Params) -> Json:
    return listing.page(desk, params, "webhook_endpoint", "/v1/webhook_endpoints")


@route("GET /v1/webhook_endpoints/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("webhook_endpoint", id)


@route("POST /v1/webhook_endpoints/:id", f"disabled {FIELDS}")
def update(desk: Desk, params: Params, id: str) -> Json:
    endpoint = desk.need("webhook_endpoint", id)
    for name in ("description", "url"):
        if name in params:
            endpoint[name] = params.text(name)
    if "enabled_events" in params:
        endpoint["enabled_events"] = params.words("enabled_events")
    if "disabled" in params:
        endpoint["status"] = "disabled" if params.boolean("disabled") else "enabled"
    endpoint["metadata"] = params.metadata(endpoint["metadata"])
    return desk.save(endpoint)


@route("DELETE /v1/webhook_endpoints/:id")
def delete(desk: Desk, params: Params, id: str) -> Json:
    desk.need("webhook_endpoint", id)
    desk.books.remove("webhook_endpoint", id)
    return {"id": id, "object": "webhook_endpoint", "deleted": True}
