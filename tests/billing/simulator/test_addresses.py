"""Every address and every parameter is one that the SDK has too: nothing here was made up."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest
import stripe

from billing.simulator.core.routing import ROUTES, Route

SERVICES = sorted(Path(stripe.__file__).parent.rglob("_*_service.py"))


@cache
def methods_of_the_sdk() -> dict[tuple[str, str], tuple[str, str]]:
    """Verb and path of each method of its services, with the place and name of its parameters' class."""
    found = {}
    for path in SERVICES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                text = ast.unparse(node)
                asked = re.search(r"_request\('(\w+)', '/(v1/[^']+)'", text)
                if asked:
                    params = re.search(r"params: [^=]*?'(\w+Params)'", text) or re.search(
                        r"params: .*?(\w+Params)", text
                    )
                    place = ".".join(path.parent.parts[path.parent.parts.index("stripe") + 1 :])
                    found[asked[1].upper(), shape(asked[2])] = (place, params[1]) if params else ("", "")
    return found


def shape(path: str) -> str:
    return re.sub(r"\{\w+\}|:\w+", ":", path)


@cache
def parameters(place: str, name: str) -> frozenset[str]:
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    found = importlib.import_module(".".join(filter(None, ["stripe.params", place, f"_{words}"])))
    return frozenset(getattr(found, name).__annotations__)


def address(route: Route) -> tuple[str, str]:
    return route.method, shape("/".join(route.parts))


def test_every_address_is_one_of_the_sdk():
    known = set(methods_of_the_sdk())
    assert [address(route) for route in ROUTES if address(route) not in known] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {'/'.join(route.parts)}")
def test_every_parameter_is_one_of_the_sdk(route):
    place, name = methods_of_the_sdk().get(address(route), ("", ""))
    if name:
        assert sorted(route.known - parameters(place, name) - {"expand"}) == []


def test_what_is_checked_is_found():
    assert len(methods_of_the_sdk()) > 300
    assert "lookup_key" in parameters("", "PriceCreateParams")
    assert len(ROUTES) > 100
