"""The house's own rules, read from its source. Each rule also has to find a breach that is put before it."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.permissions import OPEN_MARK
from tests.routes import OPEN_API

ROOT = Path(__file__).resolve().parents[1]
# Each imports only what stands before it.
ORDER = ["config", "tenants", "accounts", "usage", "billing", "assistants"]
# Neighbours that must not know each other.
APART = {"assistants": {"billing"}}
MOST_LINES, MOST_FUNCTION_LINES = 400, 35

# `except Exception` (or wider) hides bugs; where one broken thing must not end all others it is logged with its trace.
BROAD_EXCEPTS = {
    "billing/stripe/mirror.py": "the mirror decides nothing, and dj-stripe meets new shapes with any error",
    "billing/webhooks/services.py": "one broken event must not keep the others from being processed",
    "billing/reconciliation/services.py": "one broken account must not keep the others from being reconciled",
    "usage/outlets.py": "one taker must not keep an event from the others",
    "usage/tasks.py": "one broken hold must not keep the others from being swept",
    "assistants/tools/work.py": "one broken tool must not end the answer that called it",
    "assistants/runs/housekeeping.py": "this thread keeps the leases of all runs of the process",
    "assistants/runs/publisher.py": "one unreadable event must not end the streams of the whole process",
    "config/local/stack.py": "whatever stopped the start, what was started is stopped again; it is raised on",
}


# Whatever speaks to a provider without a run is not limited; a report of what was billed starts no model.
REPORT_READERS = {
    "accounts/sso/outbound.py": "calls identity providers, which are no models",
    "assistants/providers/listing.py": "asks which models there are; none of them runs",
    "config/outbound.py": "the guard of calls to addresses that somebody typed",
    "usage/reconciliation/reports.py": "reads sums of what was billed, which costs nothing and holds no text",
}


@dataclass(frozen=True)
class Module:
    path: str
    tree: ast.Module
    text: str = ""

    @property
    def app(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def name(self) -> str:
        return Path(self.path).stem


def module(text: str, path: str = "usage/example.py") -> Module:
    return Module(path, ast.parse(text), text)


def is_ours(path: Path) -> bool:
    return not any(part.endswith("migrations") for part in path.parts) and "__pycache__" not in path.parts


PATHS = sorted(path for app in ORDER for path in (ROOT / app).rglob("*.py") if is_ours(path))
MODULES = [module(path.read_text(), str(path.relative_to(ROOT))) for path in PATHS]

Breaches = Iterator[str]
Rule = Callable[[Module], Breaches]


def at(found: Module, node: ast.AST) -> str:
    return f"{found.path}:{getattr(node, 'lineno', 0)}"


def walk(found: Module, kind: type) -> Iterator:
    return (node for node in ast.walk(found.tree) if isinstance(node, kind))


def imports(found: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every imported thing by its full name: `from a.b import c` is `a.b.c`."""
    for node in ast.walk(found.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for the expression a.b.c; the last names for what begins otherwise."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


# rules


def imports_leftwards(found: Module) -> Breaches:
    for node, name in imports(found):
        app = name.split(".", 1)[0]
        is_to_the_right = app in ORDER and ORDER.index(app) > ORDER.index(found.app)
        if is_to_the_right or app in APART.get(found.app, ()):
            yield f"{at(found, node)} {found.app} imports {name}"


def leaves_views_and_tasks_alone(found: Module) -> Breaches:
    for node, name in imports(found):
        parts = name.split(".")
        if parts[0] in ORDER and parts[0] != found.app and {"views", "tasks", "api"} & set(parts[1:]):
            yield f"{at(found, node)} imports {name}"


def asks_queries_not_managers(found: Module) -> Breaches:
    """Views parse, call one service or query, and respond."""
    if re.search(r"(^|_)(views?|api)$", found.name) or found.name == "context_processors":
        for node in walk(found, ast.Attribute):
            if node.attr in ("objects", "_default_manager", "raw"):
                yield f"{at(found, node)} .{node.attr}"


def catches_narrowly(found: Module) -> Breaches:
    for node in walk(found, ast.ExceptHandler):
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(item is None or dotted(item) in ("Exception", "BaseException") for item in caught):
            yield at(found, node)


OUTBOUND = re.compile(
    r"^((httpx2?|requests)\.(get|post|put|patch|delete|request|stream|Client|AsyncClient|Session)|"
    r"(openai\.)?(Async)?OpenAI|(urllib\.request\.)?urlopen|smtplib\.SMTP(_SSL)?|socket\.create_connection|"
    r"psycopg\.connect|redis\.(asyncio\.)?(Redis|StrictRedis|BlockingConnectionPool|ConnectionPool)(\.from_url)?)$"
)
POOLED = re.compile(r"^redis\.(asyncio\.)?Redis$")


def limits_outbound_calls(found: Module) -> Breaches:
    """Whatever leaves the process has a timeout at the place where it is made."""
    for node in walk(found, ast.Call):
        name = dotted(node.func)
        names = {keyword.arg for keyword in node.keywords if keyword.arg}
        from_a_pool = POOLED.match(name) and "connection_pool" in names
        if OUTBOUND.match(name) and not from_a_pool and not any("timeout" in given for given in names):
            yield f"{at(found, node)} {name}"


def counts_in_whole_numbers(found: Module) -> Breaches:
    """No float near money: no literal, no conversion, no true division. Only a duration (`…_s`) may be one."""
    for node in ast.walk(found.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{at(found, node)} {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{at(found, node)} /"
        elif isinstance(node, ast.Call) and dotted(node.func) in ("float", "round", "models.FloatField"):
            yield f"{at(found, node)} {dotted(node.func)}()"
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation and _is_float(node):
            yield f"{at(found, node)} {_name_of(node)}: float"
        elif isinstance(node, ast.FunctionDef) and node.returns and "float" in ast.unparse(node.returns):
            yield f"{at(found, node)} {node.name} returns a float"


def _name_of(node: ast.arg | ast.AnnAssign) -> str:
    return node.arg if isinstance(node, ast.arg) else dotted(node.target)


def _is_float(node: ast.arg | ast.AnnAssign) -> bool:
    return "float" in ast.unparse(node.annotation) and not _name_of(node).endswith("_s")


NETWORK = re.compile(
    r"^(openai|httpx2?|httpcore2?|requests|aiohttp|anthropic)\b|^assistants\.llm\.(client|chat|calls)(\.stream|\.make_client|\.ask)?$"
)


def stays_off_the_provider(found: Module) -> Breaches:
    """Only `assistants.llm` speaks to providers, and only the engine of runs uses it: `start_run` is the one door."""
    if found.path.startswith(("assistants/llm/", "assistants/simulator/")):
        return
    for node, name in imports(found):
        around_the_engine = NETWORK.match(name) and found.path not in ENGINE
        around_the_claim = name == "assistants.runs.engine.get_engine" and found.path not in ENGINE_USERS
        if around_the_engine or around_the_claim:
            yield f"{at(found, node)} imports {name}"


ENGINE = {"assistants/runs/engine.py", "assistants/runs/attempts.py", "assistants/runs/making.py"}
ENGINE_USERS = {"assistants/runs/turns.py", "assistants/runs/tasks.py"}


def starts_runs_by_the_service(found: Module) -> Breaches:
    for node in walk(found, ast.Call):
        name = dotted(node.func)
        makes_run = name in (
            "Run",
            "Run.objects.create",
            "Run.objects.bulk_create",
            "Run.objects.get_or_create",
        )
        if makes_run and found.path != "assistants/runs/services.py":
            yield f"{at(found, node)} {name}"
        opens_hold = name.endswith("open_hold") or name.startswith("Hold.objects.create")
        if opens_hold and found.path not in ("assistants/runs/services.py", "usage/holds/services.py"):
            yield f"{at(found, node)} {name}"


def leaves_order_to_queries(found: Module) -> Breaches:
    for node in walk(found, ast.ClassDef):
        if node.name == "Meta":
            for line in node.body:
                names = [dotted(target) for target in line.targets] if isinstance(line, ast.Assign) else []
                if "ordering" in names:
                    yield f"{at(found, line)} Meta.ordering"


def names_its_fields(found: Module) -> Breaches:
    for node in walk(found, ast.Constant):
        if node.value == "__all__" and found.name in ("forms", "serializers", "admin"):
            yield at(found, node)


def fits_a_page(found: Module) -> Breaches:
    lines = found.text.count("\n")
    if lines > MOST_LINES:
        yield f"{found.path} has {lines} lines"
    for node in ast.walk(found.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > MOST_FUNCTION_LINES:
                yield f"{at(found, node)} {node.name} has {length} lines"


OF_THE_THREAD = {"connection", "transaction", "cache", "workspace_scope"}


def keeps_the_orm_off_the_loop(found: Module) -> Breaches:
    """On the loop's thread the connection stands on `public`, whatever the request's workspace was."""
    if found.path.startswith("assistants/simulator/"):
        return  # it knows no Django
    for node in walk(found, ast.AsyncFunctionDef):
        in_threads = {id(inner) for nested in _nested(node) for inner in ast.walk(nested)}
        for inner in ast.walk(node):
            used = inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", "")
            if used in {"objects", *OF_THE_THREAD} and id(inner) not in in_threads:
                yield f"{at(found, inner)} {used} in async {node.name}"


def _nested(node: ast.AsyncFunctionDef) -> list[ast.AST]:
    """Plain functions defined inside: they are for a thread."""
    return [inner for inner in ast.walk(node) if isinstance(inner, ast.FunctionDef | ast.Lambda)]


def limits_its_tasks(found: Module) -> Breaches:
    for node in walk(found, ast.FunctionDef):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and dotted(decorator.func) == "shared_task":
                names = {keyword.arg for keyword in decorator.keywords}
                needed = (
                    {"name", "queue"}
                    if node.name == "execute_run"
                    else {"name", "queue", "time_limit", "soft_time_limit"}
                )
                if needed - names:
                    yield f"{at(found, node)} {node.name} lacks {sorted(needed - names)}"


def gives_reasons_for_ignores(found: Module) -> Breaches:
    for number, line in enumerate(found.text.splitlines(), start=1):
        if re.search(r"#\s*type: ignore(?!\[)", line):
            yield f"{found.path}:{number} {line.strip()}"


RULES: list[tuple[Rule, list[tuple[str, str]]]] = [
    (imports_leftwards, [("usage/x.py", "from assistants.models import Run"), ("config/x.py", "import tenants.scope"),
                         ("tenants/x.py", "def f():\n    from accounts import queries"),
                         ("assistants/x.py", "from billing import catalogues"),
                         ("billing/x.py", "from assistants.models import Run")]),
    (leaves_views_and_tasks_alone, [("assistants/x.py", "from accounts import views"),
                                    ("usage/x.py", "import tenants.tasks"),
                                    ("assistants/x.py", "from usage.tasks import sweep_leases")]),
    (asks_queries_not_managers, [("usage/views.py", "User.objects.get()"), ("usage/chat/api.py", "x = Run.objects"),
                                 ("accounts/key_views.py", "ApiKey.objects.all()")]),
    (catches_narrowly, [("usage/x.py", f"try:\n    f()\n{line}\n    pass") for line in
                        ("except Exception:", "except:", "except BaseException:", "except (ValueError, Exception):")]),
    (limits_outbound_calls, [("config/x.py", line) for line in (
        "httpx2.get(url)", "urllib.request.urlopen(url)", "smtplib.SMTP(host)", "redis.Redis(host='x')",
        "redis.asyncio.Redis.from_url(url)", "openai.AsyncOpenAI(api_key='x')", "requests.post(url, json={})",
        "psycopg.connect(url)", "redis.BlockingConnectionPool.from_url(url, max_connections=3)")]),
    (counts_in_whole_numbers, [("usage/x.py", line) for line in (
        "x = 0.5", "x = a / b", "x /= 2", "x = float(y)", "def f(cost: float): ...", "def f() -> float: ...",
        "class A:\n    cost: float", "x = models.FloatField()", "x = round(y)", "def f(cost: int | float): ...")]),
    (stays_off_the_provider, [("assistants/chat/x.py", "import openai"), ("usage/x.py", "import httpx2"),
                              ("assistants/chat/services.py", "from assistants.llm import client"),
                              ("assistants/x.py", "from assistants.llm.chat import stream"),
                              ("assistants/x.py", "from assistants.runs.engine import get_engine")]),
    (starts_runs_by_the_service, [("assistants/x.py", "Run.objects.create(kind='reply')"),
                                  ("assistants/x.py", "Run(id=1)"),
                                  ("assistants/x.py", "holds.open_hold(request)")]),
    (leaves_order_to_queries, [("usage/x.py", "class A:\n    class Meta:\n        ordering = ['id']")]),
    (names_its_fields, [("usage/forms.py", "fields = '__all__'")]),
    (fits_a_page, [("usage/x.py", "x = 1\n" * 401), ("usage/x.py", "def f():\n" + "    x = 1\n" * 35)]),
    (keeps_the_orm_off_the_loop, [("usage/x.py", "async def f():\n    return Run.objects.count()"),
                                  ("usage/x.py", "async def f():\n    connection.close()")]),
    (limits_its_tasks, [("usage/x.py", "@shared_task(name='x', queue='default')\ndef f(): ...")]),
    (gives_reasons_for_ignores, [("usage/x.py", "x = 1  # type: ignore")]),
]  # fmt: skip
# Rules about money look only where money is.
ONLY_IN = {counts_in_whole_numbers: ("usage/", "billing/")}
EXCEPTIONS = {catches_narrowly: BROAD_EXCEPTS, stays_off_the_provider: REPORT_READERS}


def breaches(rule: Rule) -> list[str]:
    where = ONLY_IN.get(rule, ("",))
    return [text for found in MODULES if found.path.startswith(where) for text in rule(found)]


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=lambda rule: rule.__name__)
def test_house_rule(rule):
    allowed = EXCEPTIONS.get(rule, {})
    found = breaches(rule)
    assert [text for text in found if text.split(":")[0] not in allowed] == []
    unused = set(allowed) - {text.split(":")[0] for text in found}
    assert not unused, f"these exceptions are not needed any more: {sorted(unused)}"


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [(rule, path, text) for rule, examples in RULES for path, text in examples],
    ids=lambda value: getattr(value, "__name__", str(value)[:40]),
)
def test_house_rule_finds_a_breach(rule, path, text):
    assert list(rule(module(text, path))) != []


def test_every_place_that_speaks_to_a_provider_is_named():
    """All of them, also those that a rule allows: the client, its guard, the one stream, the vectors, the engine."""
    outside = (found for found in MODULES if not found.path.startswith("assistants/simulator/"))
    sites = {found.path for found in outside for _, name in imports(found) if NETWORK.match(name)}
    assert sites == {
        "assistants/llm/client.py",
        "assistants/llm/calls.py",
        "assistants/llm/chat.py",
        "assistants/llm/embeddings.py",
        "assistants/llm/errors.py",
        "assistants/llm/guard.py",
        "assistants/runs/attempts.py",
        "assistants/runs/engine.py",
        "assistants/runs/making.py",
        "usage/reconciliation/reports.py",
        "accounts/sso/outbound.py",
        "assistants/providers/listing.py",
        "config/outbound.py",
    }
    (attempts,) = [found for found in MODULES if found.path == "assistants/runs/attempts.py"]
    calls = [dotted(node.func) for node in walk(attempts, ast.Call) if dotted(node.func).startswith("chat.")]
    assert calls == ["chat.Tally", "chat.stream"], "a job is a claimed hold (assistants/runs/turns.py)"
    callers = {
        found.path
        for found in MODULES
        if not found.path.startswith("assistants/simulator/")
        for node in walk(found, ast.Call)
        if dotted(node.func) == "used.embed"
    }
    assert callers == {"assistants/recall/embedding.py"}, "between a claim and its settlement"


def test_source_is_found():
    assert len(MODULES) > 100
    assert {found.app for found in MODULES} == set(ORDER)


def test_money_shown_to_people_is_made_of_decimals():
    (money,) = [found for found in MODULES if found.path == "usage/money.py"]
    functions = {node.name: node for node in walk(money, ast.FunctionDef)}
    assert "Decimal(micro)" in ast.unparse(functions["as_text"])
    assert list(counts_in_whole_numbers(money)) == []


# addresses


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in (resolver or get_resolver("config.urls")).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        else:
            yield path, pattern


def test_every_workspace_view_names_its_permission():
    from accounts.permissions import Permission

    views = {path: pattern.callback for path, pattern in routes() if path.startswith("w/")}
    assert len(views) >= 10
    assert [
        path for path, view in views.items() if not isinstance(getattr(view, "permission", None), Permission)
    ] == []


def test_every_api_view_names_a_permission_for_each_method():
    from accounts.permissions import Permission

    checked = 0
    for path, pattern in routes():
        view = getattr(pattern.callback, "view_class", None)
        if not path.startswith("api/v1/") or view is None or getattr(view, OPEN_MARK, ""):
            continue
        table = view.required_permissions
        methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)}
        assert set(table) == methods, path
        assert all(isinstance(permission, Permission) for permission in table.values()), path
        checked += 1
    assert checked >= 6


def test_open_api_views_are_those_of_the_table_and_say_why():
    """A view in no workspace names its own classes: the default ones would answer 401 to everybody."""
    from accounts.authentication import MemberAuthentication, MemberPermission

    found = {}
    for path, pattern in routes():
        view = getattr(pattern.callback, "view_class", None)
        if path.startswith("api/v1/") and getattr(view, OPEN_MARK, ""):
            found[pattern.name] = view
    assert set(found) == set(OPEN_API)
    for name, view in found.items():
        assert len(getattr(view, OPEN_MARK)) > 20, f"{name}: a reason"
        assert not hasattr(view, "required_permissions"), name
        assert MemberAuthentication not in view.authentication_classes, name
        assert MemberPermission not in view.permission_classes, name
