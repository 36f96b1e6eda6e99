"""docs/configuration.md lists every environment variable that `config` reads, with its default, and no other."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = {"text", "flag", "integer", "words", "http_url", "database", "email", "resolver", "one_of"}
NOT_OURS = {"PATH", "PYTHONWARNINGS", "PYTEST_XDIST_WORKER"}
DEFAULTS_IN = {"base.py", "ground.py", "people.py", "asgi.py"}
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \|", re.MULTILINE)


def reads() -> dict[str, str | None]:
    """Name → default, where it is a constant in the code."""
    found: dict[str, str | None] = {}
    for path in sorted((ROOT / "config").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name, default = _read(node, of_env=path.name == "env.py")
            if name and name not in NOT_OURS:
                found[name] = default if default and path.name in DEFAULTS_IN else found.get(name)
    return found


def _read(node: ast.AST, *, of_env: bool) -> tuple[str | None, str | None]:
    if isinstance(node, ast.Subscript) and _ends_with(node.value, "environ"):
        return _constant(node.slice), None
    if isinstance(node, ast.Compare) and _ends_with(node.comparators[0], "environ"):
        return _constant(node.left), None
    if isinstance(node, ast.FunctionDef) and of_env and node.args.args and node.args.defaults:
        return (_constant(node.args.defaults[0]) if node.args.args[0].arg == "name" else None), None
    if not isinstance(node, ast.Call) or not node.args:
        return None, None
    function = node.func
    reader = isinstance(function, ast.Attribute) and (
        (function.attr in READERS and _ends_with(function.value, "env"))
        or (function.attr in ("get", "setdefault") and _ends_with(function.value, "environ"))
    )
    own = of_env and isinstance(function, ast.Name) and function.id in READERS
    if not (reader or own):
        return None, None
    return _constant(node.args[0]), _constant(node.args[1]) if len(node.args) > 1 else None


def _ends_with(node: ast.AST, name: str) -> bool:
    return (isinstance(node, ast.Name) and node.id == name) or (
        isinstance(node, ast.Attribute) and node.attr == name
    )


def _constant(node: ast.AST) -> str | None:
    return str(node.value) if isinstance(node, ast.Constant) and node.value not in (None, "") else None


def documented() -> dict[str, str]:
    rows = ROW.findall((ROOT / "docs" / "configuration.md").read_text())
    assert len(rows) == len(dict(rows)), "a variable is listed twice"
    return dict(rows)


def test_the_search_finds_each_way_of_reading():
    found = reads()
    for name in ("SECRET_KEY", "DATABASE_URL", "EMAIL_URL", "WEB_THREADS", "SIMULATOR_PORT", "CHROMIUM"):
        assert name in found, name
    assert found["DATABASE_POOL_SIZE"] == "16"


def test_every_variable_is_documented_and_no_other():
    assert set(documented()) == set(reads())


def test_documented_defaults_are_those_of_the_code():
    shown = documented()
    wrong = {
        name: default for name, default in reads().items() if default and f"`{default}`" not in shown[name]
    }
    assert not wrong
