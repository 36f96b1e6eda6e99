"""What the SDK's typed classes say of an object's fields, held against an object that somebody emits."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._object_classes import get_object_class
from stripe._stripe_object import UntypedStripeObject

Json = dict[str, Any]
# JSON has one kind of number, and exact decimals travel as text.
SCALARS: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    bool: (bool,),
    float: (int, float),
    Decimal: (str,),
}


def problems(obj: Json) -> list[str]:
    """Fields that the class of this kind does not have, required ones that are absent, values of another type."""
    return list(_object(obj, obj["object"]))


def _object(obj: Json, path: str) -> Iterator[str]:
    kind = get_object_class("V1", obj["object"])
    if kind is StripeObject:
        yield f"{path}: the SDK knows no object {obj['object']!r}"
        return
    yield from _fields(obj, kind, path)


@cache
def fields_of(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, StripeObject) and base is not StripeObject:
            found |= base.__dict__.get("__annotations__", {})
    return {
        name: wanted
        for name, wanted in found.items()
        if get_origin(wanted) is not ClassVar and not name.startswith("_")
    }


def _fields(obj: Json, kind: type, path: str) -> Iterator[str]:
    known = fields_of(kind)
    for name, value in obj.items():
        if name not in known:
            yield f"{path}.{name}: unknown"
        elif not (name == "deleted" and value is True):
            yield from _value(value, known[name], f"{path}.{name}")
    if not obj.get("deleted"):
        yield from (
            f"{path}.{name}: absent"
            for name, wanted in known.items()
            if name not in obj and not _is_optional(wanted)
        )


def _is_optional(wanted: Any) -> bool:
    return get_origin(wanted) is Union and type(None) in get_args(wanted)


def _value(value: Any, wanted: Any, path: str) -> Iterator[str]:
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is Union:
        yield from _one_of(value, parts, path)
    elif origin is Literal:
        if value not in parts:
            yield f"{path}: {value!r} is not one of {parts}"
    elif origin in (list, ListObject):
        yield from _items(value, parts[0], path, is_list_object=origin is ListObject)
    elif origin is UntypedStripeObject or wanted is UntypedStripeObject:
        if not isinstance(value, dict):
            yield f"{path}: no hash"
    elif wanted in SCALARS:
        if not isinstance(value, SCALARS[wanted]) or (wanted is int and isinstance(value, bool)):
            yield f"{path}: {value!r} is no {wanted.__name__}"
    elif isinstance(value, dict) and isinstance(wanted, type):
        yield from _fields(value, wanted, path)
    elif isinstance(value, dict) and "object" in value:
        yield from _object(value, path)
    elif wanted is not Any:
        yield f"{path}: {value!r} is no {wanted}"


def _one_of(value: Any, parts: tuple[Any, ...], path: str) -> Iterator[str]:
    if value is None:
        if type(None) not in parts:
            yield f"{path}: null"
        return
    found = [list(_value(value, part, path)) for part in parts if part is not type(None)]
    if all(found):
        yield from min(found, key=len)


def _items(value: Any, wanted: Any, path: str, *, is_list_object: bool) -> Iterator[str]:
    rows = value
    if is_list_object:
        if not isinstance(value, dict) or value.get("object") != "list":
            yield f"{path}: no list"
            return
        rows = value["data"]
        extra = set(value) - {"object", "data", "has_more", "url", "total_count"}
        yield from (f"{path}.{name}: unknown" for name in extra)
    for at, row in enumerate(rows):
        yield from _value(row, wanted, f"{path}[{at}]")
