"""Full-text search over titles and texts: ranked, with marked snippets.

The newest MOST hits of texts and of titles are ranked; a word that stands everywhere costs no more than that.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, QuerySet
from django.utils.safestring import SafeString

from accounts.permissions import Member
from assistants.chat import queries as chat
from assistants.library import marks, queries
from assistants.models import Conversation, Message

MOST = 500
PAGE_LENGTH = 20
MAX_TERMS = 12
MAX_LENGTH = 200
TITLE_WEIGHT = 2.0
TERM = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True)
class Hit:
    conversation: Conversation
    title: SafeString
    snippet: SafeString
    message_id: UUID | None


@dataclass(frozen=True)
class Found:
    """`next`: the cursor of the next page, empty on the last. `has_more`: there may be hits beyond those ranked."""

    hits: list[Hit]
    total: int
    next: str = ""
    has_more: bool = False


def search(
    member: Member,
    text: str,
    cursor: str = "",
    filters: queries.Filters | None = None,
    within: QuerySet[Conversation] | None = None,
) -> Found:
    """What the member may see, best first. Four queries, whatever is found; none for a text without words. `within`:
    only in these of the conversations that the member sees.

    Every word must occur, the last letters of each may be missing; "words in quotes" stand side by side.
    """
    terms = _terms(text)
    if not terms:
        return Found([], 0)
    query = _query(terms)
    talks = chat.visible_to(member)
    if filters is not None and filters.tag:
        talks = talks.filter(tags__contains=[filters.tag])
    if filters is not None and filters.project_id:
        talks = talks.filter(project_id=filters.project_id)
    if within is not None:
        talks = talks.filter(id__in=within.values("id"))
    titles = _titles(talks, query)
    texts = _texts(talks, query)
    order = _merged(titles, texts)
    start = int(cursor) if cursor.isdecimal() and len(cursor) < 6 else 0
    page = order[start : start + PAGE_LENGTH]
    upcoming = str(start + PAGE_LENGTH) if len(order) > start + PAGE_LENGTH else ""
    hits = _hits(page, [word for word, _ in terms])
    return Found(hits, len(order), upcoming, max(len(titles), len(texts)) >= MOST)


def _terms(text: str) -> list[tuple[str, bool]]:
    """Words, and whether each is a phrase; without those of which a search has nothing."""
    found = TERM.findall(text.replace("\x00", " ")[:MAX_LENGTH])[:MAX_TERMS]
    terms = [((phrase or word).strip(), bool(phrase)) for phrase, word in found]
    return [(said, is_phrase) for said, is_phrase in terms if any(map(str.isalnum, said))]


def _query(terms: list[tuple[str, bool]]) -> SearchQuery:
    """`'word':*` for each, quoted so that no character of it is an operator."""
    quoted = (
        (said.replace("\\", "\\\\").replace("'", "''"), "" if is_phrase else ":*")
        for said, is_phrase in terms
    )
    return SearchQuery(
        " & ".join(f"'{said}'{prefix}" for said, prefix in quoted), config="simple", search_type="raw"
    )


def _titles(talks: QuerySet[Conversation], query: SearchQuery) -> list[tuple[UUID, float]]:
    newest = talks.filter(search=query).order_by("-updated_at").values("id")[:MOST]
    ranked = Conversation.objects.filter(id__in=newest).annotate(rank=SearchRank(F("search"), query))
    return list(ranked.values_list("id", "rank"))


def _texts(talks: QuerySet[Conversation], query: SearchQuery) -> list[tuple[UUID, UUID, float]]:
    """(conversation, message, rank). Ranked after the newest were chosen: ranking reads whole vectors."""
    newest = Message.objects.filter(search=query, conversation__in=talks).order_by("-created_at")
    ranked = Message.objects.filter(id__in=newest.values("id")[:MOST])
    scored = ranked.annotate(rank=SearchRank(F("search"), query, normalization=1))
    return list(scored.values_list("conversation_id", "id", "rank").order_by("-rank", "-created_at"))


def _merged(
    titles: list[tuple[UUID, float]], texts: list[tuple[UUID, UUID, float]]
) -> list[tuple[UUID, UUID | None]]:
    """One entry per conversation with its best message; a hit in the title counts more."""
    scores: dict[UUID, float] = {key: TITLE_WEIGHT * rank for key, rank in titles}
    best: dict[UUID, UUID] = {}
    for conversation_id, message_id, rank in texts:
        if conversation_id not in best:
            best[conversation_id] = message_id
            scores[conversation_id] = scores.get(conversation_id, 0.0) + rank
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return [(key, best.get(key)) for key in order]


def _hits(page: list[tuple[UUID, UUID | None]], words: list[str]) -> list[Hit]:
    rows = queries.rows_of([key for key, _ in page])
    texts = chat.texts_of([message for _, message in page if message])
    pattern = marks.pattern_of(words)
    return [
        Hit(
            rows[key],
            marks.line(rows[key].title, pattern),
            marks.snippet(texts[message_id], pattern) if message_id in texts else SafeString(""),
            message_id,
        )
        for key, message_id in page
        if key in rows
    ]
