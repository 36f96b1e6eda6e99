"""A whole stack per process of a test session. `tests/live` and `tests/e2e` run in one process each (xdist_group)."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from config.local.stack import Options, Stack
from config.local.state import RUN_DIR, State
from config.processes import manage
from tests.patience import PATIENCE_S

STACK = pytest.StashKey[Stack]()
NUMBERS = pytest.StashKey[list[str]]()
MOST_STACKS = 8
NOT_INHERITED = (
    "DATABASE_URL", "REDIS_URL", "BASE_URL", "STATE_DIR", "MAIL_DIR", "STATIC_ROOT",
    "OPENAI_API_KEY", "OPENAI_BASE_URL",
)  # fmt: skip
MEMORY_ON = {"MEMORY_REST_S": "1"}
MEMORY_OFF = {"MEMORY_REST_S": "3600", "EMBEDDING_MODEL": ""}
SILENCE_S = 4
"""After so many seconds without a byte a provider counts as silent; short, so that its tests are."""


def shared_stack(config: pytest.Config, *, remembers: bool = False) -> Stack:
    """Started at first use, on ports and data of its own; ended with the session.

    Tests that count what was called want neither what is looked up before a turn nor what is read after it.
    """
    if STACK not in config.stash:
        stack = Stack(_options(MEMORY_ON if remembers else MEMORY_OFF))
        with _without_inherited():
            stack.__enter__()
        config.add_cleanup(lambda: stack.__exit__(None, None, None))
        config.stash[STACK] = stack
    return config.stash[STACK]


def _options(memory: dict[str, str]) -> Options:
    """Durable as in production: an immediate stop of PostgreSQL must not forget what it committed."""
    # By process: two that begin at the same moment must not take the same one.
    process = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    places = (RUN_DIR / f"live-{process}-{number}" for number in range(1, MOST_STACKS + 1))
    return Options(
        state_dir=next(place for place in places if State(place).holder() is None),
        durable=True,
        simulated=True,
        llm_workers=2,
        reset=True,
        environment={
            "LOG_LEVEL": "INFO",
            **memory,
            "WRITES_TITLES": "0",
            "PROVIDER_SILENCE_TIMEOUT_S": str(SILENCE_S),
            "PROVIDER_FIRST_TOKEN_TIMEOUT_S": str(SILENCE_S),
        },
    )


def in_shell(stack: Stack, code: str) -> str:
    """What the code prints, run by the product on the stack's database."""
    result = subprocess.run(
        manage("shell", "--verbosity=0", "--command", code),
        env=stack.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    return result.stdout


@contextmanager
def _without_inherited() -> Iterator[None]:
    """The servers of `./dev test` belong to the other tests."""
    with mock.patch.dict(os.environ):
        for name in NOT_INHERITED:
            os.environ.pop(name, None)
        yield


def note(config: pytest.Config, line: str) -> None:
    """A measured number for the end of the test report."""
    config.stash.setdefault(NUMBERS, []).append(line)


def show_notes(config: pytest.Config, write_line: Callable[[str], Any]) -> None:
    for line in config.stash.get(NUMBERS, []):
        write_line(line)
