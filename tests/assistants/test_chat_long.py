"""A long conversation is shown in parts; what a part costs does not grow with the whole."""

from contextlib import nullcontext
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from assistants.builder.refusals import AssistantArchived, AssistantWithdrawn
from assistants.chat import presenters, services
from assistants.models import Assistant, Conversation, Feedback, Message, Run
from tests.factories import answer, ask


@pytest.fixture
def talk(in_acme, member) -> Conversation:
    """Question and answer in turn, 200 messages on one branch."""
    turn = ask(member.member, "Number 0")
    answer(turn.run, "Number 1")
    parent, rows, now = turn.answer.id, [], timezone.now()
    for number in range(2, 200):
        role = "user" if number % 2 == 0 else "assistant"
        rows.append(
            Message(
                id=uuid4(), conversation=turn.conversation, parent_id=parent, role=role, text=f"Number {number}",
                created_at=now + timedelta(seconds=number),
            )
        )  # fmt: skip
        parent = rows[-1].id
    Message.objects.bulk_create(rows)
    Conversation.objects.update(current_leaf_id=parent)
    return Conversation.objects.get()


def numbers(body: str) -> list[int]:
    body = body.partition('id="transcript"')[2] or body
    return [number for number in range(200) if f">Number {number}<" in body or f">Number {number}</" in body]


def test_the_end_is_shown_and_the_rest_is_a_click_away(talk, member):
    page = member.browser()
    url = f"/w/acme/chat/{talk.id}/"
    body = page.get(url).content.decode()
    assert numbers(body) == list(range(160, 200))
    first = Message.objects.get(text="Number 160").id
    assert f'hx-get="{url}?before={first}"' in body
    piece = page.get(f"{url}?before={first}", headers={"HX-Request": "true"}).content.decode()
    assert numbers(piece) == list(range(120, 160))
    assert "<html" not in piece
    assert numbers(page.get(f"{url}?before={first}").content.decode()) == list(range(120, 160))


def test_what_is_written_on_an_earlier_page_goes_to_the_end(talk, member):
    first = Message.objects.get(text="Number 160").id
    body = member.browser().get(f"/w/acme/chat/{talk.id}/?before={first}").content.decode()
    assert f'name="parent" value="{talk.current_leaf_id}"' in body


def test_a_hit_far_back_is_shown_with_its_surroundings(talk, member):
    at = Message.objects.get(text="Number 50")
    body = member.browser().get(f"/w/acme/chat/{talk.id}/?at={at.id}").content.decode()
    assert 50 in numbers(body)
    assert len(numbers(body)) == presenters.WINDOW
    assert "To the latest messages" in body


def test_two_hundred_messages_cost_as_many_queries_as_two(talk, member, owner):
    page = member.browser()
    short = ask(member.member, "Short")
    answer(short.run, "Yes.")

    def queries(conversation_id) -> int:
        page.get(f"/w/acme/chat/{conversation_id}/")
        with CaptureQueriesContext(connection) as asked:
            page.get(f"/w/acme/chat/{conversation_id}/")
        return sum(not row["sql"].startswith("SET") for row in asked)

    assert queries(talk.id) == queries(short.conversation.id)


def test_a_fork_is_ones_own_and_ends_where_it_was_made(talk, member):
    at = Message.objects.get(text="Number 5")
    response = member.browser().post(f"/w/acme/chat/{talk.id}/messages/{at.id}/fork/")
    made = Conversation.objects.get(forked_from_id=talk.id)
    assert response["Location"] == f"/w/acme/chat/{made.id}/"
    texts = list(made.messages.order_by("created_at").values_list("text", flat=True))
    assert texts == [f"Number {number}" for number in range(6)]
    assert not Run.objects.filter(message__conversation=made).exists(), "nothing is charged again"
    assert talk.messages.count() == 200
    later = services.send_message(
        member=member.member, conversation=made, text="Go on", parent_id=made.current_leaf_id
    )
    assert later.run.state == "queued"


def test_a_fork_costs_the_same_whatever_its_length(talk, member):
    def queries(text: str) -> int:
        at = Message.objects.get(text=text)
        with CaptureQueriesContext(connection) as asked:
            made = services.fork(member=member.member, message=at)
        shown = Message.objects.get(
            id=made.current_leaf_id or Conversation.objects.get(id=made.id).current_leaf_id
        )
        assert shown.text == text
        return len(asked)

    assert queries("Number 3") == queries("Number 199")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"archived_at": timezone.now()}, AssistantArchived),
        ({"visibility": "person", "created_by_id": uuid4()}, AssistantWithdrawn),
        ({}, None),
    ],
)
def test_a_conversation_with_an_assistant_that_one_may_not_ask_any_more_is_not_forked(
    talk, member, changes, refusal
):
    Assistant.objects.filter(id=talk.assistant_id).update(name="Ada", **changes)
    at = Message.objects.select_related("conversation__assistant").get(text="Number 5")
    with pytest.raises(refusal) if refusal else nullcontext():
        services.fork(member=member.member, message=at)
    assert Conversation.objects.filter(forked_from_id=talk.id).count() == (0 if refusal else 1)


def test_a_thumb_is_one_per_person_and_can_be_taken_back(talk, member, owner):
    shown = Message.objects.get(text="Number 199")
    url = f"/w/acme/chat/{talk.id}/messages/{shown.id}/rate/"
    page = member.browser()
    page.post(url, {"thumb": "good"})
    page.post(url, {"thumb": "bad", "comment": "Too short"})
    row = Feedback.objects.get()
    assert (row.is_good, row.comment, row.assistant_id, row.person_id) == (
        False, "Too short", talk.assistant_id, member.user.id,
    )  # fmt: skip
    piece = page.post(url, {"thumb": "bad", "comment": "Too short"}, headers={"HX-Request": "true"})
    assert 'aria-pressed="true"' in piece.content.decode()
    assert page.post(url, {"thumb": "bad", "comment": "x" * 1_001}).status_code == 422
    page.post(url, {"thumb": "none"})
    assert Feedback.objects.count() == 0
    assert owner.browser().post(url, {"thumb": "good"}).status_code == 404
    assert Feedback.objects.count() == 0


def test_a_temporary_chat_is_kept_as_one(in_acme, member):
    page = member.browser()
    page.post("/w/acme/chat/", {"text": "Psst", "temporary": "1"})
    page.post("/w/acme/chat/", {"text": "Loud"})
    rows = dict(Conversation.objects.values_list("title", "is_temporary"))
    assert rows == {"Psst": True, "Loud": False}
