"""Model output as safe HTML: parsed by markdown-it, coloured by Pygments, then sanitised by nh3.

A model's text is hostile until proven otherwise: no raw HTML, no remote image before a click, no script, no style.
"""

import functools
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from assistants.rendering import addresses, formulas

MAX_HIGHLIGHT = 50_000
TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
# "*" is for every tag: without it a title and a language are.
ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),
    "a": {"href", "title"},
    "div": {"data-language"},
    "ol": {"start"},
}
VALUES = {
    "pre": {"tabindex": {"0"}},
    "td": {"align": {"left", "right", "center"}},
    "th": {"align": {"left", "right", "center"}},
}
CLASSES = {
    "a": {"remote-image"},
    "code": {"formula"},
    "div": {"code-block"},
    "pre": {"code", "formula"},
    "span": set(STANDARD_TYPES.values()) - {""},
}
_formatter = HtmlFormatter(nowrap=True)


# Texts whose HTML a process keeps: a long conversation is looked at many times, and code is slow to colour.
MOST_KEPT, LONGEST_KEPT = 512, 8_000


def render(text: str, *, offers_images: bool = True) -> str:
    """Safe to mark as safe in a template. Without `offers_images` an image is its description, not a link to it."""
    return (_kept if len(text) <= LONGEST_KEPT else _render)(text, offers_images)


@functools.lru_cache(MOST_KEPT)
def _kept(text: str, offers_images: bool) -> str:
    return _render(text, offers_images)


def _render(text: str, offers_images: bool) -> str:
    return sanitise(_parser().render(text, {"offers_images": offers_images}))


# SECURITY: nothing that is parsed here becomes a tag unless a rule below wrote it; this holds if one of them errs.
def sanitise(html: str) -> str:
    return _cleaner().clean(html)


@functools.cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        attributes=ATTRIBUTES,
        tag_attribute_values=VALUES,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        allowed_classes=CLASSES,
        url_schemes=set(addresses.SCHEMES),
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    formulas.install(parser)
    addresses.install(parser)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("code_block", _code)
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("th_open", _aligned)
    parser.add_render_rule("td_open", _aligned)
    return parser


def _image(renderer: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    """A remote image would tell its host who reads: it becomes a link that says where it leads."""
    token = tokens[index]
    source = str(token.attrs.get("src", ""))
    label = token.content or "image"
    host = addresses.host_of(source)
    if not host or token.meta.get("is_linked") or not env["offers_images"]:
        return f"<em>{escape(label)}</em>"
    shown = escape(f"{label}: load image from {host}")
    return f'<a class="remote-image" href="{escape(source)}">{shown}</a>'


def _link_open(renderer: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    href = escape(str(token.attrs.get("href", "")))
    title = token.attrs.get("title")
    shown = f' title="{escape(str(title))}"' if title else ""
    return f'<a href="{href}"{shown}>'


def _aligned(renderer: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    """Column alignment as an attribute: a style attribute would be refused by the content security policy."""
    token = tokens[index]
    style = str(token.attrs.get("style", ""))
    align = style.removeprefix("text-align:")
    return f'<{token.tag} align="{align}">' if align in ("left", "right", "center") else f"<{token.tag}>"


def _code(renderer: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    language = (token.info or "").strip().split(" ", 1)[0].lower()
    code = token.content
    body = _highlight(code, language) if language and len(code) <= MAX_HIGHLIGHT else None
    shown = escape(language if body is not None else "")
    inner = body if body is not None else escape(code)
    pre = f'<pre class="code" tabindex="0"><code>{inner}</code></pre>'
    return f'<div class="code-block" data-language="{shown}">{pre}</div>'


def _highlight(code: str, language: str) -> str | None:
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return None
    return str(highlight(code, lexer, _formatter))
