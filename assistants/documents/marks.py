"""Text of documents within a prompt: numbered, between marks that it can neither end nor open.

SECURITY: nothing here makes a model deaf to what a document says. It keeps every document's text inside its own mark,
so that what the instructions say of the marks is true; that no text of a document starts a tool is up to the tools.
"""

import re
from html import escape

from assistants.documents.queries import Passage
from assistants.llm import tokens

# Letters that look like "<", before what looks like a mark of ours, of a chat's roles, or of a tool's call.
WORDS = (
    "data|document|documents|passage|memory|memories|system|developer|user|human|assistant|instructions?|tools?"
    "|tool_calls?|tool_result|functions?|function_calls?|invoke|antml|s|inst|context|source"
)
ALIKE = re.compile(rf"[＜﹤‹〈⟨《«˂ᐸ](?=[\s/\\|]*(?:{WORDS})\b|\s*[|!/?])", re.I)
# What some chat templates write around a turn.
TURN = re.compile(r"\[(?=/?(?:INST|SYS|TOOL_CALLS|AVAILABLE_TOOLS)\b)", re.I)


def harmless(text: str) -> str:
    """The same to read for a model; no mark any more."""
    return TURN.sub("⟦", ALIKE.sub("&lt;", escape(text, quote=False)))


def marked(passage: Passage, number: int) -> str:
    """A passage as the prompt shows it, with what a citation of it needs."""
    where = f' page="{passage.page}"' if passage.page else ""
    if passage.heading:
        where += f' section="{_attribute(passage.heading)}"'
    return f'<document n="{number}" name="{_attribute(passage.name)}"{where}>\n{harmless(passage.text)}\n</document>'


def whole(text: str, name: str, room: int) -> str:
    """As many lines from the top as fit, between marks."""
    kept: list[str] = []
    for line in harmless(text).split("\n"):
        size = tokens.count(line) + 1
        if size > room:
            break
        room -= size
        kept.append(line)
    inside = "\n".join(kept)
    return f'<document name="{_attribute(name)}">\n{inside}\n</document>'


def code(text: str, name: str) -> str:
    """All of it: who gives it has counted it."""
    return f'<document name="{_attribute(name)}">\n{harmless(text)}\n</document>'


def _attribute(text: str) -> str:
    """Within quotes, on one line."""
    return " ".join(harmless(text).replace('"', "'").split())[:200]
