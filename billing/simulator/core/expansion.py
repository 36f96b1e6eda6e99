"""`expand`: ids in an answer that are replaced by their objects, and fields that are only there when asked for."""

from collections.abc import Callable
from typing import Any

from billing.simulator.core import ids
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, Refused, invalid

DEEPEST = 4
# The kinds of fields whose ids do not tell it (they may be chosen by whoever makes them).
FIELD_KINDS = {
    "coupon": "coupon",
    "product": "product",
    "default_price": "product",
    "customer": "customer",
}

# Fields that an answer leaves out unless they are asked for, by object and name.
INCLUDED: dict[tuple[str, str], Callable[[Desk, Json], Any]] = {}


def included(kind: str, name: str) -> Callable[[Callable[[Desk, Json], Any]], Callable[[Desk, Json], Any]]:
    def register(make: Callable[[Desk, Json], Any]) -> Callable[[Desk, Json], Any]:
        INCLUDED[kind, name] = make
        return make

    return register


def expand(desk: Desk, answer: Json, paths: list[str]) -> Json:
    """A copy of the answer in which every path leads to an object. Raises Refused for a path that leads nowhere."""
    if not paths:
        return answer
    answer = copy(answer)
    for path in paths:
        parts = path.split(".")
        if len([part for part in parts if part != "data"]) > DEEPEST:
            raise Refused(f"You cannot expand more than {DEEPEST} levels of a property.", param="expand")
        _follow(desk, answer, parts, path)
    return answer


def _follow(
    desk: Desk, place: Any, parts: list[str], path: str, owner: Json | None = None, way: str = ""
) -> None:
    """`owner` is the object that `place` is a part of, and `way` the name of that part."""
    if isinstance(place, list):
        for item in place:
            _follow(desk, item, parts, path, owner, way)
        return
    if not parts or not isinstance(place, dict):
        return
    if "object" in place:
        owner, way = place, ""
    name, *rest = parts
    way = f"{way}.{name}".lstrip(".")
    make = INCLUDED.get((str((owner or {}).get("object")), way))
    if make is not None and owner is not None and place.get(name) is None:
        place[name] = copy(make(desk, owner))
    if name not in place:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    place[name] = _opened(desk, name, place[name], path)
    _follow(desk, place[name], rest, path, owner, way)


def _opened(desk: Desk, name: str, value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_opened(desk, name, item, path) for item in value]
    if not isinstance(value, str):
        return value
    kind = ids.kind_of(value) or FIELD_KINDS.get(name, "")
    row = desk.books.get(FIELD_KINDS.get(name, kind) if name != "default_price" else "price", value)
    if row is None:
        row = desk.books.get(kind, value) if kind else None
    if row is None:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    return copy(row.data)
