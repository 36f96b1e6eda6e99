"""What can go wrong at a provider, as a closed table: what is not listed is not retried."""

from dataclasses import dataclass

import openai

from assistants.llm import guard

UNKNOWN = "provider_error"


class ProviderFailure(Exception):  # noqa: N818  reads as what happened
    """`code` is a key of `assistants.runs.words`; `retry_after_s` is what the provider asked for, if it did."""

    def __init__(self, code: str, *, retryable: bool = False, retry_after_s: float | None = None) -> None:
        self.code = code
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        super().__init__(code)


@dataclass(frozen=True)
class Row:
    code: str
    retryable: bool


BY_STATUS = {
    400: Row("provider_refused_request", retryable=False),
    401: Row("provider_key_refused", retryable=False),
    403: Row("provider_key_refused", retryable=False),
    404: Row("provider_model_missing", retryable=False),
    408: Row("provider_timeout", retryable=True),
    409: Row("provider_unavailable", retryable=True),
    413: Row("provider_refused_request", retryable=False),
    422: Row("provider_refused_request", retryable=False),
    429: Row("provider_busy", retryable=True),
    500: Row("provider_unavailable", retryable=True),
    502: Row("provider_unavailable", retryable=True),
    503: Row("provider_unavailable", retryable=True),
    504: Row("provider_unavailable", retryable=True),
}
OUT_OF_CREDIT = "insufficient_quota"


def from_sdk(error: openai.OpenAIError) -> ProviderFailure:
    if isinstance(error, openai.APITimeoutError):
        return ProviderFailure("provider_timeout", retryable=True)
    if guard.is_refusal(error):
        return ProviderFailure("provider_host_refused")
    if isinstance(error, openai.APIConnectionError):
        return ProviderFailure("provider_unreachable", retryable=True)
    if isinstance(error, openai.APIStatusError):
        return _from_status(error)
    return ProviderFailure(UNKNOWN)


def _from_status(error: openai.APIStatusError) -> ProviderFailure:
    row = BY_STATUS.get(error.status_code, Row(UNKNOWN, retryable=False))
    if row.code == "provider_busy" and OUT_OF_CREDIT in (error.code, error.type):
        return ProviderFailure("provider_out_of_credit")
    return ProviderFailure(row.code, retryable=row.retryable, retry_after_s=_retry_after(error))


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None
