"""How long the server takes for lists, searches and one long conversation, and how many queries it asks.

A workspace of its own is filled in three steps: 2, 200 and 10,000 conversations of one person with five messages each,
one of them with 2,000. A tenth of as many belong to a colleague, who may not be found. Queries are counted at each.
"""

import argparse
import os
import secrets
from dataclasses import dataclass
from typing import Any

import django
import uvloop
from django.conf import settings

from bench import pages, report
from bench.pages import Page
from bench.target import Target, from_environment

STEPS = (2, 200, 10_000)
LONG = 2_000
GOAL_MS, COUNTED = 80.0, 3
WORDS = (
    "index", "vector", "budget", "receipt", "holding", "sidebar", "plan", "release", "lease", "window", "project",
    "branch", "answer", "question", "memory", "document", "passage", "limit", "stop", "worker",
)  # fmt: skip
TALKS = """
INSERT INTO assistants_conversation (id, owner_id, assistant_id, title, tags, created_at, updated_at)
SELECT md5(%(mark)s || n)::uuid, %(owner)s::uuid, (SELECT id FROM assistants_assistant LIMIT 1),
       'Talk ' || n || ' of ' || (%(words)s::text[])[1 + n %% 20] || ' and ' || (%(words)s::text[])[1 + (n / 20) %% 20],
       CASE WHEN n %% 50 = 0 OR n = 2 THEN ARRAY['tagged'] ELSE '{}'::varchar[] END,
       statement_timestamp() - make_interval(mins => n), statement_timestamp() - make_interval(mins => n)
FROM generate_series(%(first)s::int, %(last)s::int) n
"""
# Every text has a word of all, one of twenty, one of four hundred, one of its own; every fourth code, a list, a table.
MESSAGES = """
INSERT INTO assistants_message (id, conversation_id, parent_id, role, text, created_at)
SELECT md5(%(mark)s || n || ':' || m)::uuid, md5(%(mark)s || n)::uuid,
       CASE WHEN m > 1 THEN md5(%(mark)s || n || ':' || m - 1)::uuid END,
       CASE WHEN m %% 2 = 1 THEN 'user' ELSE 'assistant' END,
       'Everybody asks about the ' || (%(words)s::text[])[1 + (n + m) %% 20] || ' in message rare' || n || 'x' || m ||
       ', topic' || (n * 7 + m * 13) %% 400 || '. ' ||
       repeat('It is held until the run has ended, then settled at what was used. ', 1 + (n + m) %% 12) ||
       CASE WHEN m %% 4 = 0 THEN %(rich)s ELSE '' END,
       statement_timestamp() - make_interval(mins => n, secs => -m / 100.0)
FROM generate_series(%(first)s::int, %(last)s::int) n, generate_series(1, %(count)s::int) m
"""
RICH = """

```python
def settle(hold: Hold, used: int) -> Entry:
    with transaction.atomic():
        if used > hold.amount:  # never more than was held
            used = hold.amount
        return Entry.objects.create(hold=hold, amount=-used, reason="settled")
```

- **held** before the call, by `hold(amount)`
- *settled* after it, see [the page](https://example.org/settle)

| step | amount |
|---|---:|
| hold | 120 |
| settle | 90 |
"""
# The answers of the long conversation were each made by a run.
RUNS = """
INSERT INTO assistants_run (id, kind, state, attempt, owner_id, assistant_id, message_id, model, answered_by, request,
    sent, text, tool_calls, finish_reason, error_code, input_tokens, output_tokens, cost_micro, is_estimated, salt,
    created_at, finished_at, receipt_id)
SELECT md5('run' || m.id)::uuid, 'reply', 'done', 1, c.owner_id, c.assistant_id, m.id, 'bench', 'bench', '{}', '[]', '',
    '[]', 'stop', '', 900, 300, 1200, false, '', m.created_at, m.created_at, md5('receipt' || m.id)::uuid
FROM assistants_message m JOIN assistants_conversation c ON c.id = m.conversation_id
WHERE m.role = 'assistant' AND c.id = md5('mine1')::uuid
"""
LEAVES = """
UPDATE assistants_conversation c SET current_leaf_id = m.id FROM assistants_message m
WHERE m.conversation_id = c.id AND NOT EXISTS (SELECT 1 FROM assistants_message n WHERE n.parent_id = m.id)
"""


@dataclass(frozen=True)
class Place:
    slug: str
    schema: str
    owner: str
    cookie: str


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench conversations", description=__doc__)
    parser.add_argument(
        "--requests", type=int, default=100, help="of each page, one at a time (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    os.environ["LOG_LEVEL"] = "WARNING"
    django.setup()
    target = from_environment()
    place = make_place(target)
    counts: dict[str, list[int]] = {}
    measured: list[Page] = []
    former = 0
    for step in STEPS:
        fill(target, place, former + 1, step)
        former = step
        measured = pages_of(place)
        for page in measured:
            pages.count_queries(page, times=COUNTED)
            counts.setdefault(page.name, []).append(page.queries)
    uvloop.run(_measure(target, measured, options.requests))
    return _tell(measured, counts, options.requests)


def make_place(target: Target) -> Place:
    """A workspace with room for everything, owned by acme's owner."""
    from accounts import queries, services  # noqa: PLC0415  needs Django
    from tenants.scope import get_ref  # noqa: PLC0415

    user = queries.get_user_by_email(target.demo["acme"]["people"][0]["email"])
    assert user is not None
    slug = f"talks-{secrets.token_hex(4)}"
    services.create_workspace(owner=user, name="Talks", slug=slug)
    return Place(slug, get_ref(slug=slug).schema_name, str(user.id), pages.sign_in(target, "acme"))


def fill(target: Target, place: Place, first: int, last: int) -> None:
    with target.database() as connection:
        connection.execute(f'SET search_path TO "{place.schema}"')
        for mark, owner, until in (("mine", place.owner, last), ("theirs", _colleague(), _tenth(last))):
            start = first if mark == "mine" or first == 1 else _tenth(first - 1) + 1
            rows: dict[str, Any] = {
                "mark": mark,
                "owner": owner,
                "words": list(WORDS),
                "rich": RICH,
                "first": start,
                "last": until,
            }
            connection.execute(TALKS, rows)
            connection.execute(MESSAGES, {**rows, "first": max(start, 2), "count": 5})
            if start == 1:
                connection.execute(MESSAGES, {**rows, "last": 1, "count": LONG if mark == "mine" else 5})
        if first == 1:
            connection.execute(RUNS)
        connection.execute(LEAVES)
        connection.execute("VACUUM ANALYZE assistants_conversation, assistants_message")
    report.progress(f"{last:,} conversations")


def _tenth(count: int) -> int:
    return max(1, count // 10)


def _colleague() -> str:
    return "00000000-0000-4000-8000-00000000c011"


def pages_of(place: Place) -> list[Page]:
    from assistants.library import keyset  # noqa: PLC0415  needs Django
    from assistants.models import Conversation  # noqa: PLC0415
    from tenants.scope import get_ref, workspace_scope  # noqa: PLC0415

    with workspace_scope(get_ref(slug=place.slug).id):
        rows = Conversation.objects.filter(owner_id=place.owner).order_by("-updated_at", "-id")
        # No page may be empty: where nothing is found, less is asked.
        middle = rows[(rows.count() - 1) // 2]
        after = keyset.Place(middle.updated_at, middle.id).text
        longest = rows.get(title__startswith="Talk 1 ")
    root, session = f"/w/{place.slug}/", {"Cookie": f"{settings.SESSION_COOKIE_NAME}={place.cookie}"}
    lists = f"{root}conversations/"
    return [
        Page("list, first page", lists, session),
        Page("list, from its middle", f"{lists}?after={after}", session),
        Page("list of a tag", f"{lists}?tag=tagged", session),
        Page("search: a word of one message", f"{lists}?q=rare2x3", session),
        Page("search: a word of one in twenty", f"{lists}?q=receipt", session),
        Page("search: a word of all", f"{lists}?q=everybody", session),
        Page("search: two words", f"{lists}?q=receipt+settled", session),
        Page("search: nothing found", f"{lists}?q=zeppelin", session),
        Page("conversation of 2,000 messages", f"{root}chat/{longest.id}/", session),
        Page("overview", root, session),
    ]


async def _measure(target: Target, found: list[Page], requests: int) -> None:
    for page in found:
        report.progress(page.name)
        try:
            await pages.measure(target, page, requests)
        except ConnectionError as error:
            page.status = 0
            report.progress(f"{page.name}: {error}")


def _tell(found: list[Page], counts: dict[str, list[int]], requests: int) -> int:
    def ms(page: Page, share: float) -> float:
        return report.milliseconds(report.percentile(page.seconds, share))

    header = ("page", "status", "p50 ms", "p95 ms", "kB", *(f"queries at {step:,}" for step in STEPS))
    rows = [
        [page.name, page.status, ms(page, 0.5), ms(page, 0.95), page.size / 1000, *counts[page.name]]
        for page in found
    ]
    report.table(header, rows, title=f"Server time at {STEPS[-1]:,} conversations, {LONG:,} messages in one")
    report.chart(f"p95 (goal: {GOAL_MS:.0f} ms)", [(page.name, ms(page, 0.95)) for page in found], unit="ms")
    report.emit(
        "conversations",
        requests=requests,
        pages={
            page.name: {"p50_ms": ms(page, 0.5), "p95_ms": ms(page, 0.95), "queries": counts[page.name]}
            for page in found
        },
    )
    grows = [name for name, numbers in counts.items() if len(set(numbers)) > 1]
    for name in grows:
        print(f"{name}: the number of queries depends on the number of rows: {counts[name]}")
    failed = bool(grows) or any(page.status != 200 or ms(page, 0.95) > GOAL_MS for page in found)
    return 1 if failed else 0
