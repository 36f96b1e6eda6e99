"""Every feature that a catalogue offers is asked for somewhere: found in the source, by the key's constant."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.catalogues import catalogue as catalogues
from usage.features.keys import Feature

ROOT = Path(__file__).resolve().parents[3]
APPS = ("accounts", "usage", "billing", "assistants")
ASKING = ("require", "needs_feature")


def sites_in(text: str) -> Iterator[str]:
    """Keys that this source asks for: `….require(…, Feature.KEY)` and `@needs_feature(Feature.KEY)`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _name(node.func) in ASKING:
            for argument in node.args:
                if isinstance(argument, ast.Attribute) and _name(argument.value) == "Feature":
                    yield Feature[argument.attr].value


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def all_sites() -> set[str]:
    paths = (path for app in APPS for path in (ROOT / app).rglob("*.py"))
    return {key for path in paths if "migrations" not in path.parts for key in sites_in(path.read_text())}


def unenforced(offered: set[str], sites: set[str]) -> list[str]:
    return sorted(offered - sites)


@pytest.mark.parametrize("name", catalogues.list_names())
def test_offered_feature_has_an_enforcing_site(name):
    spec = catalogues.load(name)
    offered = {key for key, feature in spec.features.items() if feature.is_offered}
    assert offered, "a catalogue that offers nothing was not read"
    assert unenforced(offered, all_sites()) == []


def test_every_registered_feature_has_a_site():
    assert unenforced(set(Feature.values), all_sites()) == []


def test_feature_that_nothing_asks_for_is_found():
    """The control: no site of `statements` left."""
    assert unenforced(set(Feature.values), all_sites() - {"statements"}) == ["statements"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("features.require(workspace_id, Feature.STATEMENTS)", ["statements"]),
        ("@needs_feature(Feature.STATEMENTS)\ndef view(request): ...", ["statements"]),
        ("@needs_feature(keys.Feature.STATEMENTS)\nclass View: ...", ["statements"]),
        ("features.has(workspace_id, Feature.STATEMENTS)", []),
        ("Feature.STATEMENTS", []),
        ("# features.require(workspace_id, Feature.STATEMENTS)", []),
    ],
)
def test_only_what_refuses_is_a_site(text, found):
    assert list(sites_in(text)) == found
