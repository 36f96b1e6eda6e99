"""`steward chat` and `steward ask`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from steward_cli import refusals, screen, settings
from steward_cli.refusals import Refusal
from steward_cli.service import Service

Assistant = Annotated[str, typer.Option("--assistant", "-a", help="Slug or id.")]
Files = Annotated[list[Path] | None, typer.Option("--file", "-f", help="Its text goes with the question.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON, when it is there.")]


def chat(
    message: Annotated[str, typer.Argument(help="Without it, or with -, standard input.")] = "",
    assistant: Assistant = "",
    file: Files = None,
    conversation: Annotated[str, typer.Option("--conversation", "-c", help="Go on in this one.")] = "",
    as_json: AsJson = False,
) -> None:
    """One turn; the answer is printed as it comes."""
    body = {"message": question(message, file or []), "assistant": assistant or None, "stream": not as_json}
    body["conversation"] = conversation or None
    service = Service(settings.load())
    if as_json:
        with screen.working("Waiting for the answer"):
            found = service.post("chat", body)
        screen.as_json(found)
        return
    with service.stream("chat", body) as events:
        result = shown(events)
    screen.err.print(f"conversation {result['conversation']}", style="dim", highlight=False)
    screen.paid(result)


def shown(events: Any) -> dict[str, Any]:
    """Prints what is said; returns the whole. Raises Refusal for an answer that failed or was never ended."""
    said, result = "", None
    for name, data in events:
        if name in ("delta", "snapshot"):
            # What was printed cannot be taken back: of a text told again, only what is new.
            text = data["text"][max(0, len(said) - data.get("offset", 0)) :]
            said += text
            sys.stdout.write(text)
            sys.stdout.flush()
        elif name == "result":
            result = data
    if said and not said.endswith("\n"):
        sys.stdout.write("\n")
    if result is None:
        raise Refusal(
            "The stream ended too early; the answer goes on in its conversation.",
            refusals.UNREACHABLE,
        )
    if result["problem"]:
        raise Refusal(result["problem"]["detail"], refusals.SERVER, result)
    return dict(result)


def ask(
    text: Annotated[
        str, typer.Argument(metavar="QUESTION", help="Without it, or with -, standard input.")
    ] = "",
    assistant: Assistant = "",
    file: Files = None,
    as_json: AsJson = False,
) -> None:
    """A question, its answer, and the passages that it had."""
    body = {"question": question(text, file or []), "assistant": assistant or None}
    with screen.working("Waiting for the answer"):
        found = Service(settings.load()).post("ask", body)
    if as_json:
        screen.as_json(found)
        return
    screen.say(found["answer"])
    for source in found["sources"]:
        page = f", page {source['page']}" if source["page"] else ""
        screen.say(
            f"[{source['number']}] {source['name']}{page}{'' if source['is_cited'] else ' (not cited)'}"
        )
    screen.paid(found)


def question(text: str, files: list[Path]) -> str:
    """What was typed or piped, then the files."""
    if text == "-" or (not text and not sys.stdin.isatty()):
        text = sys.stdin.read()
    parts = [text.strip()]
    for file in files:
        try:
            parts.append(f"File {file.name}:\n\n{file.read_text(encoding='utf-8')}")
        except (OSError, UnicodeDecodeError) as error:
            raise Refusal(f"{file} cannot be read as text.", refusals.USAGE) from error
    whole = "\n\n".join(part for part in parts if part)
    if not whole:
        raise Refusal("Ask something: as an argument, or through standard input.", refusals.USAGE)
    return whole
