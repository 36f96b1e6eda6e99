"""Markdown, web pages, plain text and code."""

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Comment, Declaration, Doctype, NavigableString, ProcessingInstruction, Tag
from bs4.element import PageElement

from assistants.documents.reader.parts import Document, Headings, Part, Progress, clean, one_line

MARKDOWN_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
UNREAD = {
    "canvas", "embed", "head", "iframe", "math", "noscript", "object", "script", "style", "svg", "template", "title",
}  # fmt: skip
BLOCKS = {
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
    "form", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "thead", "tr", "ul",
    "h1", "h2", "h3", "h4", "h5", "h6",
}  # fmt: skip


def read_markdown(text: str, tell: Progress) -> Document:
    return Document(0, _markdown(clean(text)))


def _markdown(text: str) -> Iterator[Part]:
    headings = Headings()
    gathered: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark[1]
        found = None if fence else MARKDOWN_HEADING.match(line)
        if found or (not fence and not line.strip()):
            yield from _gathered(gathered, headings.text)
        if found:
            headings.enter(len(found[1]), one_line(found[2]))
        if line.strip() or fence:
            gathered.append(line)
    yield from _gathered(gathered, headings.text)


def _gathered(lines: list[str], heading: str) -> Iterator[Part]:
    if lines:
        yield Part("\n".join(lines), 0, heading)
        lines.clear()


def read_plain(text: str, tell: Progress) -> Document:
    """Paragraphs; of code these are what stands between blank lines."""
    parts = (Part(part, 0, "") for part in re.split(r"\n\s*\n", clean(text)) if part.strip())
    return Document(0, parts)


def read_html(text: str, tell: Progress) -> Document:
    """What a page says. Scripts, styles and what is hidden by an attribute are left out."""
    soup = BeautifulSoup(text, "html.parser")
    title = one_line(soup.title.get_text()) if soup.title is not None else ""
    return Document(0, _html(soup, title))


def _html(soup: BeautifulSoup, title: str) -> Iterator[Part]:
    headings = Headings()
    headings.enter(0, title)
    gathered: list[str] = []
    stack: list[PageElement | str] = list(reversed(soup.contents))
    while stack:
        node = stack.pop()
        if isinstance(node, str) and not isinstance(node, NavigableString):
            yield from _paragraph(gathered, headings, node)
        elif isinstance(node, Tag):
            if node.name in UNREAD or node.has_attr("hidden") or node.get("aria-hidden") == "true":
                continue
            if node.name in BLOCKS:
                yield from _paragraph(gathered, headings, "")
                # What is left on the stack when its contents are read: the end of the block.
                stack.append(node.name)
            stack.extend(reversed(node.contents))
        elif not isinstance(node, Comment | Declaration | Doctype | ProcessingInstruction):
            gathered.append(str(node))
    yield from _paragraph(gathered, headings, "")


def _paragraph(gathered: list[str], headings: Headings, ended: str) -> Iterator[Part]:
    """What was gathered up to the begin of a block, or to the end of the block `ended`."""
    text = "".join(gathered)
    gathered.clear()
    text = clean(text) if ended == "pre" else one_line(text)
    if not text.strip():
        return
    if re.fullmatch(r"h[1-6]", ended):
        headings.enter(int(ended[1]), text)
    yield Part(text, 0, headings.text)
