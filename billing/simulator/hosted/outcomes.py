"""How something that a page asked for went."""

from dataclasses import dataclass, field

from billing.simulator.core.errors import Refused

Problem = dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """On to `url`, or a `problem` {title, text} to show where one is."""

    url: str = ""
    problem: Problem = field(default_factory=dict)


def problem_of(message: str, title: str = "The payment failed") -> Problem:
    return {"title": title, "text": message}


def of_refusal(refusal: Refused, title: str = "The payment failed") -> Outcome:
    return Outcome(problem=problem_of(refusal.message, title))
