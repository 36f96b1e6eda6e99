"""Every action that any app enters has words and a group; and no call names a secret."""

import ast
import re
from collections.abc import Iterator

import pytest

from accounts.auditlog import words
from tenants import audit_contents
from tenants.models import Workspace
from tests.test_architecture import MODULES, Module, dotted, module

ACTION = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
# Texts of that shape in modules that enter something under a name that is not written at the call.
NO_ACTIONS = {"grace.over", "usage.carried", "contract.failed"}
RECORDS_OWN = {"actor", "workspace_id", "target", "before", "after", "personal", "about", None}


def records(found: Module) -> Iterator[ast.Call]:
    for node in ast.walk(found.tree):
        if isinstance(node, ast.Call) and dotted(node.func) == "audit.record":
            yield node


def texts(found: Module) -> set[str]:
    constants = (node.value for node in ast.walk(found.tree) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str) and ACTION.fullmatch(text)}


def actions(modules: list[Module]) -> set[str]:
    """What is written at the call; where that is a name, everything in the module that may be one."""
    found: set[str] = set()
    for each in modules:
        for call in records(each):
            given = call.args[0] if call.args else None
            if isinstance(given, ast.Constant):
                found.add(given.value)
            elif isinstance(given, ast.JoinedStr):
                found |= {f"workspace.{state}" for state in Workspace.State.values}
            else:
                found |= texts(each) - NO_ACTIONS
    return found


def test_every_action_has_words():
    assert sorted(actions(MODULES) - words.ACTIONS.keys()) == []


def test_every_action_is_in_one_group():
    nouns = [noun for _, group in words.GROUPS.values() for noun in group]
    assert len(nouns) == len(set(nouns))
    assert [action for action in words.ACTIONS if not words.group_of(action)] == []


def test_formatted_actions_are_states_only():
    """The one place that puts an action together; another needs a line in `actions`."""
    formatted = [
        ast.unparse(call.args[0])
        for found in MODULES
        for call in records(found)
        if call.args and isinstance(call.args[0], ast.JoinedStr)
    ]
    assert set(formatted) <= {"f'workspace.{state.value}'"}


@pytest.mark.parametrize(
    "text",
    [
        "audit.record('thing.made', actor=a)",
        "def _record(what):\n    audit.record(what)\n_record('thing.made')",
    ],
)
def test_action_without_words_is_found(text):
    assert actions([module(text)]) - words.ACTIONS.keys() == {"thing.made"}


def forbidden(modules: list[Module]) -> Iterator[str]:
    """Names at calls that say a secret, or name a person openly: in the call and in its `before` and `after`."""
    for found in modules:
        for call in records(found):
            names = [keyword.arg for keyword in call.keywords if keyword.arg not in RECORDS_OWN]
            for keyword in call.keywords:
                if keyword.arg in ("before", "after") and isinstance(keyword.value, ast.Dict):
                    names += [key.value for key in keyword.value.keys if isinstance(key, ast.Constant)]
            yield from (f"{found.path} {name}" for name in names if audit_contents.is_forbidden(str(name)))


def test_no_call_names_a_secret_or_a_person():
    assert sum(1 for found in MODULES for _ in records(found)) > 40
    assert list(forbidden(MODULES)) == []


@pytest.mark.parametrize(
    "text",
    [
        "audit.record('a.b', client_secret=x)",
        "audit.record('a.b', after={'email': x})",
        "audit.record('a.b', ip=x)",
    ],
)
def test_call_that_names_a_secret_is_found(text):
    assert list(forbidden([module(text)])) != []


def test_values_are_said_in_words():
    assert [words.of_value(value) for value in (None, True, False, [], ["a", 1], {"max_tokens": 5}, 0)] == [
        "—", "yes", "no", "—", "a, 1", "max tokens: 5", "0",
    ]  # fmt: skip
    assert words.of_action("nothing.known_yet") == "Nothing known yet"
