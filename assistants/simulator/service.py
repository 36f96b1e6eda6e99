"""Routes under `/v1`: authenticates, plans, and hands the plan to its delivery."""

from __future__ import annotations

from collections.abc import Callable

from assistants.simulator import catalogue, chat, embeddings, errors, images
from assistants.simulator.audio import plan_speech, plan_transcription
from assistants.simulator.books import Books, Record
from assistants.simulator.connections import Exchange, Request
from assistants.simulator.control import Control
from assistants.simulator.delivery import Pace, Playback, Refusal, Silence, Whole
from assistants.simulator.errors import ProviderError
from assistants.simulator.plans import Plan, Reply, Stream
from assistants.simulator.wire import dump

Planner = Callable[[Request, int], Plan]

KINDS: dict[str, tuple[str, Planner]] = {
    "/v1/chat/completions": ("chat", lambda request, number: chat.plan_chat(request.body, number)),
    "/v1/embeddings": ("embedding", lambda request, number: embeddings.plan_embeddings(request.body, number)),
    "/v1/images/generations": ("image", lambda request, number: images.plan_images(request.body, number)),
    "/v1/audio/speech": ("speech", lambda request, number: plan_speech(request.body, number)),
    "/v1/audio/transcriptions": (
        "transcription",
        lambda request, number: plan_transcription(
            request.body, request.headers.get("content-type", ""), number
        ),
    ),
}


class Provider:
    """The whole simulated provider: what it serves, and its books."""

    def __init__(self, pace: Pace) -> None:
        self.books = Books()
        self._pace = pace
        self._control = Control(self.books)

    def serve(self, request: Request, exchange: Exchange) -> None:
        if not request.path.startswith("/v1/"):
            self._control.serve(request, exchange)
        elif request.method == "POST" and request.path in KINDS:
            self._serve_work(request, exchange)
        else:
            self._serve_models(request, exchange)

    def _serve_models(self, request: Request, exchange: Exchange) -> None:
        try:
            _authenticate(request)
            answer = _read_models(request)
        except ProviderError as error:
            exchange.reply(error.status, "application/json", error.body(), error.headers)
            return
        exchange.reply(200, "application/json", dump(answer))

    def _serve_work(self, request: Request, exchange: Exchange) -> None:
        kind, planner = KINDS[request.path]
        record = self.books.start(kind, request.headers.get("x-client-request-id", ""))
        plan: Plan | None = None
        try:
            _authenticate(request)
            plan = planner(request, record.number)
        except ProviderError as error:
            Refusal(exchange, record, self.books, error)
        finally:
            # A bug of ours breaks the connection; it must not leave the request open in the books.
            if plan is None:
                self.books.end(record, "error")
        if plan is not None:
            self._deliver(plan, exchange, record)

    def _deliver(self, plan: Plan, exchange: Exchange, record: Record) -> None:
        asked = plan.directives
        record.model = plan.model
        record.key = asked.key
        record.stream = isinstance(plan, Stream)
        record.fault = fault = self._due_fault(plan)
        error = errors.from_fault(fault, asked.retry_after)
        pace = self._pace.adapt(plan)
        if error is not None:
            Refusal(exchange, record, self.books, error, asked.delay_ms or 0.0)
        elif fault == "timeout":
            Silence(exchange, record, self.books)
        elif isinstance(plan, Stream):
            Playback(exchange, record, self.books, plan, pace, fault)
        elif isinstance(plan, Reply):
            Whole(exchange, record, self.books, plan, pace, fault)

    def _due_fault(self, plan: Plan) -> str:
        asked = plan.directives
        if asked.only and (asked.only == "stream") != isinstance(plan, Stream):
            return ""
        return asked.fault if asked.fault and self.books.fault_is_due(asked.key, asked.times) else ""


def _authenticate(request: Request) -> None:
    """Any key will do but the one that tests use as a wrong one."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ProviderError(401, "You didn't provide an API key.", code="invalid_api_key")
    if key.strip() == "invalid":
        raise errors.invalid_api_key()


def _read_models(request: Request) -> dict[str, object]:
    if request.method == "GET" and request.path == "/v1/models":
        return {"object": "list", "data": [catalogue.describe(model) for model in catalogue.MODELS]}
    if request.method == "GET" and request.path.startswith("/v1/models/"):
        return catalogue.describe(request.path.removeprefix("/v1/models/"))
    raise ProviderError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")
