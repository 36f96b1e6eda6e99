"""Events: everything that happened, as objects stood then; and those that nobody has been told of yet."""

from billing.simulator.core import listing
from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route


@route("GET /v1/events", f"type types delivery_success created {PAGE}")
def list_events(desk: Desk, params: Params) -> Json:
    types = params.words("types")
    only = params.text("type")
    key = only if only and not only.endswith("*") else None

    def keep(event: Json) -> bool:
        return (not types or event["type"] in types) and (
            only is None
            or event["type"] == only
            or (only.endswith("*") and event["type"].startswith(only[:-1]))
        )

    return listing.page(desk, params, "event", "/v1/events", keep if types or only else None, key=key)


@route("GET /v1/events/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("event", id)


def undelivered(desk: Desk, limit: int | None = None) -> list[Json]:
    """In the order in which they happened."""
    return [
        row.data for row in desk.books.find("event", statuses=("pending",), oldest_first=True, limit=limit)
    ]


def mark_delivered(desk: Desk, event: Json) -> None:
    event["pending_webhooks"] = 0
    desk.meta(event)["delivery"] = "delivered"
    desk.save(event)


def drop(desk: Desk) -> int:
    """As if the network had lost them."""
    waiting = undelivered(desk)
    for event in waiting:
        desk.meta(event)["delivery"] = "dropped"
        desk.save(event)
    return len(waiting)
