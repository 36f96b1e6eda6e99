"""What the calls of one answer used together."""

import dataclasses
from typing import Any

from assistants.llm import tokens
from assistants.llm.chat import ChatRequest
from assistants.llm.usage import Usage
from assistants.runs.job import Outcome

NOTHING = Usage(0, 0, 0, 0)


class Books:
    """The provider's own counts, summed; where it sent none for a call that said something, ours, and marked."""

    def __init__(self) -> None:
        self.total = NOTHING
        self._is_estimated = False

    def add(self, usage: Usage | None, request: ChatRequest, text: str, calls: list[dict[str, Any]]) -> None:
        """A call that said nothing and was not counted is not charged."""
        spoken = text + "".join(call["function"]["name"] + call["function"]["arguments"] for call in calls)
        if spoken and (usage is None or usage.output_tokens == 0):
            read = tokens.count_prompt(request.messages, request.extra.get("tools"), model=request.model)
            usage = Usage(read, tokens.count(spoken), 0, 0)
            self._is_estimated = True
        if usage is not None:
            pairs = zip(dataclasses.astuple(self.total), dataclasses.astuple(usage), strict=True)
            self.total = Usage(*(before + more for before, more in pairs))

    def close(self, outcome: Outcome) -> None:
        """None when nothing was counted: then nothing was said either."""
        outcome.usage = self.total if self.total != NOTHING else None
        outcome.is_estimated = self._is_estimated
