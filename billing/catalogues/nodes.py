"""Reading a YAML file so that everything that is wrong with it is found at once, each with its line and key."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

UNLIMITED = "unlimited"


@dataclass(frozen=True, order=True)
class Fault:
    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


@dataclass
class Report:
    """Where a reading collects what is wrong."""

    file: str
    faults: list[Fault] = field(default_factory=list)

    def add(self, node: Node | None, key: str, message: str) -> None:
        line = node.start_mark.line + 1 if node is not None else 1
        fault = Fault(self.file, line, key, message)
        if fault not in self.faults:
            self.faults.append(fault)


class Section:
    """One mapping of the file. What is asked for by name is checked and known; `finish` reports what nobody asked for.

    A value that is wrong is reported, and answered by a harmless one so that reading goes on.
    """

    def __init__(self, node: Node, path: str, report: Report) -> None:
        self.node, self.path, self.report = node, path, report
        self.values: dict[str, Node] = {}
        self._keys: dict[str, Node] = {}
        self._asked: set[str] = set()
        if not isinstance(node, MappingNode):
            report.add(node, path or "file", "must be a mapping of keys to values")
            return
        for key_node, value in node.value:
            name = str(getattr(key_node, "value", ""))
            if name in self.values:
                report.add(key_node, self.where(name), "stands here twice")
            self.values[name], self._keys[name] = value, key_node

    def where(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def fault(self, name: str, message: str) -> None:
        """At the line of that key, or of the section when it has none."""
        self.report.add(self._keys.get(name, self.node), self.where(name), message)

    def has(self, name: str) -> bool:
        self._asked.add(name)
        return name in self.values

    def is_null(self, name: str) -> bool:
        node = self.values.get(name)
        return isinstance(node, ScalarNode) and _scalar(node) is None

    def text(self, name: str, default: str | None = None, *, most: int = 200) -> str:
        value = self._take(name, default)
        if value is default and not self.has(name):
            return default or ""
        if not isinstance(value, str) or not value.strip():
            self.fault(name, "must be words")
            return default or ""
        if len(value) > most:
            self.fault(name, f"is longer than {most} characters")
        return value

    def choice(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        known = list(allowed)
        value = self._take(name, default)
        if value not in known:
            if self.has(name):
                self.fault(name, f"is {value!r}; it can be {', '.join(known)}")
            return default or known[0]
        return str(value)

    def integer(
        self, name: str, default: int | None = None, *, least: int = 0, most: int | None = None
    ) -> int:
        value = self._take(name, default)
        if value is None and not self.has(name):
            return default or least
        if not isinstance(value, int) or isinstance(value, bool):
            self.fault(name, "must be a whole number")
            return default or least
        if value < least or (most is not None and value > most):
            self.fault(name, f"is {value}; it must be {least} or more{f', at most {most}' if most else ''}")
            return default or least
        return value

    def amount(self, name: str) -> int | None:
        """A whole number from 0, or the word `unlimited`, which is None."""
        node = self.values.get(name)
        if isinstance(node, ScalarNode) and _scalar(node) == UNLIMITED:
            self._asked.add(name)
            return None
        return self.integer(name)

    def flag(self, name: str, default: bool | None = False) -> bool:
        value = self._take(name, default)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.fault(name, "must be true or false")
            return bool(default)
        return value

    def section(self, name: str) -> "Section | None":
        """None when it is not there, or null."""
        if not self.has(name) or self.is_null(name):
            return None
        return Section(self.values[name], self.where(name), self.report)

    def sections(self, name: str) -> Iterator["Section"]:
        """The mappings of a list."""
        for number, node in enumerate(self._list(name)):
            yield Section(node, f"{self.where(name)}[{number}]", self.report)

    def named(self, name: str) -> Iterator[tuple[str, "Section"]]:
        """The mappings of a mapping, by their names."""
        outer = self.section(name)
        if outer is not None:
            for key, node in outer.values.items():
                yield key, Section(node, outer.where(key), self.report)

    def words(self, name: str) -> list[tuple[str, Node]]:
        """A list of words, each with its place."""
        found = []
        for node in self._list(name):
            value = _scalar(node) if isinstance(node, ScalarNode) else None
            if isinstance(value, str):
                found.append((value, node))
            else:
                self.report.add(node, self.where(name), "must be a list of words")
        return found

    def finish(self) -> None:
        for name in self.values:
            if name not in self._asked:
                self.fault(name, "is no key that is known here")

    def _list(self, name: str) -> list[Node]:
        if not self.has(name):
            return []
        node = self.values[name]
        if not isinstance(node, SequenceNode):
            self.fault(name, "must be a list")
            return []
        return list(node.value)

    def _take(self, name: str, default: Any) -> Any:
        """The scalar; `default` when there is none. Reports a missing one that has no default."""
        if not self.has(name):
            if default is None:
                self.fault(name, "is missing")
            return default
        node = self.values[name]
        return _scalar(node) if isinstance(node, ScalarNode) else node


def _scalar(node: ScalarNode) -> Any:
    """What YAML's own rules make of it: text, number, truth or nothing. The node itself when it is none of these."""
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        return node


def read(path: Path, report: Report) -> Section | None:
    """The whole file as a section. None, with the fault reported, when it is no YAML."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        report.faults.append(
            Fault(report.file, mark.line + 1 if mark else 1, "file", f"no YAML: {error.problem}")
        )
        return None
    if node is None:
        report.add(None, "file", "is empty")
        return None
    return Section(node, "", report)
