"""Whether a file parses, by its name. Nothing is ever run or imported, and no parser follows a reference out."""

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

import yaml
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from pygments.lexers.javascript import JavascriptLexer
from pygments.token import Comment, Error, String

from assistants.generation.markup import TagProblem, check_tags

PAIRS = {")": "(", "]": "[", "}": "{"}
CSS_QUIET = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


class Unparsable(Exception):  # noqa: N818  reads as what happened
    """What is wrong, with the line where that is known."""


def _python(text: str) -> None:
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise Unparsable(f"line {error.lineno or 1}: {error.msg}") from error


def _json(text: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise Unparsable(f"line {error.lineno}: {error.msg}") from error


def _toml(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unparsable(str(error)[:200]) from error


def _yaml(text: str) -> None:
    """Events only: nothing is built, so that aliases cannot grow."""
    anchors: set[str] = set()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            name = getattr(event, "anchor", None)
            if isinstance(event, yaml.AliasEvent) and name not in anchors:
                raise Unparsable(f"line {_line(event.start_mark)}: nothing is called {name!r}")
            anchors |= {name} if name else set()
    except yaml.MarkedYAMLError as error:
        raise Unparsable(f"line {_line(error.problem_mark)}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise Unparsable("it holds characters that YAML does not allow") from error


def _line(mark: Any) -> int:
    return mark.line + 1 if mark is not None else 1


def _xml(text: str) -> None:
    try:
        ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        raise Unparsable(f"line {error.position[0]}: {str(error).partition(':')[0]}") from error
    except DefusedXmlException as error:
        raise Unparsable("it declares entities, which are not read") from error


def _html(text: str) -> None:
    try:
        check_tags(text)
    except TagProblem as problem:
        raise Unparsable(f"line {problem.line}: {problem}") from problem


def _css(text: str) -> None:
    """Braces, quotes and comments close."""
    quiet = CSS_QUIET.sub(lambda found: "\n" * found[0].count("\n"), text)
    if "/*" in quiet or "*/" in quiet:
        raise Unparsable("a comment is not closed")
    for number, line in enumerate(quiet.split("\n"), 1):
        if '"' in line or "'" in line:
            raise Unparsable(f"line {number}: a quote is not closed")
    _balance((char, line) for line, row in enumerate(quiet.split("\n"), 1) for char in row)


class Unreadable(Exception):  # noqa: N818  reads as what happened
    """Nothing here can tell."""


def _javascript(text: str) -> None:
    """Braces within the expressions of templates are more than Pygments follows: then a fault is no proof."""
    try:
        _javascript_tokens(text)
    except Unparsable as problem:
        if "${" in text:
            raise Unreadable from problem
        raise


def _javascript_tokens(text: str) -> None:
    """Every character belongs to a token, and brackets, quotes and comments close."""
    found, line, ticks = [], 1, 0
    for kind, value in JavascriptLexer(stripnl=False, ensurenl=False).get_tokens(text):
        if kind is Error and value.strip():
            raise Unparsable(f"line {line}: {value[:20]!r} is unexpected")
        ticks += value.count("`") if kind is String.Backtick else 0
        if kind not in Comment and (kind not in String or kind is String.Interpol):
            found += [(char, line) for char in value]
        line += value.count("\n")
    if ticks % 2:
        raise Unparsable("a template is not closed")
    _balance(iter(found))


def _balance(chars: Iterable[tuple[str, int]]) -> None:
    opened: list[tuple[str, int]] = []
    for char, line in chars:
        if char in "([{":
            opened.append((char, line))
        elif char in PAIRS and (not opened or opened.pop()[0] != PAIRS[char]):
            raise Unparsable(f"line {line}: {char!r} closes nothing")
    if opened:
        raise Unparsable(f"line {opened[-1][1]}: {opened[-1][0]!r} is not closed")


Check = Callable[[str], None]
CHECKS: dict[str, tuple[Check, str]] = {
    "python": (_python, "It parses."),
    "json": (_json, "It parses."),
    "yaml": (_yaml, "It parses."),
    "toml": (_toml, "It parses."),
    "xml": (_xml, "It parses."),
    "html": (_html, "Its elements close."),
    "css": (_css, "Its braces, quotes and comments close; properties are not judged."),
    "javascript": (_javascript, "Its brackets, quotes and comments close; the rest is not judged."),
}
LANGUAGES = {
    "py": "python", "pyi": "python", "json": "json", "yaml": "yaml", "yml": "yaml", "toml": "toml", "xml": "xml",
    "svg": "xml", "html": "html", "htm": "html", "css": "css", "js": "javascript", "mjs": "javascript",
    "cjs": "javascript", "md": "markdown", "txt": "text", "ts": "typescript", "tsx": "typescript", "jsx": "jsx",
    "sh": "shell", "sql": "sql", "go": "go", "rs": "rust", "java": "java", "rb": "ruby", "php": "php", "c": "c",
    "h": "c", "cpp": "cpp", "cs": "csharp", "kt": "kotlin", "swift": "swift", "csv": "csv",
}  # fmt: skip


def language_of(path: str) -> str:
    """By the name's end; empty when it says nothing."""
    return LANGUAGES.get(PurePosixPath(path).suffix[1:].lower(), "")


def judge(path: str, text: str) -> tuple[bool | None, str]:
    """Whether the file parses, and what was looked at. None: nothing here reads its language."""
    check, said = CHECKS.get(language_of(path), (None, ""))
    if check is None:
        return None, "Nothing here parses this language."
    try:
        check(text)
    except Unparsable as problem:
        return False, f"It does not parse: {problem}."
    except Unreadable:
        return None, "It has templates that nothing here can follow."
    except (ValueError, RecursionError, MemoryError):
        return False, "It does not parse: it is nested too deeply, or holds characters that no text may have."
    return True, said
