"""The pages ask the service as everybody does, over the API; what it refuses becomes words for the page."""

from typing import Any

from billing.simulator.core.errors import Json
from billing.simulator.transport import get_core

GENERAL = "The payment could not be processed. Try another card."


class Refusal(Exception):  # noqa: N818  reads as what happened
    """The service's `error`. Of a card (402), or of what was asked."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(error.get("code", ""))
        self.status, self.error = status, error

    @property
    def message(self) -> str:
        return str(self.error.get("message") or GENERAL)

    @property
    def code(self) -> str:
        return str(self.error.get("code") or "")


def ask(method: str, path: str, **params: Any) -> Json:
    """Raises Refusal."""
    response = get_core().request(method, "/v1" + path, params, {})
    if response.status >= 400:
        raise Refusal(response.status, response.body["error"])
    return dict(response.body)


def get(path: str, **params: Any) -> Json:
    return ask("GET", path, **params)


def post(path: str, **params: Any) -> Json:
    return ask("POST", path, **params)


def rows(path: str, **params: Any) -> list[Json]:
    """The first page of a list."""
    return list(ask("GET", path, **params)["data"])
