"""One running stack, a caller with a key, the books of acme, and the simulated provider's books."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from config.local.stack import Stack
from tests.live import running
from tests.live.books import Books
from tests.live.callers import KeyCaller, Person
from tests.live.faults import Faults
from tests.live.provider import Provider


@pytest.hookimpl(tryfirst=True)  # xdist reads the mark in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.xdist_group("live"))


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    return running.shared_stack(pytestconfig)


@pytest.fixture(scope="session")
def demo(stack: Stack) -> dict[str, Any]:
    return stack.state.load_demo()


@pytest.fixture(scope="session")
def acme(stack: Stack, demo: dict[str, Any]) -> KeyCaller:
    """The owner's key, with all scopes."""
    return KeyCaller(stack.url, demo["acme"]["api_key"])


@pytest.fixture(scope="session")
def sign_in(stack: Stack, demo: dict[str, Any]) -> Callable[[str, str], Person]:
    def sign_in(workspace: str, role: str) -> Person:
        person = next(row for row in demo[workspace]["people"] if row["role"] == role)
        return Person(stack.url, workspace, person["email"], person["password"])

    return sign_in


ARRANGE = """
from billing import demo
from tenants.scope import get_ref
demo.{step}(workspace_id=get_ref(slug="globex").id, slug="globex")
"""


@pytest.fixture(scope="module")
def roomy_globex(stack: Stack, demo: dict[str, Any]) -> Iterator[None]:
    """Globex with a plan that several people share and that counts no messages; afterwards it is free again."""
    running.in_shell(stack, ARRANGE.format(step="workspace_made"))
    yield
    running.in_shell(stack, ARRANGE.format(step="workspace_used"))


@pytest.fixture(scope="session")
def books(stack: Stack) -> Books:
    return Books(stack)


@pytest.fixture(scope="session")
def provider(stack: Stack) -> Provider:
    return Provider(stack)


@pytest.fixture(scope="session")
def faults(stack: Stack) -> Faults:
    return Faults(stack)


@pytest.fixture
def redis_client(stack: Stack) -> redis.Redis:
    return redis.Redis.from_url(stack.environment["REDIS_URL"])


@pytest.fixture(scope="session")
def note(pytestconfig: pytest.Config) -> Callable[[str], None]:
    return lambda line: running.note(pytestconfig, line)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    running.show_notes(config, terminalreporter.write_line)
