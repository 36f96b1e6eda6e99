"""The files of a generation: their shape, and the gates that each goes through. A pure function of the answer's text.

A file that fails a gate is delivered and says so; one with an unsafe path is delivered under a safe one.
"""

from dataclasses import asdict, dataclass
from typing import Any

from assistants.generation import answers, paths, syntax
from usage.receipts.settled import FAILED, PASSED, SKIPPED, Gate

MAX_FILES = 60
MAX_BYTES = 200_000
MAX_TOTAL_BYTES = 1_000_000
RULES = "steward-gates:1"
ANSWER, PATH, SIZE, PARSES = "answer", "path", "size", "parses"
TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["files"],
    "properties": {
        "files": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path", "language", "content"],
                "properties": {"path": TEXT, "language": TEXT, "content": TEXT},
            },
        }
    },
}


@dataclass(frozen=True)
class Checked:
    """`ok` None: nothing could look at it."""

    name: str
    path: str
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class File:
    path: str
    language: str
    content: str


@dataclass(frozen=True)
class Written:
    files: list[File]
    gates: list[Checked]

    def as_dict(self) -> dict[str, Any]:
        return {
            "files": [asdict(file) for file in self.files],
            "gates": [asdict(gate) for gate in self.gates],
        }


def read(text: str) -> Written:
    rows, _, is_whole = answers.read(text, "files")
    usable = [row for row in rows if isinstance(row.get("path"), str) and isinstance(row.get("content"), str)]
    written = Written([], [_of_answer(len(usable), is_whole=is_whole and len(usable) == len(rows))])
    room = MAX_TOTAL_BYTES
    for number, row in enumerate(usable[:MAX_FILES], 1):
        file, path_gate = _placed(row, number, written.files)
        size = len(file.content.encode(errors="replace"))
        written.files.append(file)
        room -= size
        written.gates.extend([path_gate, *_looked_at(file, size, room)])
    if len(usable) > MAX_FILES:
        detail = f"There are {len(usable)} files, and {MAX_FILES} are given at most."
        written.gates.append(Checked(SIZE, "", False, detail))
    return written


def _of_answer(count: int, *, is_whole: bool) -> Checked:
    files = f"{count} file{'' if count == 1 else 's'}"
    if not is_whole:
        return Checked(ANSWER, "", False, f"The answer is not whole: {files} could be read of it.")
    return Checked(ANSWER, "", count > 0, f"It is whole: {files}.")


def _placed(row: dict[str, Any], number: int, earlier: list[File]) -> tuple[File, Checked]:
    wanted, content = row["path"], row["content"]
    problem = paths.problem_of(wanted)
    if not problem and paths.is_taken(wanted, [file.path for file in earlier]):
        problem = "Another file has this path, or one that it would be a folder of."
    path = paths.renamed(wanted, number) if problem else wanted
    said = row.get("language")
    language = syntax.language_of(path) or (said.strip().lower()[:40] if isinstance(said, str) else "")
    detail = f"{problem} It was {wanted[:120]!r}." if problem else "It is relative, safe and its own."
    return File(path, language, content), Checked(PATH, path, not problem, detail)


def _looked_at(file: File, size: int, room: int) -> list[Checked]:
    if size > MAX_BYTES or room < 0:
        too_big = f"It has {size:,} bytes; {MAX_BYTES:,} each, and {MAX_TOTAL_BYTES:,} in all, are looked at."
        return [Checked(SIZE, file.path, False, too_big), Checked(PARSES, file.path, None, "Not looked at.")]
    ok, detail = syntax.judge(file.path, file.content)
    return [Checked(SIZE, file.path, True, f"{size:,} bytes."), Checked(PARSES, file.path, ok, detail)]


def gates_of(text: str) -> tuple[Gate, ...]:
    """For the run's receipt: one verdict for each kind of gate, over all files."""
    found = read(text).gates
    return tuple(
        Gate(name, _verdict([gate.ok for gate in found if gate.name == name]), RULES)
        for name in dict.fromkeys(gate.name for gate in found)
    )


def _verdict(oks: list[bool | None]) -> str:
    if False in oks:
        return FAILED
    return PASSED if True in oks else SKIPPED
