"""What a model may say to harm who reads it, written for this repository: a file a trick, an output a `---- name`.

`leak.example` stands for a host of its own for every output and `owned(1)` for a call that names it, so that a request
or a run script tells whose it was. `«202E»` is a character by its number, `«x*9»` is `x` nine times.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
FIRST = 101
"""What is encoded keeps the number 1."""
HOST = "leak.example"
HEAD = re.compile(r"^---- ([a-z0-9-]+)\n", re.MULTILINE)
CHARACTER = re.compile(r"«([0-9A-F]{2,6})»")
REPEATED = re.compile(r"«([^»]+)\*(\d+)»")


@dataclass(frozen=True)
class Output:
    """`number`: of its host (`number.leak.example`) and in its calls."""

    number: int
    name: str
    text: str


@cache
def load() -> tuple[Output, ...]:
    found = [part for path in sorted(FOLDER.glob("*.txt")) for part in _parts(path)]
    return tuple(
        Output(number, name, _filled(text, number)) for number, (name, text) in enumerate(found, FIRST)
    )


def _parts(path: Path) -> list[tuple[str, str]]:
    _, *pieces = HEAD.split(path.read_text(encoding="utf-8"))
    return [
        (f"{path.stem}: {name}", text.removesuffix("\n"))
        for name, text in zip(*[iter(pieces)] * 2, strict=True)
    ]


def _filled(text: str, number: int) -> str:
    text = REPEATED.sub(lambda match: _character(match[1]) * int(match[2]), text)
    text = CHARACTER.sub(lambda match: chr(int(match[1], 16)), text)
    return text.replace(HOST, f"{number}.{HOST}").replace("owned(1)", f"owned({number})")


def _character(text: str) -> str:
    """A number of at least two digits within a repetition is a character too."""
    return chr(int(text, 16)) if re.fullmatch(r"[0-9A-F]{3,6}", text) else text
