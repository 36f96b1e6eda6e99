"""One connection serves many calls, and a provider that leaves its answer open does not hold one up."""

import asyncio
import time

from pytest_django.fixtures import Settings

from assistants.llm import chat, client

ANSWER = (
    b'data: {"model":"m","choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class Provider:
    """Answers every request alike and counts the connections. `end`: what follows the last event."""

    def __init__(self, end: bytes) -> None:
        self.end = end
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
                await reader.readexactly(int(length.partition(b":")[2]))
                writer.write(HEAD + b"%x\r\n%s\r\n" % (len(ANSWER), ANSWER) + self.end)
        except asyncio.IncompleteReadError:
            writer.close()


async def ask_twice(provider: Provider, settings: Settings) -> list[str]:
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    openai = client.make_client()
    request = chat.ChatRequest("m", [{"role": "user", "content": "Hello"}], 16, "run-1")
    texts = []
    for _ in range(2):
        texts.append("".join([delta.text async for delta in chat.stream(openai, request, chat.Tally())]))
    await openai.close()
    server.close()
    return texts


def test_a_second_call_goes_through_the_connection_of_the_first(settings: Settings) -> None:
    provider = Provider(END)
    assert asyncio.run(ask_twice(provider, settings)) == ["Hi", "Hi"]
    assert provider.connections == 1


def test_an_answer_left_open_by_its_provider_is_whole_soon_and_costs_its_connection(
    settings: Settings,
) -> None:
    provider = Provider(b"")
    started = time.monotonic()
    assert asyncio.run(ask_twice(provider, settings)) == ["Hi", "Hi"]
    assert provider.connections == 2
    assert time.monotonic() - started < 20 * chat.DRAIN_S
