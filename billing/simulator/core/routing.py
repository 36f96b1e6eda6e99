"""Which function answers which address of the API."""

from collections.abc import Callable
from dataclasses import dataclass

from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json, Refused

Handler = Callable[..., Json]
PAGE = "limit starting_after ending_before"


@dataclass(frozen=True)
class Route:
    method: str
    parts: tuple[str, ...]
    known: frozenset[str]
    handler: Handler

    def ids(self, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        """The ids in a path that this route answers, or None."""
        if len(parts) != len(self.parts):
            return None
        found = []
        for mine, given in zip(self.parts, parts, strict=True):
            if mine.startswith(":"):
                found.append(given)
            elif mine != given:
                return None
        return tuple(found)


ROUTES: list[Route] = []
_BY_SHAPE: dict[tuple[str, int, str], list[Route]] = {}


def route(address: str, known: str = "") -> Callable[[Handler], Handler]:
    """`POST /v1/customers/:id`; `known` names the parameters it takes besides `expand`."""
    method, path = address.split()
    parts = tuple(path.strip("/").split("/"))

    def register(handler: Handler) -> Handler:
        made = Route(method, parts, frozenset([*known.split(), "expand"]), handler)
        ROUTES.append(made)
        same = _BY_SHAPE.setdefault((method, len(parts), parts[1]), [])
        # Names before placeholders: `invoices/create_preview` is no invoice.
        same.append(made)
        same.sort(key=lambda row: [part.startswith(":") for part in row.parts])
        return handler

    return register


def match(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    parts = tuple(path.strip("/").split("/"))
    if len(parts) > 1:
        for found in _BY_SHAPE.get((method, len(parts), parts[1]), ()):
            ids = found.ids(parts)
            if ids is not None:
                return found, ids
    raise Refused(
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/. (The simulated payment service does not know this address.)",
        status=404,
    )


__all__ = ["PAGE", "ROUTES", "Desk", "match", "route"]
