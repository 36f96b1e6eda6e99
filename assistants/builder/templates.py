"""Assistants to begin with: each a YAML file in `templates/` with everything set up but the model."""

import functools
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from config import errors

FOLDER = Path(__file__).parent / "templates"
ORDER = ("general", "coding", "teaching", "writing", "career")


@dataclass(frozen=True)
class Template:
    """`needs`: what to do once, so that it works as meant; shown with the template. `icon`: of the sprite."""

    key: str
    icon: str
    name: str
    summary: str
    description: str
    instructions: str
    temperature: Decimal
    max_output_tokens: int
    tools: list[str]
    uses_memory: bool
    starters: list[str]
    needs: str = ""

    @property
    def initial(self) -> dict[str, Any]:
        """For the form."""
        names = (
            "name",
            "description",
            "instructions",
            "temperature",
            "max_output_tokens",
            "tools",
            "uses_memory",
        )
        return {name: getattr(self, name) for name in names} | {
            "starters": self.starters,
            "template": self.key,
        }


@functools.cache
def all_templates() -> tuple[Template, ...]:
    return tuple(_read(key) for key in ORDER)


def get(key: str) -> Template:
    """Raises NotFound."""
    found = next((each for each in all_templates() if each.key == key), None)
    if found is None:
        raise errors.NotFound("There is no such template.", code="template_unknown")
    return found


def _read(key: str) -> Template:
    with (FOLDER / f"{key}.yaml").open(encoding="utf-8") as file:
        said = yaml.safe_load(file)
    said["temperature"] = Decimal(str(said["temperature"]))
    said["instructions"] = _unwrapped(said["instructions"])
    return Template(key=key, **said)


def _unwrapped(text: str) -> str:
    """Lines that were broken for the file's width are whole: indented ones go on, and plain ones under plain ones."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        goes_on = (
            bool(lines) and bool(lines[-1]) and _is_plain(line) and (line[:1] == " " or _is_plain(lines[-1]))
        )
        if goes_on:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _is_plain(line: str) -> bool:
    """Neither empty nor an item of a list."""
    return bool(line.strip()) and not line.startswith("- ") and not line[:1].isdigit()
