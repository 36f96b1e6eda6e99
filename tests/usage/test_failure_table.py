"""The table of known failures in docs/usage.md names tests that are there."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
DOCS = TESTS.parent / "docs/usage.md"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def lines() -> list[str]:
    table = DOCS.read_text().split("### How such books fail elsewhere", 1)[1]
    return [line for line in table.splitlines() if line.startswith("| ")][2:]


def test_every_failure_has_a_test_and_every_test_is_there():
    missing = []
    for line in lines():
        named = NAMED.findall(line)
        assert named, line
        for path, name in named:
            text = (TESTS / path).read_text()
            missing += [] if f"def {name}(" in text else [f"{path}::{name}"]
    assert missing == []
    assert len(lines()) >= 21


def test_controls_are_named():
    controls = [line for line in lines() if "control `" in line]
    assert len(controls) >= 7
