"""docs/dependencies.md says of each required package why it is there, and of no other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"^[A-Za-z0-9._-]+")
ROW = re.compile(r"^\| `([A-Za-z0-9._-]+)` \| (.+) \|$", re.MULTILINE)


def required(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    found = {match.group() for line in lines if (match := NAME.match(line))}
    assert len(found) > 5
    return found


def explained(heading: str) -> dict[str, str]:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return dict(ROW.findall(section))


@pytest.mark.parametrize(
    ("file", "heading"), [("requirements.txt", "Runtime"), ("requirements-dev.txt", "Development")]
)
def test_each_package_is_explained_and_no_other(file, heading):
    assert set(explained(heading)) == required(file)
