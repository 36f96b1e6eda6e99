"""What is said of a log: two verdicts, neither of which implies the other."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

MOST_NAMED = 20


@dataclass(frozen=True)
class Problem:
    """`where`: the leaf, receipt, run or checkpoint that it is about."""

    code: str
    where: str
    message: str


@dataclass
class Verdict:
    """`checked`: how many leaves, or settlements, were looked at. `count`: of all problems, also those not named."""

    checked: int = 0
    count: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return self.count == 0

    def note(self, code: str, message: str, places: Iterable[object]) -> None:
        """Adds a problem for each place."""
        for place in places:
            self.add(Problem(code, str(place), message.format(place)))

    def plus(self, other: "Verdict") -> "Verdict":
        problems = [*self.problems, *other.problems][:MOST_NAMED]
        return Verdict(self.checked + other.checked, self.count + other.count, problems)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Verdict":
        problems = [Problem(**problem) for problem in value["problems"]]
        return cls(value["checked"], value["count"], problems)

    def add(self, problem: Problem) -> None:
        self.count += 1
        if self.count <= MOST_NAMED:
            self.problems.append(problem)


@dataclass(frozen=True)
class Verdicts:
    """`size`: leaves of the log. `pending`: recorded, but not numbered yet.

    `whole_at`: when all of it was looked at last, and `whole_size` how much that was. What came after is looked at now;
    None: everything was looked at now.
    """

    integrity: Verdict
    completeness: Verdict
    size: int
    pending: int
    whole_at: datetime | None = None
    whole_size: int = 0

    @property
    def hold(self) -> bool:
        return self.integrity.holds and self.completeness.holds
