"""What a run leaves for its receipt: salted hashes of its texts, and parameters that hold no text.

The salt stays in the run's row, beside the texts: erasing the row leaves hashes that nobody can guess from.
"""

from typing import Any

from assistants.llm.chat import ChatRequest
from assistants.models import Run
from usage.holds.types import Settlement
from usage.receipts.bodies import salted_hash
from usage.receipts.settled import Gate, SettledRun

# The rest of a request (tools, formats, stop words …) may hold what people wrote: it goes into the prompt's hash.
SHOWN = ("top_p", "frequency_penalty", "presence_penalty", "seed", "parallel_tool_calls")


def of_request(salt: bytes | memoryview, request: ChatRequest) -> dict[str, Any]:
    """For `Run.sent`, when an attempt begins."""
    shown = {
        name: value
        for name, value in request.extra.items()
        if name in SHOWN and isinstance(value, int | float)
    }
    parameters = {"max_output_tokens": request.max_output_tokens, **shown}
    if request.temperature is not None:
        parameters["temperature"] = request.temperature
    return {"hash": salted_hash(bytes(salt), prompt_text(request)), "parameters": parameters}


def prompt_text(request: ChatRequest) -> dict[str, Any]:
    """Everything of a request that people wrote."""
    rest = {name: value for name, value in request.extra.items() if name not in SHOWN}
    return {**rest, "messages": request.messages}


def answer_text(run: Run) -> dict[str, Any]:
    return {"text": run.text, "tool_calls": run.tool_calls}


def of_settled(run: Run, settlement: Settlement, gates: tuple[Gate, ...] = ()) -> SettledRun:
    """For the receipt of a run whose end is written into it."""
    return SettledRun(
        attempt=run.attempt,
        settlement=settlement,
        state=run.state,
        finish_reason=run.finish_reason,
        model_answered=run.answered_by,
        prompt_hash=run.sent.get("hash", ""),
        answer_hash=salted_hash(bytes(run.salt), answer_text(run)),
        parameters=run.sent.get("parameters", {}),
        started_at=run.started_at,
        error_code=run.error_code,
        gates=gates,
    )
