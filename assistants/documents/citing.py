"""Citations of an answer: `[n]` becomes a link to its passage, in HTML that was sanitised before."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from accounts.links import page_url
from accounts.requests import MemberRequest

# A tag with its attributes, whose values may hold ">"; or what stands between tags.
PIECE = re.compile(r'<(?:[^<>"]|"[^"]*")*>|[^<]+|<')
NUMBER = re.compile(r"\[(\d{1,2}(?:\s?[,;]\s?\d{1,2}){0,7})\]")
# Within these a number in brackets is something else: an index, a link's own text.
LEFT = ("a", "code", "pre", "button")


@dataclass(frozen=True)
class Source:
    number: int
    name: str
    page: int
    heading: str
    url: str
    is_cited: bool
    document_id: str = ""
    passage_id: str = ""


def cited(text: str) -> set[int]:
    """The numbers that an answer names."""
    return {int(number) for found in NUMBER.findall(text) for number in re.findall(r"\d+", found)}


def sources(request: MemberRequest, context: Mapping[str, Any], text: str) -> list[Source]:
    """The passages that an answer had before it, by number. No query: whether one is still there shows when it is
    opened."""
    numbers = cited(text)
    rows = [item for item in context.get("used", ()) if item.get("kind") == "passage"]
    return [
        Source(
            item["n"],
            item["name"],
            item["page"],
            item.get("heading", ""),
            _url(request, item),
            item["n"] in numbers,
            item["document"],
            item["id"],
        )
        for item in rows
    ]


def _url(request: MemberRequest, item: Mapping[str, Any]) -> str:
    where = {"document_id": item["document"], "passage_id": item["id"]}
    return f"{page_url(request, 'document-passage', **where)}#passage-{item['id']}"


def link(html: str, found: list[Source]) -> str:
    """Numbers without a source stay as they are: a model may write what it likes."""
    if not found:
        return html
    by_number = {source.number: source for source in found}
    depth, pieces = 0, []
    for piece in PIECE.findall(html):
        tag = re.match(r"<(/?)(\w+)", piece)
        if tag and tag[2] in LEFT:
            depth += -1 if tag[1] else 1
        pieces.append(
            piece if tag or depth > 0 else NUMBER.sub(lambda match: _linked(match, by_number), piece)
        )
    return "".join(pieces)


def _linked(match: re.Match[str], by_number: Mapping[int, Source]) -> str:
    numbers = [int(number) for number in re.findall(r"\d+", match[1])]
    if any(number not in by_number for number in numbers):
        return match[0]
    return "".join(_anchor(by_number[number]) for number in numbers)


def _anchor(source: Source) -> str:
    where = f"{source.name}, page {source.page}" if source.page else source.name
    return f'<a class="citation" href="{escape(source.url)}" title="{escape(where)}">[{source.number}]</a>'
