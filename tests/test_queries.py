"""Pages cost the same for 2 rows and for 20, and few queries at all."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.permissions import Member
from assistants.chat import services as chat_services
from tenants.scope import WorkspaceRef, enter
from tests import factories

MOST = 30
Fill = Callable[[WorkspaceRef, Member, int], str]


def talk(member: Member, messages: int):
    """A conversation of that many messages, question and answer by turns."""
    turn = factories.ask(member)
    factories.answer(turn.run)
    for _ in range(messages // 2 - 1):
        turn = chat_services.send_message(
            member=member, conversation=turn.conversation, text="And then?", parent_id=turn.answer.id
        )
        factories.answer(turn.run)
    return turn.conversation


def conversations(workspace, member, rows) -> None:
    for number in range(rows):
        turn = factories.ask(member, f"Question {number}")
        if number % 2:
            factories.answer(turn.run)


def assistants(workspace, member, rows) -> None:
    for number in range(rows - 1):
        factories.make_assistant(member, f"Assistant {number}")


def keys(workspace, member, rows) -> None:
    for _ in range(rows):
        factories.make_key(member)


def everything(workspace, member, rows) -> str:
    for fill in (conversations, assistants, keys):
        fill(workspace, member, rows)
    return ""


def one_conversation(workspace, member, rows) -> str:
    return f"chat/{talk(member, rows).id}/"


def with_siblings(workspace, member, rows) -> str:
    """Answers beside each other: the page shows one and counts the rest."""
    turn = factories.ask(member)
    factories.answer(turn.run)
    for _ in range(rows - 1):
        again = chat_services.regenerate(member=member, answer=turn.answer)
        factories.answer(again.run)
    return f"chat/{turn.conversation.id}/"


def one_message(workspace, member, rows) -> str:
    conversation = talk(member, rows)
    return f"chat/{conversation.id}/messages/{conversation.messages.first().id}/"


def one_that_waits(workspace, member, rows) -> str:
    """What is new on a page that shows only the first turn: all others, and what waits."""
    conversation = talk(member, rows + 2)
    first, last = conversation.messages.order_by("created_at")[1], conversation.messages.latest("created_at")
    for number in range(min(rows, 5)):
        conversation.follow_ups.create(
            owner_id=member.user_id, text=f"Then {number}", after_id=last.id, created_at=timezone.now(),
            error_code="stopped",
        )  # fmt: skip
    return f"chat/{conversation.id}/news/?after={first.id}&run={first.runs.get().id}"


PAGES: list[tuple[str, str, Fill]] = [
    ("dashboard", "", everything),
    ("chat", "chat/", everything),
    ("conversation", "", one_conversation),
    ("conversation with siblings", "", with_siblings),
    ("message", "", one_message),
    ("news", "", one_that_waits),
    ("assistants", "assistants/", everything),
    ("keys", "keys/", everything),
]
LISTS = ["/api/v1/assistants", "/api/v1/conversations", "/api/v1/keys", "/v1/models"]


def count(client: Client, url: str) -> tuple[int, list[str]]:
    """Queries of the second request: the first one may warm what is kept for longer."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
    assert response.status_code == 200, url
    statements = [row["sql"] for row in captured if not row["sql"].startswith("SET search_path")]
    return len(statements), statements


def two_sizes(fill: Fill) -> list[tuple[Client, Client, str]]:
    """For 2 rows and for 20: a browser, a client with a key, and what was made, in a workspace of its own."""
    found = []
    for rows in (2, 20):
        user = factories.make_user()
        workspace = factories.make_workspace(user)
        member = factories.member_of(workspace, user)
        with enter(workspace):
            path = fill(workspace, member, rows)
        client = factories.with_key(factories.make_key(member))
        found.append((factories.sign_in(user), client, f"/w/{workspace.slug}/{path}"))
    return found


def assert_alike(few: tuple[int, list[str]], many: tuple[int, list[str]]) -> None:
    extra = "\n".join(statement[:200] for statement in many[1] if statement not in few[1])
    assert few[0] == many[0], f"{few[0]} queries for 2 rows, {many[0]} for 20:\n{extra}"
    assert many[0] <= MOST


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "fill"), [row[1:] for row in PAGES], ids=[row[0] for row in PAGES])
def test_page_costs_the_same_for_two_rows_and_twenty(path, fill):
    few, many = (count(browser, url + path) for browser, _, url in two_sizes(fill))
    assert_alike(few, many)


@pytest.mark.django_db
@pytest.mark.parametrize("path", LISTS)
def test_list_costs_the_same_for_two_rows_and_twenty(path):
    few, many = (count(client, path) for _, client, _ in two_sizes(everything))
    assert_alike(few, many)


@pytest.mark.django_db
def test_page_that_asks_once_per_row_is_caught(monkeypatch):
    """The control: one more query for each conversation of the sidebar."""
    from assistants.chat import context_processors
    from assistants.models import Message

    real = context_processors._conversations

    def careless(request):
        rows = real(request)
        for row in rows:
            Message.objects.filter(conversation_id=row["id"]).count()
        return rows

    monkeypatch.setattr(context_processors, "_conversations", careless)
    few, many = (count(browser, url) for browser, _, url in two_sizes(everything))
    with pytest.raises(AssertionError, match="queries for 2 rows"):
        assert_alike(few, many)


@pytest.mark.django_db
def test_question_costs_few_queries_however_long_the_conversation(django_capture_on_commit_callbacks):
    counts = []
    for browser, _, url in two_sizes(one_conversation):
        with CaptureQueriesContext(connection) as captured:
            response = browser.post(f"{url}messages/", {"text": "And then?"})
        assert response.status_code == 303
        counts.append(len([row for row in captured if not row["sql"].startswith("SET search_path")]))
    assert counts[0] == counts[1]
    assert counts[1] <= MOST


@pytest.mark.django_db
def test_key_costs_one_query_more_than_nothing(owner, assert_queries):
    """What a call of `/v1/` pays before its own work: the key, and once a minute the note of its use."""
    client = factories.with_key(factories.make_key(owner.member))
    client.get("/v1/models")
    with assert_queries(3):
        assert client.get("/v1/models").status_code == 200
