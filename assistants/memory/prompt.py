"""What is remembered, layer by layer, each within its budget; what did not fit is counted."""

from collections.abc import Callable
from html import escape

from accounts import queries as accounts_queries
from accounts.permissions import Member
from assistants.llm import tokens
from assistants.memory import layers, queries, services, summaries, wishes
from assistants.models import MemoryItem
from assistants.prompting.types import Ask, Block
from tenants.scope import current_workspace

RECALL_LIMIT = 24
FRAME_TOKENS = 12
"""What the marks of one item take."""


def reserve(ask: Ask) -> int:
    """The budgets of the layers that may speak. Two queries at most, none where memory is off for the assistant."""
    wish = tokens.count(wishes.told(ask.question)) + 1 if _is_granted(ask) else 0
    return wish + sum(layers.BY_NAME[name].budget for name in _speaking(ask))


def blocks(ask: Ask) -> list[Block]:
    """Of the layers for which tokens were held."""
    names = _speaking(ask)
    found = [_session(ask)] if "session" in names else []
    if _is_granted(ask):
        found.append(Block("forgotten", wishes.told(ask.question), is_trusted=True))
    kept = names - {"session"}
    if kept:
        found += _kept(ask, kept)
    services.note_use([item["id"] for block in found for item in block.used if item["kind"] == "memory"])
    return [block for block in found if block.text or block.left_out]


def _is_granted(ask: Ask) -> bool:
    """Wishes are granted where they are said in a conversation: a program's texts may be anybody's."""
    return ask.conversation is not None and bool(wishes.day_of(ask.question))


def _speaking(ask: Ask) -> frozenset[str]:
    allowed = layers.allowed(current_workspace().id)
    names = (
        {"session"}
        if "session" in allowed and _has_history(ask) and summaries.exists_for(ask.conversation)
        else set()
    )
    personal = allowed - {"working", "session"}
    if personal and queries.others_read(ask.conversation):
        # SECURITY: an answer that others read too must tell nothing of one of them.
        personal &= {"shared"}
    if personal and queries.is_allowed(ask.assistant, ask.conversation) and queries.may_recall(ask.person_id):
        names |= personal
    return frozenset(names)


def _has_history(ask: Ask) -> bool:
    question = ask.answer.parent if ask.answer is not None else None
    return question is not None and question.parent_id is not None


def _session(ask: Ask) -> Block:
    summary = summaries.newest_on_branch(ask.answer)
    if summary is None:
        return Block("session", "")
    text = tokens.cut(summary.text, layers.BY_NAME["session"].budget - FRAME_TOKENS)
    return Block("session", f'<memory layer="session">{escape(text, quote=False)}</memory>')


def _kept(ask: Ask, names: frozenset[str]) -> list[Block]:
    member = _payer(ask)
    asked = [name for name in layers.RECALLED if name in names]
    recalled = (
        queries.recall(
            person_id=ask.person_id, assistant=ask.assistant, query=ask.question, layers=asked,
            limit=RECALL_LIMIT, payer=member,
        )
        if asked and ask.question
        else []
    )  # fmt: skip
    found = []
    if "preference" in names:
        found.append(_fit("preference", queries.preferences(ask.person_id)))
    found += [_fit(name, [item for item in recalled if item.layer == name]) for name in asked]
    if "relational" in names and ask.question:
        found.append(_relational(ask))
    return found


def _payer(ask: Ask) -> Member | None:
    return accounts_queries.get_member(
        user_id=ask.person_id, workspace_id=current_workspace().id, session_key=None
    )


def _fit(name: str, items: list[MemoryItem]) -> Block:
    def line(item: MemoryItem) -> str:
        when = item.happened_at or item.created_at
        text = escape(item.text, quote=False)
        return f'<memory layer="{name}" since="{when:%Y-%m-%d}">{text}</memory>'

    return _lines(name, [(line(item), item) for item in items])


def _relational(ask: Ask) -> Block:
    edges = queries.neighbours(person_id=ask.person_id, text=ask.question)
    pairs = []
    for edge in edges:
        said = escape(f"{edge.subject.name} {edge.predicate} {edge.object.name}", quote=False)
        pairs.append((f'<memory layer="relational">{said}</memory>', edge.item))
    return _lines("relational", pairs)


def _lines(
    name: str, pairs: list[tuple[str, MemoryItem]], count: Callable[[str], int] = tokens.count
) -> Block:
    """Best first, until the layer's budget is full."""
    room, lines, used = layers.BY_NAME[name].budget, [], []
    for line, item in pairs:
        size = count(line) + 1
        if size > room:
            continue
        room -= size
        lines.append(line)
        used.append({"kind": "memory", "id": str(item.id), "layer": name})
    return Block(name, "\n".join(lines), used=used, left_out=len(pairs) - len(lines))
