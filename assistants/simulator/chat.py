"""`POST /v1/chat/completions`: from a request to the pieces of its answer, and from those to the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from assistants.simulator import answers, catalogue, schemas, tokens
from assistants.simulator.books import Usage
from assistants.simulator.chat_request import ChatRequest, read_chat
from assistants.simulator.errors import bad_request
from assistants.simulator.plans import Plan, Reply, Stream
from assistants.simulator.wire import dump

REFUSAL = "I'm sorry, but I can't help with that. (Simulated refusal.)"
FINGERPRINT = "fp_simulated"
DONE = b"data: [DONE]\n\n"


class Piece(NamedTuple):
    """One event of a stream. `call` numbers the tool call it belongs to; the first of one is its name."""

    text: str
    tokens: int = 1
    call: int = -1
    opens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`channel` is "content" or "refusal", where pieces go that belong to no tool call."""

    pieces: Sequence[Piece]
    finish: str
    channel: str = "content"


def plan_chat(body: bytes, number: int) -> Plan:
    """Raises ProviderError. `number` makes the ids of the answer its own."""
    request = read_chat(body)
    prompt = tokens.count_prompt(request.messages, request.tools, request.model)
    if prompt > catalogue.CONTEXT_WINDOW:
        window = catalogue.CONTEXT_WINDOW
        raise bad_request(
            f"This model's maximum context length is {window} tokens; your messages have {prompt}.",
            param="messages",
            code="context_length_exceeded",
        )
    draft = _draft(request)
    if request.asked.fault == "empty":
        return _render(request, Draft(pieces=[], finish="stop"), Usage(), number)
    usage = Usage(
        input_tokens=prompt,
        cached_tokens=min(request.asked.cached, prompt),
        output_tokens=_reasoning(request) + sum(piece.tokens for piece in draft.pieces),
        reasoning_tokens=_reasoning(request),
    )
    return _render(request, draft, usage, number)


def _draft(request: ChatRequest) -> Draft:
    asked = request.asked
    if asked.fault == "refusal":
        return _cut(request, [Piece(part) for part in tokens.pieces(REFUSAL)], "stop", "refusal")
    calls = _choose_calls(request)
    if calls:
        pieces = [Piece(part) for part in tokens.pieces(asked.preface)]
        pieces += [piece for at, call in enumerate(calls) for piece in _call_pieces(request, at, *call)]
        return _cut(request, pieces, "tool_calls")
    text = answers.compose_text(request) if asked.text is None else asked.text
    for stop in request.stops:
        text = text.partition(stop)[0]
    parts = tokens.pieces(text)
    if asked.tokens is not None and (asked.text is not None or not request.response_format):
        parts = tokens.fit(parts, asked.tokens)
    if asked.fault == "content_filter":
        return _cut(request, [Piece(part) for part in parts[: asked.after]], "content_filter")
    return _cut(request, [Piece(part) for part in parts], "stop")


def _cut(request: ChatRequest, pieces: list[Piece], finish: str, channel: str = "content") -> Draft:
    """Keeps what the token limit allows; reasoning comes off it first."""
    if request.limit is None:
        return Draft(pieces=pieces, finish=finish, channel=channel)
    room = request.limit - _reasoning(request)
    for at, piece in enumerate(pieces):
        room -= piece.tokens
        if room < 0:
            return Draft(pieces=pieces[:at], finish="length", channel=channel)
    return Draft(pieces=pieces, finish=finish, channel=channel)


def _reasoning(request: ChatRequest) -> int:
    wanted = request.asked.reasoning
    return wanted if request.limit is None else min(wanted, request.limit)


def _choose_calls(request: ChatRequest) -> list[tuple[str, str]]:
    """Calls as (name, arguments). Once results are there, only a forced choice or a directive calls again."""
    choice, tools = request.tool_choice, request.tools
    if choice == "none":
        return []
    forced = choice == "required" or isinstance(choice, list)
    dictated = request.asked.calls_of(request.round)
    if dictated:
        return dictated
    if request.tool_results and not forced:
        return []
    by_name = {tool["function"]["name"]: tool["function"] for tool in tools}
    names = choice if isinstance(choice, list) else [name for name in by_name if _mentions(request, name)]
    if choice == "required" and not names:
        names = list(by_name)[:1]
    return [(name, _make_arguments(request, by_name[name])) for name in names]


def _make_arguments(request: ChatRequest, function: dict[str, Any]) -> str:
    schema = function.get("parameters") or {"type": "object"}
    return json.dumps(schemas.make_instance(schema, hint=answers.first_words(request.question, 12)))


def _mentions(request: ChatRequest, name: str) -> bool:
    asked = request.question.lower()
    return name.lower() in asked or name.lower().replace("_", " ") in asked


def _call_pieces(request: ChatRequest, at: int, name: str, arguments: str) -> list[Piece]:
    opening = Piece(name, tokens.count(name), at, opens=True)
    return [opening, *(Piece(part, 1, at) for part in tokens.pieces(arguments))]


def _render(request: ChatRequest, draft: Draft, usage: Usage, number: int) -> Plan:
    return (_render_stream if request.stream else _render_whole)(request, draft, usage, number)


def _render_whole(request: ChatRequest, draft: Draft, usage: Usage, number: int) -> Reply:
    text = "".join(piece.text for piece in draft.pieces if piece.call < 0)
    calls: list[dict[str, Any]] = []
    for piece in draft.pieces:
        if piece.opens:
            calls.append(_call_head(piece, number))
        elif piece.call >= 0:
            calls[-1]["function"]["arguments"] += piece.text
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    if calls:
        message |= {"content": text or None, "tool_calls": calls}
    else:
        message[draft.channel] = text
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": draft.finish}
    body = _envelope(request, number, "chat.completion") | {"choices": [choice]}
    if request.asked.fault != "nousage":
        body["usage"] = usage_object(usage)
    return Reply(
        model=request.model,
        directives=request.asked,
        usage=usage,
        text=text,
        body=dump(body),
        paced_tokens=usage.output_tokens,
    )


def _render_stream(request: ChatRequest, draft: Draft, usage: Usage, number: int) -> Stream:
    envelope = _envelope(request, number, "chat.completion.chunk")
    with_usage = request.include_usage and request.asked.fault != "nousage"
    blank: dict[str, Any] = {"usage": None} if with_usage else {}

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + dump(envelope | {"choices": [choice]} | blank) + b"\n\n"

    # Everything around the delta is the same in each event of a stream: only the delta is made per token.
    head, tail = event({"@": 0}).split(b'{"@":0}')
    closing = event({}, draft.finish)
    if with_usage:
        last = envelope | {"choices": [], "usage": usage_object(usage)}
        closing += b"data: " + dump(last) + b"\n\n"
    empty = request.asked.fault == "empty"
    pieces = draft.pieces
    greeting = {"role": "assistant", "content": None if _is_calls(draft) else "", "refusal": None}
    return Stream(
        model=request.model,
        directives=request.asked,
        usage=usage,
        opening=b"" if empty else event(greeting),
        head=head,
        tail=tail,
        deltas=[_delta(piece, draft.channel, number) for piece in pieces],
        weights=[piece.tokens for piece in pieces],
        texts=["" if piece.call >= 0 else piece.text for piece in pieces],
        closing=b"" if empty else closing + DONE,
    )


def _is_calls(draft: Draft) -> bool:
    return any(piece.call >= 0 for piece in draft.pieces)


def _delta(piece: Piece, channel: str, number: int) -> bytes:
    if piece.call < 0:
        return _text_delta(channel, piece.text)
    if piece.opens:
        call = {"index": piece.call, **_call_head(piece, number)}
    else:
        call = {"index": piece.call, "function": {"arguments": piece.text}}
    return dump({"tool_calls": [call]})


@lru_cache(maxsize=20_000)
def _text_delta(channel: str, text: str) -> bytes:
    return dump({channel: text})


def _call_head(piece: Piece, number: int) -> dict[str, Any]:
    identity = f"call_sim{number:08d}{piece.call:02d}"
    return {"id": identity, "type": "function", "function": {"name": piece.text, "arguments": ""}}


def _envelope(request: ChatRequest, number: int, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-sim{number:08d}",
        "object": kind,
        "created": int(time.time()),
        "model": request.model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
