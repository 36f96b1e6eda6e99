"""Lists, page by page, as the API gives them."""

from collections.abc import Callable
from typing import Any

from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json, invalid, missing
from billing.simulator.core.params import Params

MOST = 100


def page(
    desk: Desk, params: Params, kind: str, url: str, keep: Callable[[Json], bool] | None = None, **wanted: Any
) -> Json:
    """The objects of a kind that `wanted` (columns of the books) and `keep` leave, newest first."""
    limit = _limit(params)
    wanted = {name: value for name, value in wanted.items() if value not in (None, "")}
    created = (
        params.hash("created", "gt gte lt lte") if isinstance(params.values.get("created"), dict) else None
    )
    if created is not None:
        wanted |= _between(created)
    elif "created" in params:
        wanted["created_from"] = wanted["created_to"] = params.integer("created")
    backwards = "ending_before" in params
    if "starting_after" in params:
        wanted["below"] = _place(desk, kind, params, "starting_after")
    elif backwards:
        wanted |= {"above": _place(desk, kind, params, "ending_before"), "oldest_first": True}
    rows = _rows(desk, kind, keep, limit + 1, wanted)
    found = rows[:limit]
    if backwards:
        found.reverse()
    return envelope(found, url, has_more=len(rows) > limit)


def _limit(params: Params) -> int:
    limit = params.integer("limit", 10) or 0
    if not 1 <= limit <= MOST:
        raise invalid(f"This value must be between 1 and {MOST}.", "limit", "parameter_invalid_integer")
    return limit


def _rows(
    desk: Desk, kind: str, keep: Callable[[Json], bool] | None, most: int, wanted: dict[str, Any]
) -> list[Json]:
    if keep is None:
        return [
            row.data for row in desk.books.find(kind, limit=most, **wanted) if not row.data.get("deleted")
        ]
    return [found for found in desk.newest(kind, **wanted) if keep(found)][:most]


def _between(created: Params) -> dict[str, int]:
    bounds = {}
    for name, column, shift in (
        ("gt", "created_from", 1),
        ("gte", "created_from", 0),
        ("lt", "created_to", -1),
        ("lte", "created_to", 0),
    ):
        value = created.integer(name)
        if value is not None:
            bounds[column] = value + shift
    return bounds


def _place(desk: Desk, kind: str, params: Params, name: str) -> int:
    id = params.need(name)
    row = desk.books.get(kind, id)
    if row is None:
        raise missing(kind, id, name)
    return row.seq


def slice_of(items: list[Json], params: Params, url: str) -> Json:
    """The same for items that live inside another object."""
    limit = _limit(params)
    names = [item["id"] for item in items]
    start = 0
    for name in ("starting_after", "ending_before"):
        if name in params and params.need(name) not in names:
            raise missing("item", params.need(name), name)
    if "starting_after" in params:
        start = names.index(params.need("starting_after")) + 1
    end = start + limit
    if "ending_before" in params:
        end = names.index(params.need("ending_before"))
        start = max(0, end - limit)
        return envelope(items[start:end], url, has_more=start > 0)
    return envelope(items[start:end], url, has_more=end < len(items))


def envelope(items: list[Json], url: str, *, has_more: bool = False) -> Json:
    return {"object": "list", "data": items, "has_more": has_more, "url": url}
