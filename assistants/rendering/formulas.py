r"""Formulas of an answer: `$…$`, `\(…\)`, and as a block or within a line `$$…$$` and `\[…\]`.

They are shown as they were written, in the manner of code: nothing in one is Markdown, a link or a command.
"""

from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

MAX_LENGTH = 10_000
"""Characters; longer ones are text."""
ENDS = {"$$": "$$", r"\[": r"\]", r"\(": r"\)", "$": "$"}
BLOCKS = ("$$", r"\[")


def install(parser: MarkdownIt) -> None:
    parser.inline.ruler.before("escape", "formula", _inline)
    parser.block.ruler.before(
        "fence", "formula", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.add_render_rule("formula", _show)
    parser.add_render_rule("formula_block", _show_block)


def _inline(state: StateInline, silent: bool) -> bool:
    begins = next((mark for mark in ENDS if state.src.startswith(mark, state.pos)), "")
    if not begins:
        return False
    start = state.pos + len(begins)
    end = _end(state.src, start, min(state.posMax, start + MAX_LENGTH), begins)
    if end < 0:
        return False
    if not silent:
        token = state.push("formula", "code", 0)
        token.content = state.src[start:end].strip()
        token.markup = begins
    state.pos = end + len(ENDS[begins])
    return True


def _end(text: str, start: int, limit: int, begins: str) -> int:
    """Where the end mark is; -1: none. A single dollar that stands before a space or after one is money."""
    if begins != "$":
        end = text.find(ENDS[begins], start, limit)
        return end if text[start:end].strip() else -1
    if text[start : start + 1].isspace():
        return -1
    end = text.find("$", start, limit)
    while end > start and text[end - 1] == "\\":
        end = text.find("$", end + 1, limit)
    if end <= start or text[end - 1].isspace() or text[end + 1 : end + 2].isdigit():
        return -1
    return end


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """From a line that begins with the mark to one that ends with its end; blank lines may be within."""
    if state.is_code_block(first):
        return False
    line = _line(state, first)
    begins = next((mark for mark in BLOCKS if line.startswith(mark)), "")
    if not begins:
        return False
    start = state.bMarks[first] + state.tShift[first] + len(begins)
    # Found in one sweep: a text of a thousand beginnings is not read line by line for each of them.
    end = state.src.find(ENDS[begins], start, min(state.eMarks[last - 1], start + MAX_LENGTH))
    ends = state.src.find("\n", end) if end >= 0 else -1
    after = state.src[end + len(ENDS[begins]) : ends if ends >= 0 else None]
    if end < 0 or after.strip() or not state.src[start:end].strip():
        return False
    lines, number = [state.src[start : state.eMarks[first]]], first
    while state.eMarks[number] < end:
        number += 1
        if state.sCount[number] < state.blkIndent:
            return False
        lines.append(_line(state, number))
    content = "\n".join(lines).rstrip().removesuffix(ENDS[begins]).strip("\n")
    if not silent:
        token = state.push("formula_block", "pre", 0)
        token.content, token.markup, token.block = content, begins, True
        token.map = [first, number + 1]
    state.line = number + 1
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _show(renderer: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    return f'<code class="formula">{escape(tokens[index].content)}</code>'


def _show_block(renderer: Any, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    return f'<pre class="formula" tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'
