"""The words of an answer: that it is simulated, what was asked, and what came in with the question."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from assistants.simulator import schemas, sights
from assistants.simulator.chat_request import ChatRequest, text_of

QUOTED = 600
TITLE_LIMIT = 100
CODING = re.compile(r"\b(code|python|javascript|typescript|function|script|regex|sql|algorithm)\b", re.I)
BLOCK = re.compile(r"<(memory|document)\b([^<>]*)>(.*?)</\1>", re.I | re.S)
MARK = re.compile(r"</?(?:memory|document)\b[^<>]*>", re.I)
TITLE = re.compile(r"""\b(?:title|name|source)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.I)
CLOSING = "Set `OPENAI_API_KEY` to have a real model answer."


def compose_text(request: ChatRequest) -> str:
    """The answer when the directives do not dictate one."""
    kind = request.response_format.get("type")
    if kind == "json_schema":
        schema = request.response_format["json_schema"]["schema"]
        made = schemas.make_instance(
            schema, hint=first_words(request.question, 12), sentences=sentences_of(request.question)
        )
        return json.dumps(made, ensure_ascii=False)
    if kind == "json_object":
        return json.dumps({"simulated": True, "question": clip(request.question)}, ensure_ascii=False)
    if _wants_title(request):
        return first_words(request.question, 6) or "Simulated title"
    return "\n\n".join(_paragraphs(request))


def first_words(text: str, number: int) -> str:
    return " ".join(text.split()[:number]).strip(" .,:;!?#*>-")


def sentences_of(text: str) -> list[str]:
    """Without the marks around what is quoted."""
    found = re.split(r"(?<=[.!?])\s+|\n+", MARK.sub(" ", text))
    return [clip(each.strip()) for each in found if each.strip()][: schemas.MOST_LISTED]


def clip(text: str, length: int = QUOTED) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def list_blocks(request: ChatRequest, kind: str) -> list[str]:
    """Titles (or first words) of the `<memory …>` or `<document …>` blocks in the instructions."""
    found: list[str] = []
    for text in _instructions(request):
        for match in BLOCK.finditer(text):
            if match[1].lower() == kind:
                title = TITLE.search(match[2])
                named = (title[1] or title[2] or "") if title else ""
                found.append(named or first_words(match[3], 8) or "untitled")
    return found


def _instructions(request: ChatRequest) -> list[str]:
    return [text_of(each["content"]) for each in request.messages if each["role"] in ("system", "developer")]


def _wants_title(request: ChatRequest) -> bool:
    """Short, with instructions that speak of a title: a list of conversations needs no whole answer."""
    short = request.limit is not None and request.limit <= TITLE_LIMIT
    return short and any(re.search(r"\btitle\b", text, re.I) for text in _instructions(request))


def _paragraphs(request: ChatRequest) -> Iterator[str]:
    yield "**This is a simulated answer.** No model was called."
    if request.question:
        quoted = "\n".join(f"> {line}" for line in clip(request.question).splitlines())
        yield f"You asked:\n\n{quoted}"
    facts = list(_facts(request))
    if re.search(r"\btable\b", request.question, re.I):
        rows = "\n".join(f"| {name} | {value.replace('|', '/')} |" for name, value in facts)
        yield f"What reached the model:\n\n| What | Content |\n| --- | --- |\n{rows}"
    else:
        yield "What reached the model:\n\n" + "\n".join(f"- {name}: {value}" for name, value in facts)
    for result in request.tool_results:
        yield f"A tool returned: {clip(text_of(result['content']), 300)}"
    if CODING.search(request.question):
        yield _code(request)
    yield CLOSING


def _facts(request: ChatRequest) -> Iterator[tuple[str, str]]:
    yield "Model", f"`{request.model}`"
    plain = " ".join(BLOCK.sub(" ", text) for text in _instructions(request))
    if first_words(plain, 1):
        yield "Instructions", f"“{first_words(plain, 12)}…”"
    for kind, one, many in (("memory", "Memory", "Memories"), ("document", "Document", "Documents")):
        titles = list_blocks(request, kind)
        if titles:
            yield one if len(titles) == 1 else f"{many} ({len(titles)})", "; ".join(titles)
    earlier = sum(each["role"] in ("user", "assistant") for each in request.messages) - 1
    earlier -= sum(each["role"] == "assistant" for each in _after_question(request))
    if earlier > 0:
        yield "Earlier messages", str(earlier)
    contents = [each["content"] for each in request.messages if isinstance(each["content"], list)]
    parts = [part["type"] for content in contents for part in content]
    seen = sights.look_at_all(contents)
    if seen:
        yield "Images", f"{len(seen)} ({'; '.join(str(sight) for sight in seen)})"
    for kind, name in (("input_audio", "Recordings"), ("file", "Files")):
        if kind in parts:
            yield name, str(parts.count(kind))
    if request.tools:
        yield "Tools offered", ", ".join(f"`{tool['function']['name']}`" for tool in request.tools)


def _after_question(request: ChatRequest) -> list[dict[str, object]]:
    """Messages after the last question, which belong to the turn under way."""
    last = max((at for at, each in enumerate(request.messages) if each["role"] == "user"), default=-1)
    return request.messages[last + 1 :]


def _code(request: ChatRequest) -> str:
    topic = json.dumps(first_words(request.question, 8), ensure_ascii=False)
    return (
        "A real model would write code here:\n\n```python\ndef answer() -> str:\n"
        f'    """Simulated: nothing was generated."""\n    return {topic}\n```'
    )
