"""`steward generate` and `steward analyze`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from steward_cli import folders, refusals, screen, settings
from steward_cli.refusals import Refusal
from steward_cli.service import Service

SEVERITIES = ["low", "medium", "high", "critical"]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server’s answer as JSON.")]


def generate(
    description: Annotated[str, typer.Argument(help="What is to be written.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder that the files go into.")] = Path(),
    language: Annotated[str, typer.Option(help="Such as Python.")] = "",
    framework: Annotated[str, typer.Option(help="Such as Django.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Writes the files of a described program. Exit code 1: a file does not parse (it is written all the same)."""
    body = {"description": description, "language": language, "framework": framework}
    with screen.working("Writing"):
        found = Service(settings.load()).post("generate", body)
    if as_json:
        screen.as_json(found)
    _write(out, found, force=force)
    if not as_json:
        rows = [[_mark(gate["ok"]), gate["name"], gate["path"], gate["detail"]] for gate in found["gates"]]
        screen.table(["", "Gate", "File", ""], rows)
        screen.paid(found)
    if any(gate["ok"] is False for gate in found["gates"]):
        raise typer.Exit(refusals.FINDING)


def _write(out: Path, found: dict[str, Any], *, force: bool) -> None:
    try:
        written = folders.write(out, found["files"], force=force)
    except Refusal as refusal:
        again = f"It was paid and is kept: GET runs/{found['run']}/result"
        raise Refusal(f"{refusal.message}\n{again}", refusal.exit_code) from refusal
    for path in written:
        screen.err.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)


def _mark(ok: bool | None) -> str:
    return {True: "✓", False: "✗", None: "–"}[ok]


def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of code.")],
    question: Annotated[str, typer.Option("--question", "-q", help="What to look for.")] = "",
    fail_on: Annotated[str, typer.Option(help="low, medium, high, critical or never.")] = "high",
    as_json: AsJson = False,
) -> None:
    """A report on code: its structure and its risks. Exit code 1: a risk at or above --fail-on."""
    if fail_on not in (*SEVERITIES, "never"):
        raise Refusal(f"--fail-on is one of {', '.join(SEVERITIES)}, never.", refusals.USAGE)
    files = folders.read(paths)
    with screen.working(f"Looking at {len(files)} file{'' if len(files) == 1 else 's'}"):
        found = Service(settings.load()).post("analyze", {"files": files, "question": question})
    if as_json:
        screen.as_json(found)
    else:
        _show(found)
    if fail_on != "never" and any(_at_least(risk, fail_on) for risk in found["risks"]):
        raise typer.Exit(refusals.FINDING)


def _at_least(risk: dict[str, Any], least: str) -> bool:
    return SEVERITIES.index(risk["severity"]) >= SEVERITIES.index(least)


def _show(found: dict[str, Any]) -> None:
    screen.say(found["summary"])
    rows = [
        [row["path"], row["lines"], len(row["functions"]), len(row["classes"]), ", ".join(row["imports"])]
        for row in found["structure"]
    ]
    screen.table(["File", "Lines", "Functions", "Classes", "Imports"], rows)
    for risk in found["risks"]:
        # As compilers write it, so that editors jump there.
        screen.say(f"{risk['path']}:{risk['line'] or '?'}: {risk['severity']}: {risk['title']}")
        screen.say("\n".join(f"    {text}" for text in (risk["detail"], risk["advice"]) if text))
    screen.paid(found)
