"""A mail's text, read as what it is made of, so that its HTML says the same and nothing else.

Paragraphs are parted by empty lines. One that is `Label: address` is a button, and so is an address alone; several
lines `Name: value` are details, lines that begin with `- ` a list, letters and digits alone a code.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from django.conf import settings

Kind = Literal["paragraph", "button", "details", "list", "code"]
ADDRESS = re.compile(r"https?://\S+")
LABELLED = re.compile(r"(?P<label>[^:\n]{1,70}):\s+(?P<url>https?://\S+)")
DETAIL = re.compile(r"(?P<name>[A-Z][^:]{0,40}): (?P<value>\S.*)")
CODE = re.compile(r"[A-Z0-9]{4,12}(-[A-Z0-9]{3,8})*")
UNNAMED = "Open the page"


@dataclass(frozen=True)
class Block:
    kind: Kind
    text: str = ""
    url: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    is_first: bool = False
    """The first button is the one that is meant."""

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


def read(text: str, *, links: Collection[str] = ()) -> list[Block]:
    """`links`: addresses that a button may lead to, besides our own."""
    blocks: list[Block] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        block = _block(part.strip(), links)
        is_first = block.kind == "button" and not any(found.kind == "button" for found in blocks)
        blocks.append(Block(block.kind, block.text, block.url, block.rows, is_first))
    return blocks


def _block(part: str, links: Collection[str]) -> Block:
    labelled = LABELLED.fullmatch(part)
    if labelled and _may_lead_to(labelled["url"], links):
        return Block("button", labelled["label"], labelled["url"])
    if ADDRESS.fullmatch(part) and _may_lead_to(part, links):
        return Block("button", UNNAMED, part)
    if CODE.fullmatch(part):
        return Block("code", part)
    lines = part.split("\n")
    details = [DETAIL.fullmatch(line) for line in lines]
    if len(lines) > 1 and all(details):
        return Block("details", rows=tuple((row["name"], row["value"]) for row in details if row))
    if all(line.startswith("- ") for line in lines):
        return Block("list", "\n".join(line[2:] for line in lines))
    return Block("paragraph", part)


def _may_lead_to(url: str, links: Collection[str]) -> bool:
    # SECURITY: a name that somebody chose must not become a button that leads to a place of theirs.
    return url in links or url.startswith(f"{settings.BASE_URL}/")
