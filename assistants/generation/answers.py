"""Reads a model's answer as JSON, and what there is of one that was cut off: it is paid all the same."""

import json
from typing import Any

DECODER = json.JSONDecoder()


def read(text: str, name: str) -> tuple[list[dict[str, Any]], dict[str, Any], bool]:
    """The objects of the list called `name`, the answer's other fields, and whether it was read to its end."""
    text = _bare(text)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _salvaged(text, name), {}, False
    if not isinstance(whole, dict) or not isinstance(whole.get(name), list):
        return [], {}, False
    rest = {key: value for key, value in whole.items() if key != name}
    rows = [row for row in whole[name] if isinstance(row, dict)]
    return rows, rest, len(rows) == len(whole[name])


def _bare(text: str) -> str:
    """Without the fence that some models put around it."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        return text.partition("\n")[2][:-3].strip()
    return text


def _salvaged(text: str, name: str) -> list[dict[str, Any]]:
    """The list's objects that arrived whole."""
    begin = text.find("[", max(text.find(f'"{name}"'), 0))
    found: list[dict[str, Any]] = []
    at = begin + 1
    while begin >= 0:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            row, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        if isinstance(row, dict):
            found.append(row)
    return found
