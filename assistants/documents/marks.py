"""Text of documents within a prompt: numbered, and unable to close its mark or to open another.

SECURITY: nothing here makes a model deaf to what a document says. It keeps every document's text inside its own mark,
so that the instructions around it are true; that no text of a document ever starts a tool is up to the tools.
"""

import re

from assistants.documents.queries import Passage
from assistants.llm import tokens

# What looks like a mark of ours, of a chat's roles, or of a tool's call, in any of the letters that look like "<".
OPENER = "[<＜﹤‹〈⟨《«˂ᐸ]"
WORDS = (
    "data|document|documents|passage|memory|memories|system|developer|user|human|assistant|instruction|instructions|tool"
    "|tools|tool_call|tool_calls|tool_result|function|function_call|function_calls|invoke|antml|s|inst|context|source"
)
MARK = re.compile(rf"{OPENER}(?=[\s/\\|]*(?:{WORDS})\b|\s*[|!/?])", re.I)
HARMLESS = "‹"
# What chat templates write around a turn.
TURN = re.compile(r"\[(?=/?(?:INST|SYS|TOOL_CALLS|AVAILABLE_TOOLS)\b)", re.I)


def harmless(text: str) -> str:
    """The same to read; no mark any more. Ordinary “<” of code and mathematics stays."""
    return TURN.sub("⟦", MARK.sub(HARMLESS, text))


def marked(passage: Passage, number: int) -> str:
    """A passage as the prompt shows it, with what a citation of it needs."""
    where = f' page="{passage.page}"' if passage.page else ""
    if passage.heading:
        where += f' section="{_attribute(passage.heading)}"'
    return f'<document n="{number}" name="{_attribute(passage.name)}"{where}>\n{harmless(passage.text)}\n</document>'


def _attribute(text: str) -> str:
    """Within quotes, on one line."""
    return " ".join(re.sub(r"[<>\"＜＞]", "'", harmless(text)).split())[:200]


def fitted(text: str, room: int) -> str:
    """As many lines from the top as fit, harmless."""
    kept: list[str] = []
    for line in harmless(text).split("\n"):
        size = tokens.count(line) + 1
        if size > room:
            break
        room -= size
        kept.append(line)
    return "\n".join(kept)
