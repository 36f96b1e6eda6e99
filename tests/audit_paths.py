"""Reads from the source what each function writes to the database and to the audit log, on every way through it.

A way is (does it write?, how many entries: 0, 1 or MANY). Calls of our own functions are followed, by name. Not
followed: what is called through a port or after the commit (it has entries of its own), and methods. Ways that raise
are left out: their transaction is undone. Conditions are not read, so a way may be one that nobody can go.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Way = tuple[bool, int]
Ways = frozenset[Way]
MANY = 2
NOTHING: Ways = frozenset({(False, 0)})
NO_WAY: Ways = frozenset()
WRITE: Ways = frozenset({(True, 0)})
ENTRY: Ways = frozenset({(False, 1)})

WRITERS = frozenset(
    [
        "create",
        "bulk_create",
        "update_or_create",
        "bulk_update",
        "save",
        "delete",
        "aupdate_or_create",
        "get_or_create",
    ]
)
WRITING_SQL = ("INSERT INTO", "UPDATE ", "DELETE FROM")


def then(first: Ways, second: Ways) -> Ways:
    return frozenset((a or c, min(b + d, MANY)) for a, b in first for c, d in second)


def repeated(body: Ways) -> Ways:
    """Never, once, or more often."""
    found = NOTHING
    while (more := found | then(found, body)) != found:
        found = more
    return found


@dataclass(frozen=True)
class Ends:
    """How a block is left: at its end, or by `return`."""

    at_end: Ways
    by_return: Ways = NO_WAY


@dataclass
class Source:
    """Functions by full name (`accounts.services.add_member`), and what names mean in their modules."""

    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    borders: frozenset[str] = frozenset()
    """Not followed: what these write and enter is theirs."""
    _known: dict[str, Ways] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def add(self, module: str, tree: ast.Module) -> None:
        names = self.names.setdefault(module, {})
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    names[alias.asname or alias.name] = alias.name
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.functions[f"{module}.{node.name}"] = node
                names[node.name] = f"{module}.{node.name}"
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.texts.setdefault(module, {})[node.targets[0].id] = ast.unparse(node.value)

    def alone(self, borders: frozenset[str]) -> "Source":
        """The same, read without following `borders`."""
        return Source(self.functions, self.names, self.texts, borders)

    def ways(self, name: str) -> Ways:
        """Of a function. One that calls itself is taken as doing nothing there."""
        if name in self._known or name in self._open:
            return self._known.get(name, NOTHING)
        self._open.add(name)
        ends = Reader(self, name.rsplit(".", 1)[0]).block(self.functions[name].body)
        self._open.discard(name)
        self._known[name] = ends.at_end | ends.by_return
        return self._known[name]


@dataclass(frozen=True)
class Reader:
    source: Source
    module: str

    def block(self, statements: Iterable[ast.stmt]) -> Ends:
        found, returned = NOTHING, NO_WAY
        for statement in statements:
            ends = self.statement(statement)
            returned |= then(found, ends.by_return)
            found = then(found, ends.at_end)
        return Ends(found, returned)

    def statement(self, node: ast.stmt) -> Ends:
        match node:
            case ast.Return():
                ends = Ends(NO_WAY, self.within(node))
            case ast.Raise():
                ends = Ends(NO_WAY)
            case ast.If():
                ends = self._after(self.within(node.test), self.block(node.body), self.block(node.orelse))
            case ast.For():
                ends = self._loop(self.within(node.iter), self.block(node.body))
            case ast.While():
                ends = self._loop(self.within(node.test), self.block(node.body))
            case ast.With():
                head = self.within(ast.Tuple([item.context_expr for item in node.items]))
                ends = self._after(head, self.block(node.body))
            case ast.Try():
                handled = [self.block(handler.body) for handler in node.handlers]
                ends = self._after(NOTHING, self.block([*node.body, *node.orelse]), *handled)
            case ast.FunctionDef() | ast.ClassDef():
                ends = Ends(NOTHING)  # read where it is called, if it is known by name
            case _:
                ends = Ends(self.within(node))
        return ends

    def _loop(self, head: Ways, body: Ends) -> Ends:
        looped = then(head, repeated(body.at_end))
        return Ends(looped, then(looped, body.by_return))

    def _after(self, head: Ways, *branches: Ends) -> Ends:
        at_end = frozenset().union(*(each.at_end for each in branches))
        by_return = frozenset().union(*(each.by_return for each in branches))
        return Ends(then(head, at_end), then(head, by_return))

    def within(self, node: ast.AST | None) -> Ways:
        """Of an expression: its calls, one after the other."""
        found = NOTHING
        for call in calls_in(node):
            found = then(found, self.call(call))
        return found

    def call(self, node: ast.Call) -> Ways:
        name = ast.unparse(node.func)
        if name == "audit.record":
            return ENTRY
        called = self._full(name)
        if called in self.source.borders:
            return NOTHING
        if called in self.source.functions:
            return self.source.ways(called)
        return WRITE if self._writes(node, name) else NOTHING

    def _full(self, name: str) -> str:
        head, _, rest = name.partition(".")
        full = self.source.names.get(self.module, {}).get(head, "")
        return f"{full}.{rest}" if rest else full

    def _writes(self, node: ast.Call, name: str) -> bool:
        last = name.rsplit(".", 1)[-1]
        if last == "execute":
            texts = self.source.texts.get(self.module, {})
            statement = ast.unparse(node.args[0]) if node.args else ""
            statement = texts.get(statement, statement)
            return any(word in statement for word in WRITING_SQL)
        if last in (
            "update",
            "delete",
        ):  # of rows; a dictionary, a cache and a storage are given what to change
            return bool(node.keywords or last == "delete") and not node.args and not name.startswith("self.")
        on_model = ".objects." in name or last == "save"
        return last in WRITERS and on_model and "session" not in name


def calls_in(node: ast.AST | None) -> Iterator[ast.Call]:
    """Innermost first. Not what is left for after the commit, nor what is only made ready (`lambda`, `partial`)."""
    if node is None or isinstance(node, ast.Lambda | ast.FunctionDef):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("transaction.on_commit", "partial"):
        return
    for child in ast.iter_child_nodes(node):
        yield from calls_in(child)
    if isinstance(node, ast.Call):
        yield node
