"""What stands in given code, counted by us and the same each time: no model is asked, nothing is run or imported."""

import ast
from collections.abc import Iterator
from typing import Any

from assistants.generation import syntax

MOST_LISTED = 500
Function = ast.FunctionDef | ast.AsyncFunctionDef


def of_file(path: str, content: str, language: str) -> dict[str, Any]:
    """Functions, classes and imports of Python; of everything else its length and whether it parses."""
    language = language or syntax.language_of(path)
    # As editors count: `str.splitlines` also breaks at characters that they do not.
    lines = content.count("\n") + (0 if content.endswith("\n") or not content else 1)
    parses, detail = syntax.judge(path if syntax.language_of(path) else f"x.{_end_of(language)}", content)
    named: dict[str, list[Any]] = {"functions": [], "classes": [], "imports": []}
    if language == "python" and parses:
        named = _of_python(ast.parse(content))
    return {
        "path": path,
        "language": language,
        "lines": lines,
        "parses": parses,
        "detail": detail,
        **named,
    }


def _end_of(language: str) -> str:
    return next((end for end, name in syntax.LANGUAGES.items() if name == language), "txt")


def _of_python(tree: ast.Module) -> dict[str, list[Any]]:
    functions = [_function(node) for node in tree.body if isinstance(node, Function)]
    classes = [_class(node) for node in tree.body if isinstance(node, ast.ClassDef)]
    imports = sorted({name for node in ast.walk(tree) for name in _imported(node)})
    return {
        "functions": functions[:MOST_LISTED],
        "classes": classes[:MOST_LISTED],
        "imports": imports[:MOST_LISTED],
    }


def _function(node: Function) -> dict[str, Any]:
    return {"name": node.name, "line": node.lineno, "end_line": node.end_lineno or node.lineno}


def _class(node: ast.ClassDef) -> dict[str, Any]:
    methods = [_function(inner) for inner in node.body if isinstance(inner, Function)]
    where = {"name": node.name, "line": node.lineno, "end_line": node.end_lineno or node.lineno}
    return {**where, "methods": methods[:MOST_LISTED]}


def _imported(node: ast.AST) -> Iterator[str]:
    """`import a.b` and `from a import b` name their module; `from . import x` names `.`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")
