"""Refusals as the payment service words them."""

from typing import Any

Json = dict[str, Any]

DOCS = "https://stripe.com/docs/error-codes/"


class Refused(Exception):
    """An answer other than 200. `keeps` tells that what was written up to here stays (a failed charge is recorded)."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str = "",
        param: str = "",
        keeps: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.kind, self.code, self.param = message, status, kind, code, param
        self.keeps, self.more = keeps, more

    def body(self) -> Json:
        error: Json = {"message": self.message, "type": self.kind}
        if self.code:
            error |= {"code": self.code, "doc_url": DOCS + self.code.replace("_", "-")}
        if self.param:
            error["param"] = self.param
        return {"error": error | self.more}


def missing(kind: str, id: str, param: str = "id") -> Refused:
    """A path to what is not there is 404; a parameter that names it is 400."""
    status = 404 if param == "id" else 400
    return Refused(f"No such {kind}: '{id}'", status=status, code="resource_missing", param=param)


def required(param: str) -> Refused:
    return Refused(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> Refused:
    return Refused(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def invalid(message: str, param: str = "", code: str = "") -> Refused:
    return Refused(message, param=param, code=code)


def declined(message: str, *, code: str, decline_code: str = "", keeps: bool = False, **more: Any) -> Refused:
    if decline_code:
        more["decline_code"] = decline_code
    return Refused(message, status=402, kind="card_error", code=code, keeps=keeps, **more)
