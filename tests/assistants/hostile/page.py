"""Reads HTML as a browser would and notes what an answer on a page may never hold."""

import re
from html.parser import HTMLParser

TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "li", "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title", "target", "rel", "class"}, "code": {"class"}, "div": {"class", "data-language"},
    "pre": {"class", "tabindex"}, "ol": {"start"}, "span": {"class"}, "td": {"align"}, "th": {"align"},
}  # fmt: skip
CLASSES = {
    "a": "remote-image", "code": "formula", "div": "code-block", "pre": "code|formula", "span": "[a-z][a-z0-9]{0,3}",
}  # fmt: skip
LINK = re.compile(r"https?://[^/]|mailto:|(?![/\\]{2})[^:]*([?#/]|$)", re.IGNORECASE)
REL = {"noopener", "noreferrer", "nofollow"}


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in TAGS:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            is_known = name in ATTRIBUTES.get(tag, ())
            if not is_known or (name == "class" and not re.fullmatch(f"({CLASSES.get(tag)})?", value or "")):
                self.wrong.append(f"{tag} {name}={value}")
        if tag == "a":
            self._link(dict(attrs))

    def _link(self, found: dict[str, str | None]) -> None:
        href = found.get("href")
        if href is not None:
            self.links.append(href)
            if not LINK.match(href) or re.search(r"[\x00-\x20]", href):
                self.wrong.append(f"href={href}")
        if found.get("target") != "_blank" or set((found.get("rel") or "").split()) != REL:
            self.wrong.append(f"a link that is followed from here: {found}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"<?{data}>")
