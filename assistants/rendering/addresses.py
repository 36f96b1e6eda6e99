"""Links of an answer: only to the web and to mail, and one that calls itself another address says where it leads."""

import re
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

SCHEMES = ("http", "https", "mailto")
SCHEME = re.compile(r"[\x00-\x20]*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# Another host's, or a scheme that only looks like none.
NOT_RELATIVE = re.compile(r"[\x00-\x20]*[/\\]{2}|[^/?#]*:")
HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+")
# What a reader takes for an address at the beginning of a link: `bank.example`, `https://bank.example/pay`.
ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,20}:)?[\\/]{0,3}(?:[^\s/@]{1,100}@)?((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,63})(?!\w)",
    re.IGNORECASE,
)
MOST_READ = 300
"""Characters of a link's words that are looked at."""


def install(parser: MarkdownIt) -> None:
    parser.core.ruler.push("addresses", _review)


def host_of(address: str) -> str:
    """Of an address on the web that names its scheme; else empty."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return host if parts.scheme in ("http", "https") and HOST.fullmatch(host) else ""


def is_allowed(address: str) -> bool:
    """Relative ones are: they stay on the host that shows them, unless they begin with two slashes."""
    scheme = SCHEME.match(address)
    if scheme is None:
        return bool(address) and not NOT_RELATIVE.match(address)
    if scheme[1].lower() == "mailto":
        return True
    return scheme[1].lower() in SCHEMES and bool(host_of(address))


def _review(state: StateCore) -> None:
    for block in state.tokens:
        if block.children:
            block.children = _reviewed(block.children)


def _reviewed(tokens: list[Token]) -> list[Token]:
    """Links do not nest: one pass."""
    found: list[Token] = []
    opened: Token | None = None
    said = ""
    for token in tokens:
        if token.type == "link_open":
            opened, said = token, ""
            if is_allowed(_href(token)):
                found.append(token)
        elif token.type == "link_close" and opened is not None:
            if is_allowed(_href(opened)):
                found += _closed(token, _href(opened), said)
            opened = None
        else:
            if opened is not None:
                said += token.content if len(said) < MOST_READ else ""
                token.meta["is_linked"] = is_allowed(_href(opened))
            found.append(token)
    return found


def _closed(token: Token, href: str, said: str) -> list[Token]:
    shown = "".join(letter for letter in said[:MOST_READ] if letter.isprintable()).strip()
    if not shown:
        return [_text(host_of(href) or unquote(href)), token]
    host = host_of(href)
    called = ADDRESS.match(shown)
    if host and called and not _is_same(called[1], host):
        return [token, _text(f" ({host})")]
    return [token]


def _href(token: Token) -> str:
    return str(token.attrs.get("href", ""))


def _is_same(called: str, host: str) -> bool:
    return called.lower().removeprefix("www.") == host.lower().removeprefix("www.")


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
