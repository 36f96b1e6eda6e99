"""Markdown of pages that an operator writes, as safe HTML. A model's text is rendered by `assistants.rendering`."""

import functools
from collections.abc import Callable

import nh3
from markdown_it import MarkdownIt

TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "strong", "table",
    "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "ol": {"start"},
    "th": {"scope"},
}
# A wide table scrolls by itself, also by keyboard.
SCROLLS = '<div class="table-scroll" tabindex="0" role="group" aria-label="Table">'
SCHEMES = {"http", "https", "mailto"}


def render(text: str) -> str:
    """Safe to mark as safe in a template: no raw HTML, no image, no script, no style."""
    return nh3.clean(
        _parser().render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener",
        strip_comments=True,
    )


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", _always(f"{SCROLLS}<table>"))
    parser.add_render_rule("table_close", _always("</table></div>"))
    parser.add_render_rule("th_open", _always('<th scope="col">'))
    return parser


def _always(html: str) -> Callable[..., str]:
    return lambda *_: html
