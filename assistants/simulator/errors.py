"""Errors in the shape that OpenAI's API answers them."""

from __future__ import annotations

import json


class ProviderError(Exception):
    """Ends a request with `status` and an OpenAI error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.headers = headers or {}

    def body(self) -> bytes:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return json.dumps({"error": error}).encode()


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> ProviderError:
    return ProviderError(400, message, param=param, code=code)


def model_not_found(model: str) -> ProviderError:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return ProviderError(404, message, code="model_not_found", param="model")


def invalid_api_key() -> ProviderError:
    return ProviderError(401, "Incorrect API key provided.", code="invalid_api_key")


# Fault of `/sim fault=…`: status, type, code.
FAULTS = {
    "400": (400, "invalid_request_error", "invalid_value"),
    "context": (400, "invalid_request_error", "context_length_exceeded"),
    "401": (401, "invalid_request_error", "invalid_api_key"),
    "403": (403, "request_forbidden", "forbidden"),
    "404": (404, "invalid_request_error", "model_not_found"),
    "429": (429, "requests", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "500": (500, "server_error", None),
    "503": (503, "server_error", None),
}


def from_fault(fault: str, retry_after: str = "") -> ProviderError | None:
    """The error that a fault asks for; None for a fault that is not a status."""
    if fault not in FAULTS:
        return None
    status, kind, code = FAULTS[fault]
    headers = {"Retry-After": retry_after} if retry_after else {}
    return ProviderError(status, f"Simulated fault: {fault}.", type=kind, code=code, headers=headers)
