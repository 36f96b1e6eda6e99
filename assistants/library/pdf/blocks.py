"""A Markdown text as plain blocks for the page: {kind, spans: [{text, style}], level, mark}.

Kinds: paragraph, heading, item, quote, code, row (of a table; one span a cell), rule. Styles: "", strong, emph, code,
break. Links are shown by their words, pictures by their description: nothing is loaded.
"""

from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

MAX_BLOCKS = 20_000
MAX_LEVEL = 6
STYLES = {"strong_open": "strong", "em_open": "emph"}
Span = dict[str, str]
Block = dict[str, Any]


def read(text: str) -> list[Block]:
    return _Reader().read(text)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


class _Reader:
    def __init__(self) -> None:
        self.found: list[Block] = []
        self.lists = self.quotes = 0
        self.mark = ""
        self.is_heading = False
        self.row: list[Span] | None = None

    def read(self, text: str) -> list[Block]:
        for token in _parser().parse(text):
            if token.type in ("fence", "code_block"):
                self._add("code", [_span(token.content.rstrip("\n"), "code")])
            elif token.type == "hr":
                self._add("rule", [])
            elif token.type == "inline":
                self._say(token)
            else:
                self._walk(token)
            if len(self.found) >= MAX_BLOCKS:
                break
        return self.found

    def _walk(self, token: Token) -> None:
        if token.type.endswith(("_list_open", "_list_close")):
            self.lists += token.nesting
        elif token.type == "list_item_open":
            self.mark = f"{token.info}." if token.info else "•"
        elif token.tag == "blockquote":
            self.quotes += token.nesting
        elif token.type.startswith("heading"):
            self.is_heading = token.nesting > 0
        elif token.type == "tr_open":
            self.row = []
        elif token.type == "tr_close":
            self._add("row", self.row or [])
            self.row = None

    def _say(self, token: Token) -> None:
        spans = _spans(token)
        if self.row is not None:
            self.row.append(_span("".join(span["text"] or " " for span in spans), ""))
        elif self.is_heading:
            self._add("heading", spans)
        elif self.quotes:
            self._add("quote", spans)
        else:
            self._add("item" if self.lists else "paragraph", spans)

    def _add(self, kind: str, spans: list[Span]) -> None:
        level = min(self.lists, MAX_LEVEL)
        self.found.append({"kind": kind, "spans": spans, "level": level, "mark": self.mark})
        self.mark = ""


def _spans(token: Token) -> list[Span]:
    found: list[Span] = []
    styles: list[str] = []
    for child in token.children or []:
        if child.type in STYLES:
            styles.append(STYLES[child.type])
        elif child.type in ("strong_close", "em_close"):
            styles.pop()
        elif child.type in ("softbreak", "hardbreak"):
            found.append(_span("", "break"))
        elif child.type == "code_inline":
            found.append(_span(child.content, "code"))
        elif child.content:
            found.append(_span(child.content, styles[-1] if styles else ""))
    return found


def _span(text: str, style: str) -> Span:
    return {"text": text, "style": style}
