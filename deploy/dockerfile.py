"""Reading a Dockerfile: stages, and the few instructions that ours uses. Anything else is refused."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = frozenset({"FROM", "COPY", "RUN", "ENV", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "CMD"})


class UnknownInstruction(ValueError):
    pass


@dataclass(frozen=True)
class Instruction:
    keyword: str
    text: str

    def words(self) -> list[str]:
        return shlex.split(self.text)

    def flag(self, name: str) -> str | None:
        """The value of ``--name=value``."""
        prefix = f"--{name}="
        return next((word.removeprefix(prefix) for word in self.words() if word.startswith(prefix)), None)

    def arguments(self) -> list[str]:
        return [word for word in self.words() if not word.startswith("--")]

    def command(self) -> list[str]:
        """The list of the exec form, which HEALTHCHECK and CMD are required to have."""
        command = json.loads(self.text[self.text.index("[") :])
        if not isinstance(command, list):
            raise UnknownInstruction(f"{self.keyword} must have the form of a list.")
        return [str(word) for word in command]


@dataclass
class Stage:
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def last(self, keyword: str) -> Instruction:
        return [step for step in self.instructions if step.keyword == keyword][-1]


def read(path: Path) -> list[Stage]:
    """Raises ``UnknownInstruction`` for what this reader does not understand."""
    stages: list[Stage] = []
    for instruction in _instructions(path.read_text()):
        if instruction.keyword == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            stages.append(Stage(base=base.strip(), name=name.strip() or str(len(stages))))
        else:
            stages[-1].instructions.append(instruction)
    return stages


def _instructions(text: str) -> list[Instruction]:
    without_comments = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", without_comments)
    instructions = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, rest = line.partition(" ")
        if keyword not in KNOWN:
            raise UnknownInstruction(f"This reader does not know {keyword}.")
        instructions.append(Instruction(keyword, rest.strip()))
    return instructions


def variables(instruction: Instruction, before: dict[str, str]) -> dict[str, str]:
    """Of an ENV instruction, with references to earlier ones replaced."""
    pairs = (word.partition("=") for word in instruction.words())
    return {name: re.sub(r"\$\{?(\w+)\}?", lambda m: before.get(m[1], ""), value) for name, _, value in pairs}


@dataclass(frozen=True)
class IgnoreRules:
    """Of .dockerignore: later rules win, ``!`` takes a rule back."""

    rules: tuple[tuple[re.Pattern[str], bool], ...]

    @classmethod
    def read(cls, path: Path) -> "IgnoreRules":
        lines = [line.strip() for line in path.read_text().splitlines()]
        wanted = [line for line in lines if line and not line.startswith("#")]
        return cls(tuple((_pattern(line.removeprefix("!")), not line.startswith("!")) for line in wanted))

    def excludes(self, path: str) -> bool:
        """``path`` is relative to the build context; a rule for a directory covers what is in it."""
        parents = ["/".join(path.split("/")[: depth + 1]) for depth in range(path.count("/") + 1)]
        excluded = False
        for pattern, excludes in self.rules:
            if any(pattern.fullmatch(candidate) for candidate in parents):
                excluded = excludes
        return excluded


def _pattern(rule: str) -> re.Pattern[str]:
    escaped = re.escape(rule.strip("/"))
    return re.compile(escaped.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*"))
