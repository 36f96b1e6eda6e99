"""The ASGI application: one hop per request, nothing held by a long answer, nothing lost when a client leaves."""

import asyncio
import contextlib

import pytest
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import path

from config import asgi, streaming
from tests.assistants.streams import on_a_loop, until

pytestmark = pytest.mark.usefixtures("committed")


async def call(
    url: str, *, body: bytes = b"", method: str = "GET", leave_after: int | None = None
) -> list[dict]:
    """The messages that a server would have sent on. `leave_after`: the client is gone after so many."""
    sent: list[dict] = []
    gone, asked = asyncio.Event(), []

    async def receive() -> dict:
        if not asked:
            asked.append(1)
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        sent.append(message)
        if leave_after is not None and len(sent) >= leave_after:
            gone.set()
        await asyncio.sleep(0)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": url, "raw_path": url.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8000")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    await asgi.application(scope, receive, send)
    return sent


def status_and_body(sent: list[dict]) -> tuple[int, bytes]:
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class Urls:
    """A URLconf of one view, beside the product's own."""

    def __init__(self, view) -> None:
        self.urlpatterns = [path("it", view, name="it")]


@pytest.fixture
def serve(settings, monkeypatch):
    def with_view(view, *, listed: bool = False):
        settings.ROOT_URLCONF = Urls(view)
        if listed:
            monkeypatch.setattr(streaming, "ROUTES", frozenset({"it"}))

    return with_view


def all_given_back() -> bool:
    stats = connection.pool.get_stats()
    return stats["pool_available"] == stats["pool_size"]


def test_page_is_answered_whole():
    status, body = status_and_body(on_a_loop(lambda: call("/health")))
    assert (status, body) == (200, b'{"status": "ok"}')


def test_view_runs_in_one_thread_and_gives_its_connection_back(serve):
    import threading

    seen = []

    def view(request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        seen.append(threading.current_thread().name)
        return HttpResponse("x")

    serve(view)
    connection.close()
    on_a_loop(lambda: call("/it"))
    assert seen[0].startswith("request")
    assert all_given_back()


def test_deferred_answer_holds_neither_thread_nor_connection(serve):
    release, began = asyncio.Event(), []

    async def finish():
        began.append(1)
        await release.wait()
        return HttpResponse("late", headers={"X-Late": "1"})

    def view(request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        response = streaming.Deferred(finish)
        response["X-Early"] = "1"
        return response

    async def work():
        calls = [asyncio.ensure_future(call("/it")) for _ in range(asgi.THREADS * 3)]
        await until(lambda: len(began) == len(calls), "long answers wait for threads")
        await until(all_given_back, "what waits holds connections")
        release.set()
        return await asyncio.gather(*calls)

    serve(view, listed=True)
    connection.close()
    for sent in on_a_loop(work):
        assert status_and_body(sent) == (200, b"late")
        headers = dict(sent[0]["headers"])
        assert (headers[b"X-Early"], headers[b"X-Late"]) == (b"1", b"1")


def test_deferred_answer_of_an_unlisted_route_is_refused(serve):
    async def finish():
        pytest.fail("an unlisted route was finished on the loop")

    serve(lambda request: streaming.Deferred(finish))
    with pytest.raises(RuntimeError, match="outside config.streaming.ROUTES"):
        on_a_loop(lambda: call("/it"))


def test_client_that_leaves_ends_the_long_answer(serve):
    closed = []

    async def chunks():
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0.01)
        finally:
            closed.append(1)

    async def finish():
        return StreamingHttpResponse(chunks())

    serve(lambda request: streaming.Deferred(finish), listed=True)
    sent = on_a_loop(lambda: call("/it", leave_after=4))
    assert closed == [1]
    assert 4 <= len(sent) < 50


def test_client_that_leaves_before_the_long_answer_began_ends_it(serve):
    cancelled = []

    async def finish():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    async def work():
        task = asyncio.ensure_future(call("/it", leave_after=0))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 0.3)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    serve(lambda request: streaming.Deferred(finish), listed=True)
    on_a_loop(work)
    assert cancelled == [1]


def test_streamed_file_is_sent_in_pieces_and_closed(serve):
    closed = []

    class Answer(StreamingHttpResponse):
        def close(self):
            closed.append(1)
            super().close()

    serve(lambda request: Answer(iter([b"one", b"two"])))
    sent = on_a_loop(lambda: call("/it"))
    assert status_and_body(sent) == (200, b"onetwo")
    assert [message["body"] for message in sent[1:]] == [b"one", b"two", b""]
    assert closed


def test_read_in_a_thread_gives_its_connection_back_and_survives_the_database(monkeypatch):
    from django.db import OperationalError

    def read():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 7")
            return cursor.fetchone()[0]

    def away():
        raise OperationalError

    connection.close()
    assert on_a_loop(lambda: streaming.in_database_thread(read)) == 7
    assert on_a_loop(lambda: streaming.in_database_thread(away)) is None
    assert all_given_back()


def test_cookies_of_a_deferred_answer_are_kept(serve):
    async def finish():
        return HttpResponse("x")

    def view(request):
        response = streaming.Deferred(finish)
        response.set_cookie("seen", "1")
        return response

    serve(view, listed=True)
    sent = on_a_loop(lambda: call("/it"))
    assert any(name == b"Set-Cookie" and value.startswith(b"seen=1") for name, value in sent[0]["headers"])


def test_request_without_a_match_is_not_listed():
    with pytest.raises(RuntimeError):
        asgi._refuse_unlisted(RequestFactory().get("/"))
