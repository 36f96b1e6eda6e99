"""The risks that a model names in given code: their shape, and which of them point at something that is there."""

from collections.abc import Mapping
from typing import Any

from assistants.generation import answers
from assistants.generation.files import ANSWER, RULES, Checked
from usage.receipts.settled import FAILED, PASSED, Gate

SEVERITIES = ("low", "medium", "high", "critical")
PLACES = "places"
MAX_RISKS = 200
SHORT, LONG = 300, 4_000
TEXT = {"type": "string"}


def schema_of(paths: list[str]) -> dict[str, Any]:
    """Only given files can be named."""
    risk = {
        "path": {"type": "string", "enum": paths},
        "line": {"type": "integer"},
        "severity": {"type": "string", "enum": list(SEVERITIES)},
        "title": TEXT,
        "detail": TEXT,
        "advice": TEXT,
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["summary", "risks"],
        "properties": {
            "summary": TEXT,
            "risks": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": list(risk),
                    "properties": risk,
                },
            },
        },
    }


def read(text: str, lines: Mapping[str, int]) -> dict[str, Any]:
    """`summary`, `risks`, `gates`. `lines`: path → how many it has. A risk in a file that was not given is left out;
    one at a line that the file does not have keeps its words and has no line."""
    rows, rest, is_whole = answers.read(text, "risks")
    found, astray = [], 0
    for row in rows[:MAX_RISKS]:
        risk = _risk(row, lines)
        astray += risk is None or risk["line"] is None
        found += [risk] if risk is not None else []
    said = "It is whole." if is_whole else "The answer is not whole: what could be read of it is here."
    lost = (
        f"{astray} named a file or a line that is not there."
        if astray
        else "Each names a line that is there."
    )
    gates = [Checked(ANSWER, "", is_whole, said), Checked(PLACES, "", astray == 0, lost)]
    summary = rest.get("summary")
    return {
        "summary": _text(summary, LONG),
        "risks": sorted(found, key=lambda risk: -SEVERITIES.index(risk["severity"])),
        "gates": [vars(gate) for gate in gates],
    }


def _risk(row: dict[str, Any], lines: Mapping[str, int]) -> dict[str, Any] | None:
    path, line = row.get("path"), row.get("line")
    if not isinstance(path, str) or path not in lines:
        return None
    is_there = isinstance(line, int) and not isinstance(line, bool) and 1 <= line <= lines[path]
    severity = row.get("severity")
    return {
        "path": path,
        "line": line if is_there else None,
        "severity": severity if severity in SEVERITIES else "medium",
        "title": _text(row.get("title"), SHORT),
        "detail": _text(row.get("detail"), LONG),
        "advice": _text(row.get("advice"), LONG),
    }


def _text(value: Any, most: int) -> str:
    return value.strip()[:most] if isinstance(value, str) else ""


def gates_of(text: str) -> tuple[Gate, ...]:
    """For the run's receipt, which knows no file of the person: whether the answer could be read."""
    _, _, is_whole = answers.read(text, "risks")
    return (Gate(ANSWER, PASSED if is_whole else FAILED, RULES),)
