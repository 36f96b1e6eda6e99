"""`steward keys`."""

from typing import Annotated

import typer

from steward_cli import screen, settings
from steward_cli.service import Service

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print the server’s answer as JSON.")]


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Your keys in the workspace."""
    found = Service(settings.load()).get("keys")
    rows = found["results"] if isinstance(found, dict) else found
    if as_json:
        screen.as_json(rows)
        return
    names = ["id", "name", "prefix", "scopes", "last_used_at", "revoked_at"]
    screen.table(names, [[", ".join(row[n]) if n == "scopes" else row[n] for n in names] for row in rows])


@app.command()
def create(
    name: str,
    scope: Annotated[list[str] | None, typer.Option(help="Again for each; view and chat without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Makes a key. It is shown once."""
    made = Service(settings.load()).post("keys", {"name": name, "scopes": scope or ["view", "chat"]})
    if as_json:
        screen.as_json(made)
        return
    screen.err.print("It is shown once; keep it where nobody else reads.")
    screen.out.print(made["key"], markup=False, highlight=False, soft_wrap=True)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="Its id, from `keys list`.")]) -> None:
    """Ends a key at once."""
    Service(settings.load()).delete(f"keys/{key}")
    screen.err.print("Revoked.")
