"""A browser that sends the same thing again, at once or later, starts one turn."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.live.callers import steer

TIMES = 8


def send_at_once(send):
    with ThreadPoolExecutor(TIMES) as pool:
        return list(pool.map(lambda _: send(), range(TIMES)))


def test_one_question_sent_many_times_at_once_is_one_turn(acme, books, provider):
    first = acme.ask("First.", tokens=10, rate=0)
    books.wait_final([first.run])
    key, client_id = uuid4().hex, str(uuid4())
    body = {"text": steer("Once.", tokens=10, rate=0, key=key), "client_id": client_id}
    address = f"/api/v1/conversations/{first.conversation}/messages"

    answers = send_at_once(lambda: acme.http.post(address, json=body))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    run = answers[0].json()["run"]
    books.wait_final([run])
    books.close([run])
    assert len(provider.requests(key)) == 1
    again = acme.http.post(address, json=body)
    assert again.json()["run"] == run
    assert count_messages(books, first.conversation) == 4


def test_one_first_question_sent_many_times_at_once_is_one_conversation(acme, books, provider):
    key, client_id = uuid4().hex, str(uuid4())
    body = {"text": steer("Once.", tokens=10, rate=0, key=key), "client_id": client_id}

    answers = send_at_once(lambda: acme.http.post("/api/v1/conversations", json=body))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["conversation"] for answer in answers}) == 1
    run = answers[0].json()["run"]
    books.wait_final([run])
    assert len(provider.requests(key)) == 1
    assert count_messages(books, answers[0].json()["conversation"]) == 2


def count_messages(books, conversation: str) -> int:
    query = f'SELECT count(*) FROM "{books.schema}".assistants_message WHERE conversation_id = %s'
    return books.scalar(query, [conversation])
