"""Receipts as pages show them: plain values, made without further queries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from usage import money
from usage.receipts import verify
from usage.receipts.models import Receipt

METER_WORDS = {
    "messages": "Messages",
    "input_tokens": "Tokens read",
    "cached_tokens": "of these cached",
    "output_tokens": "Tokens written",
    "reasoning_tokens": "of these reasoning",
    "images": "Images",
    "audio_in_ms": "Milliseconds listened",
    "audio_out_ms": "Milliseconds spoken",
}


@dataclass(frozen=True)
class Line:
    """A receipt in a list."""

    id: UUID
    created_at: datetime
    kind: str
    model: str
    cost: str
    number: int | None


@dataclass(frozen=True)
class Entry:
    """A named value. `is_code`: shown in the font of hashes and ids."""

    name: str
    value: object
    is_code: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    entries: list[Entry]


def lines(receipts: Sequence[Receipt]) -> list[Line]:
    return [
        Line(
            row.id,
            row.created_at,
            row.kind,
            row.model,
            money.as_text(int(json.loads(row.body)["cost"]["micro"])),
            row.leaf_index,
        )
        for row in receipts
    ]


def sections(body: dict[str, Any]) -> list[Section]:
    """What a receipt says, in the order in which people ask."""
    times, texts, cost = body["times"], body["texts"], body["cost"]
    order = [name for name in ("asked", "started", "settled") if times[name]]
    return [
        Section("Run", _run(body)),
        Section("Times", [Entry(name.capitalize(), _instant(times[name])) for name in order]),
        *_gates(body["gates"]),
        Section("Usage and cost", [*_usage(body["usage"]), *_prices(cost["prices"]), _total(cost)]),
        Section(
            "Salted hashes",
            [
                Entry("Prompt", texts["prompt"] or "nothing was sent", is_code=True),
                Entry("Answer", texts["answer"] or "not known", is_code=True),
            ],
        ),
    ]


def _gates(gates: list[dict[str, str]]) -> list[Section]:
    if not gates:
        return []
    entries = [
        Entry(_words(row["name"]), row["verdict"] + (f", by {row['by']}" if row["by"] else ""))
        for row in gates
    ]
    return [Section("Checks of the result", entries)]


def _run(body: dict[str, Any]) -> list[Entry]:
    run, model = body["run"], body["model"]
    return [
        Entry("Kind", f"{run['kind']}, attempt {run['attempt']}, {_ended(run)}"),
        Entry("Model asked", model["asked"]),
        Entry("Model that answered", model["answered"] or "not named by the provider"),
        Entry("Provider", model["provider"]),
        *(Entry(_words(name), value) for name, value in body["parameters"].items()),
        Entry("Person", body["person_ref"], is_code=True),
        Entry("Run", run["id"], is_code=True),
        *([Entry("Recorded", "later, from the ledger alone")] if body.get("recorded") else []),
    ]


def _ended(run: dict[str, Any]) -> str:
    error = run.get("error")
    return f"{run['state']} ({error})" if error else str(run["state"])


def _usage(usage: dict[str, Any]) -> list[Entry]:
    names = sorted(usage.keys() - {"is_estimated"}, key=lambda name: [*METER_WORDS, name].index(name))
    counted = [
        Entry(METER_WORDS.get(name, _words(name)), f"{int(usage[name]):,}")
        for name in names
        if int(usage[name])
    ]
    how = "by us, the provider sent no count" if usage["is_estimated"] else "by the provider"
    return [*counted, Entry("Counted", how)]


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _instant(text: str) -> str:
    return text.replace("T", " ").replace("Z", " UTC")


def _prices(prices: list[dict[str, Any]]) -> list[Entry]:
    return [
        Entry(
            f"Price of {row['meter'].replace('_', ' ')}",
            f"{money.as_text(int(row['micro_per_million']))} per million (price row {row['id']})",
        )
        for row in prices
    ]


def _total(cost: dict[str, Any]) -> Entry:
    return Entry(
        "Cost", f"{money.as_text(int(cost['micro']))} ({cost['micro']} millionths of one {cost['currency']})"
    )


def proof(document: dict[str, Any]) -> Section:
    checkpoint = verify.Checkpoint.parse(document["checkpoint"])
    return Section(
        "Place in the log",
        [
            Entry("Log", document["origin"], is_code=True),
            Entry("Leaf", f"{document['leaf_index']:,} of {checkpoint.size:,}, counted from 0"),
            Entry("Hash", document["leaf_hash"], is_code=True),
            Entry("Proof", f"{len(document['inclusion'])} hashes up to the signed root"),
        ],
    )
