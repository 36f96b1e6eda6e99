"""What a version of an assistant holds: everything that a person sets, as values and as a snapshot (JSON).

Who may use it stands in a snapshot too, so that its history tells it; bringing back a version never changes that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any
from uuid import UUID

from assistants.models import Assistant

HUNDREDTH = Decimal("0.01")
LISTS = ("fallback_models", "tools", "starters", "knowledge")
MAX_FALLBACKS = 2
MAX_STARTERS = 6
STARTER_LENGTH = 200


@dataclass(frozen=True)
class Content:
    """`knowledge`: ids of the documents that it searches whoever asks. `fallback_models`: asked in this order."""

    name: str
    model: str
    description: str = ""
    instructions: str = ""
    fallback_models: list[str] = field(default_factory=list)
    temperature: Decimal = Decimal("0.70")
    max_output_tokens: int = 2048
    tools: list[str] = field(default_factory=list)
    starters: list[str] = field(default_factory=list)
    uses_memory: bool = True
    knowledge: list[UUID] = field(default_factory=list)

    def snapshot(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in NAMES}
        values["temperature"] = str(Decimal(self.temperature).quantize(HUNDREDTH))
        values["knowledge"] = sorted(str(each) for each in self.knowledge)
        return values


NAMES = tuple(each.name for each in fields(Content))
COLUMNS = tuple(name for name in NAMES if name != "knowledge")
"""Those that are columns of an assistant's row."""


def of_snapshot(snapshot: Mapping[str, Any]) -> Content:
    """What a snapshot of an older form lacks has its default."""
    values = {name: snapshot[name] for name in NAMES if name in snapshot}
    values["temperature"] = Decimal(values["temperature"])
    values["knowledge"] = [UUID(each) for each in values.get("knowledge", [])]
    return Content(**values)


def of_row(assistant: Assistant, knowledge: Iterable[UUID]) -> Content:
    """What is in use."""
    values = {name: getattr(assistant, name) for name in COLUMNS}
    values["temperature"] = Decimal(values["temperature"])
    return Content(**values, knowledge=list(knowledge))


def differences(former: Mapping[str, Any], later: Mapping[str, Any]) -> list[str]:
    """Names of what two snapshots do not share, sorted. A name that one lacks counts as empty."""
    return sorted(
        name for name in {*former, *later} if (former.get(name) or None) != (later.get(name) or None)
    )
