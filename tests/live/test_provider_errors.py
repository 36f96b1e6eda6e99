"""Each way a provider can fail, through the whole stack: what the page's viewer and a caller of `/v1/` are told."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import openai
import pytest

from tests.live.callers import steer

AFTER = 5
"""Tokens before a fault that strikes in the middle."""


@dataclass(frozen=True)
class Case:
    fault: str
    code: str
    status: int
    error: type[openai.APIError]
    requests: int = 1
    midway: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def steering(self) -> dict[str, Any]:
        return {"fault": self.fault, "after": AFTER, "rate": 50, "tokens": 40, **self.more}


CASES = {
    "400": Case("400", "provider_refused_request", 400, openai.BadRequestError),
    "too long": Case("context", "provider_refused_request", 400, openai.BadRequestError),
    "401": Case("401", "provider_key_refused", 502, openai.InternalServerError),
    "403": Case("403", "provider_key_refused", 502, openai.InternalServerError),
    "404": Case("404", "provider_model_missing", 404, openai.NotFoundError),
    "429": Case("429", "provider_busy", 429, openai.RateLimitError, requests=3),
    "429, much later": Case("429", "provider_busy", 429, openai.RateLimitError, more={"retry_after": 120}),
    "out of credit": Case("quota", "provider_out_of_credit", 502, openai.InternalServerError),
    "500": Case("500", "provider_unavailable", 502, openai.InternalServerError, requests=3),
    "503": Case("503", "provider_unavailable", 502, openai.InternalServerError, requests=3),
    "no answer": Case("timeout", "provider_timeout", 502, openai.InternalServerError, requests=2),
    "empty answer": Case("empty", "provider_cut", 502, openai.InternalServerError, requests=3),
    "cut midway": Case("cut", "provider_cut", 502, openai.InternalServerError, midway=True),
    "silent midway": Case("stall", "provider_timeout", 502, openai.InternalServerError, midway=True),
    "unreadable midway": Case("badjson", "provider_protocol", 502, openai.InternalServerError, midway=True),
}
ENDS_WELL = {
    "refusal": "stop",
    "content_filter": "content_filter",
    "nousage": "stop",
    "slowloris": "stop",
}


@dataclass
class Told:
    """What one case came to, on each way into the product."""

    done: dict[str, Any]
    text: str
    page: str
    run: str
    plain: Any
    stream: Any
    streamed: str


@pytest.fixture(scope="module")
def told(acme, sign_in) -> dict[str, Told]:
    """All cases at once: most of them only wait."""
    person = sign_in("acme", "owner")
    client = acme.openai(max_retries=0)

    wanted = {name: case.steering for name, case in CASES.items()}
    wanted |= {
        name: {"fault": name, "after": AFTER, "tokens": 10, "rate": 50, "drip_ms": 1} for name in ENDS_WELL
    }
    with ThreadPoolExecutor(2 * len(wanted)) as pool:

        def tell(name: str) -> Told:
            plain = pool.submit(call, client, steer("Fail.", **wanted[name]))
            stream = pool.submit(call_streaming, client, steer("Fail.", **wanted[name]))
            seen = viewers[name].finish()
            page = unescape(person.http.get(asked[name].page_url).text)
            return Told(seen.done, seen.text, page, asked[name].run, plain.result(), *stream.result())

        asked = {name: person.ask(f"Fail: {name}.", **wanted[name], key=key_of(name)) for name in wanted}
        viewers = {name: person.watch(each) for name, each in asked.items()}
        with ThreadPoolExecutor(len(wanted)) as tellers:
            return dict(zip(wanted, tellers.map(tell, wanted), strict=True))


def key_of(name: str) -> str:
    return f"page-{name}".replace(" ", "-")


def call(client: openai.OpenAI, text: str) -> Any:
    try:
        return client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
        )
    except openai.APIError as error:
        return error


def call_streaming(client: openai.OpenAI, text: str) -> tuple[Any, str]:
    """How it ended, and the text before."""
    parts: list[str] = []
    reason = None
    try:
        messages = [{"role": "user", "content": text}]
        for chunk in client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True):
            for choice in chunk.choices:
                parts.append(choice.delta.content or "")
                reason = choice.finish_reason or reason
    except openai.APIError as error:
        return error, "".join(parts)
    return reason, "".join(parts)


@pytest.mark.parametrize("name", CASES)
def test_the_page_says_what_happened_and_what_to_do(told, books, name):
    case, seen = CASES[name], told[name]

    assert (seen.done["state"], seen.done["code"]) == ("failed", case.code)
    assert seen.done["message"] and seen.done["message"] in seen.page
    assert 'class="alert-title"' in seen.page
    assert "/retry/" in seen.page
    assert bool(seen.text) == case.midway
    (entry,) = books.close([seen.run])
    assert (entry.state, entry.error_code, entry.text) == ("failed", case.code, seen.text)
    assert entry.settlements == int(case.midway)
    assert entry.charged_tokens <= AFTER


@pytest.mark.parametrize("name", CASES)
def test_a_retryable_failure_is_tried_again_before_the_first_token_only(told, provider, name):
    case = CASES[name]

    assert len(provider.requests(key_of(name))) == case.requests


@pytest.mark.parametrize("name", CASES)
def test_an_api_caller_gets_the_fitting_error(told, name):
    case, error = CASES[name], told[name].plain

    assert type(error) is case.error
    assert (error.status_code, error.code) == (case.status, case.code)
    assert error.body["message"]


@pytest.mark.parametrize("name", CASES)
def test_a_streaming_caller_gets_it_instead_of_or_after_the_text(told, name):
    case, seen = CASES[name], told[name]

    assert isinstance(seen.stream, openai.APIError)
    assert seen.stream.code == case.code
    assert bool(seen.streamed) == case.midway
    if not case.midway:
        assert type(seen.stream) is case.error


def test_waiting_time_is_passed_on(told):
    seen = told["429, much later"]

    assert "You can try again from" in seen.page
    assert 100 < float(seen.plain.response.headers["retry-after"]) <= 120


@pytest.mark.parametrize("name", ENDS_WELL)
def test_what_is_no_failure_ends_well(told, books, name):
    seen = told[name]

    (entry,) = books.close([seen.run])
    assert (seen.done["state"], entry.state) == ("done", "done")
    assert seen.text == entry.text != ""
    assert entry.is_estimated == (name == "nousage")
    assert seen.stream == ENDS_WELL[name]
    assert seen.plain.choices[0].finish_reason == ENDS_WELL[name]
    assert bool(seen.plain.choices[0].message.refusal) == (name == "refusal")
