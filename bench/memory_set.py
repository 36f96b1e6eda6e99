"""The set of conversations of bench/memory: read, kept in two ways, and asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import yaml

HERE = Path(__file__).parent / "memory"
TOP = 5
Ask = Callable[[str], list[str]]


@dataclass(frozen=True)
class Statement:
    key: str
    text: str
    layer: str
    slot: str
    at: datetime
    is_forgotten: bool = False


@dataclass(frozen=True)
class Question:
    ask: str
    expects: frozenset[str]
    stale: frozenset[str]
    words: str = ""


@dataclass
class Score:
    """Means over the questions. `stale`: of the questions that a replaced or forgotten fact could spoil, those with one
    among the answers. `right`: all of what is needed, and nothing stale beside it.
    """

    recall: float = 0
    precision: float = 0
    stale: float = 0
    other_words: float = 0
    right: float = 0
    seconds: list[float] = field(default_factory=list)


def statements() -> list[Statement]:
    """Everything that was ever said, in its order; what is said again comes last."""
    told = yaml.safe_load((HERE / "facts.yaml").read_text())
    found = []
    for talk in told["conversations"]:
        at = datetime.combine(talk["date"], datetime.min.time(), ZoneInfo("UTC"))
        for fact in talk["facts"]:
            found.append(_statement(fact, at))
    end = found[-1].at + timedelta(days=1)
    found += [_statement({**fact, "layer": "shared"}, end) for fact in told["shared"]]
    found += [_statement(fact, end) for fact in told["distractors"]]
    return found + [_statement({**fact, "id": fact["of"]}, end) for fact in told["duplicates"]]


def _statement(fact: dict[str, Any], at: datetime) -> Statement:
    return Statement(
        fact["id"], fact["fact"], fact["layer"], fact.get("slot", ""), at, bool(fact.get("forgotten"))
    )


def questions() -> list[Question]:
    asked = yaml.safe_load((HERE / "questions.yaml").read_text())
    found = [
        Question(row["ask"], frozenset(row["expects"]), frozenset(row.get("stale", ())), row["words"])
        for row in asked["questions"]
    ]
    return found + [Question(row["ask"], frozenset(), frozenset(row["stale"])) for row in asked["never"]]


def judge(answer: Ask, clock: Callable[[], float]) -> Score:
    """`answer`: the keys of what is found, best first. What stands there twice counts once."""
    score = Score()
    wanted = [question for question in questions() if question.expects]
    with_stale = [question for question in questions() if question.stale]
    others = [question for question in wanted if question.words == "other"]
    for question in questions():
        began = clock()
        found = answer(question.ask)[:TOP]
        score.seconds.append(clock() - began)
        hits = question.expects & set(found)
        if question.expects:
            score.recall += len(hits) / len(question.expects) / len(wanted)
            score.precision += len(hits) / max(1, len(found)) / len(wanted)
            score.right += (hits == question.expects and not question.stale & set(found)) / len(wanted)
        if question.words == "other":
            score.other_words += len(hits) / len(question.expects) / len(others)
        if question.stale:
            score.stale += bool(question.stale & set(found)) / len(with_stale)
    return score


def keys_of(ids: list[UUID], keys: dict[UUID, str]) -> list[str]:
    return [keys[row_id] for row_id in ids if row_id in keys]
