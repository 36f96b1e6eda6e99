"""`steward receipts`. `verify` needs no server, no key and no network."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from steward_cli import refusals, screen, settings, verify
from steward_cli.service import Service

app = typer.Typer(no_args_is_help=True)
COLUMNS = ["id", "created_at", "kind", "model", "cost_micro", "state"]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server’s answer as JSON.")]


@app.command("list")
def list_receipts(as_json: AsJson = False) -> None:
    """The newest ones."""
    rows = Service(settings.load()).get("receipts")["results"]
    if as_json:
        screen.as_json(rows)
        return
    names = [
        name
        for name in ("id", "created_at", "settled_at", "kind", "model", "cost_micro", "state")
        if rows and name in rows[0]
    ]
    screen.table(names, [[row[name] for name in names] for row in rows])


@app.command()
def get(receipt: str, out: Annotated[Path | None, typer.Option("--out", "-o")] = None) -> None:
    """The verifiable document, for `receipts verify`."""
    found = Service(settings.load()).get(f"receipts/{receipt}")
    if out is None:
        screen.as_json(found)
        return
    screen.write_json(out, found)


@app.command(name="verify")
def verify_file(
    file: Annotated[
        Path, typer.Argument(help="A receipt, a log or a consistency proof; - is standard input.")
    ],
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint that you kept.")] = None,
    key: Annotated[Path | None, typer.Option(help="The verifier key that you kept.")] = None,
) -> None:
    """Whether it holds, offline. Exit codes: 0 it does, 1 it does not, 2 it cannot be judged."""
    arguments = ["/dev/stdin" if str(file) == "-" else str(file)]
    arguments += ["--checkpoint", str(checkpoint)] if checkpoint else []
    arguments += ["--key", str(key)] if key else []
    sys.stdout.flush()
    code = verify.main(arguments)
    if code != refusals.OK:
        raise typer.Exit(code)
