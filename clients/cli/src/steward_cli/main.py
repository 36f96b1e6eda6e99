"""The command `steward`. Exit codes: docs/cli.md."""

import sys
from typing import Annotated, Any

import typer

from steward_cli import coding, keys, receipts, refusals, screen, settings, talking
from steward_cli.refusals import Refusal
from steward_cli.service import Service
from steward_cli.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Steward on the command line.")
app.command()(talking.chat)
app.command()(talking.ask)
app.command()(coding.generate)
app.command()(coding.analyze)
app.add_typer(receipts.app, name="receipts", help="Receipts of what was paid.")
app.add_typer(keys.app, name="keys", help="API keys of the workspace.")
AsJson = Annotated[bool, typer.Option("--json", help="Print the server’s answer as JSON.")]


@app.command()
def login(
    url: Annotated[str, typer.Option(help="Address of the server.", prompt="Address")],
    email: Annotated[str, typer.Option(help="Sign in and have a key made; else the key is asked for.")] = "",
    workspace: Annotated[str, typer.Option(help="Slug, where the person is in several.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="Of the key that is made; view and chat.")] = None,
) -> None:
    """Keeps the address and a key in a file that only you can read. Key and password are asked for, never arguments."""
    url = url.rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise Refusal("The address begins with https:// (or http:// on your own machine).", refusals.USAGE)
    key = _made(url, email, workspace, scope) if email else typer.prompt("Key", hide_input=True).strip()
    kept = Settings(url, key)
    Service(kept).get("user/usage")
    screen.say(f"Signed in at {url}. Kept in {settings.save(kept)}")


def _made(url: str, email: str, workspace: str, scope: list[str] | None) -> str:
    """A key of its own for this machine: the session that it is made in is ended."""
    credentials = {"email": email, "password": typer.prompt("Password", hide_input=True)}
    nobody = Service(Settings(url, ""))
    try:
        pair = nobody.post("auth/login", credentials)
    except Refusal as refusal:
        if refusal.data.get("code") != "second_factor_required":
            raise
        pair = nobody.post("auth/login", credentials | {"code": typer.prompt("Code of your authenticator")})
    places = Service(Settings(url, pair["access"])).get("auth/me")["workspaces"]
    slugs = [place["slug"] for place in places]
    if workspace not in slugs and (workspace or len(slugs) != 1):
        raise Refusal(f"Choose with --workspace: {', '.join(slugs) or 'there is none'}.", refusals.USAGE)
    person = Service(Settings(url, pair["access"], workspace or slugs[0]))
    made = person.post("keys", {"name": "Command line", "scopes": scope or ["view", "chat"]})
    person.post("auth/logout", {"refresh": pair["refresh"]})
    return str(made["key"])


@app.command()
def usage(as_json: AsJson = False) -> None:
    """What was used this month, and how far each limit is."""
    found = Service(settings.load()).get("usage/current")
    if as_json:
        screen.as_json(found)
        return
    month = found["month"]
    screen.say(
        f"{found['period']['first']} to {found['period']['last']}: {month.get('messages', 0):,} messages,"
        f" {month.get('tokens', 0):,} tokens, ${month.get('cost_micro', 0) / 1_000_000:.4f}"
    )
    columns = ["Meter", "Window", "Of", "Used", "Held", "Limit", "", "Resets at"]
    screen.table(columns, [_standing(line) for line in found["limits"]])


def _standing(line: dict[str, Any]) -> list[Any]:
    numbers = [line["used"], line["held"], "∞" if line["limit"] is None else line["limit"]]
    shown = screen.bar(line["used"] + line["held"], line["limit"])
    return [line["meter"], line["window"], line["subject"], *numbers, shown, line["resets_at"] or "never"]


@app.command()
def assistants(as_json: AsJson = False) -> None:
    """The assistants that you may ask: `-a SLUG`."""
    rows = Service(settings.load()).get("assistants")["results"]
    if as_json:
        screen.as_json(rows)
        return
    screen.table(["Slug", "Name", "Model"], [[row.get("slug"), row["name"], row["model"]] for row in rows])


def run() -> None:
    """Entry point: refusals as words and an exit code, never a traceback."""
    try:
        code = app(standalone_mode=False)
    except Refusal as refusal:
        screen.err.print(refusal.message, markup=False, highlight=False, soft_wrap=True)
        sys.exit(refusal.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:  # click's own: a wrong option
        if not hasattr(error, "exit_code"):
            raise
        show = getattr(error, "show", None)
        if show is not None:
            show()
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else refusals.OK)
