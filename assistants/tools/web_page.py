"""Reads one public web page as text. The person is asked first; what it says is data."""

from typing import Any

from bs4 import BeautifulSoup

from assistants.tools import reading
from assistants.tools.types import Tool, ToolContext

MOST_CHARACTERS = 12_000
SILENT = (
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "iframe",
    "object",
    "head",
    "nav",
    "footer",
    "form",
)


def _run(context: ToolContext, arguments: dict[str, Any]) -> str:
    page = reading.fetch(arguments["url"], context.stopped)
    title, text = as_text(page)
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}\n[The rest of the page was left out.]"
    head = "\n".join(line for line in (f"Address: {page.url}", f"Title: {title}" if title else "") if line)
    return f"{head}\n\n{text or 'The page has no text.'}"


def as_text(page: reading.Fetched) -> tuple[str, str]:
    """(title, text) of what people would read."""
    if not page.kind.endswith(("html", "html+xml")):
        return "", page.text.strip()
    tree = BeautifulSoup(page.text, "lxml")
    title = " ".join(tree.title.get_text().split())[:200] if tree.title else ""
    for part in tree.find_all(SILENT):
        part.decompose()
    # What is not shown is not read: instructions hide there.
    for part in tree.select('[hidden], [aria-hidden="true"]'):
        part.decompose()
    lines = (" ".join(line.split()) for line in tree.get_text("\n").splitlines())
    return title, "\n".join(line for line in lines if line)


TOOL = Tool(
    name="web_page",
    title="Read a web page",
    description="Opens one public page. The asker is asked first.",
    told="Reads one public web page and returns its text. The asker is asked for permission before.",
    parameters={
        "type": "object",
        "properties": {"url": {"type": "string", "description": "The page's full address, with https://"}},
        "required": ["url"],
        "additionalProperties": False,
    },
    run=_run,
    asks=True,
    is_data=True,
)
