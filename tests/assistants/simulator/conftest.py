"""A simulated provider as its own process, spoken to over loopback with the real SDK."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import openai
import pytest


class Simulator:
    """The running process, its address, and short ways to ask it and to speak to it."""

    def __init__(self, process: subprocess.Popen, address: str) -> None:
        self.process = process
        self.address = address
        self.client = openai.OpenAI(base_url=f"{address}/v1", api_key="simulated", max_retries=0, timeout=10)

    def ask(self, question: str, **options):
        messages = options.pop("messages", None) or [{"role": "user", "content": question}]
        model = options.pop("model", "sim-small")
        return self.client.chat.completions.create(model=model, messages=messages, **options)

    def stream(self, question: str, **options):
        options.setdefault("stream_options", {"include_usage": True})
        return self.ask(question, stream=True, **options)

    def control(self, path: str, *, method: str = "GET") -> dict:
        request = urllib.request.Request(f"{self.address}{path}", method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def totals(self) -> dict:
        return self.control("/_sim/counters")["total"]

    def last_record(self) -> dict:
        return self.control("/_sim/requests")["requests"][-1]

    def wait_until_closed(self) -> None:
        deadline = time.monotonic() + 5
        while self.control("/_sim/counters")["open"]:
            assert time.monotonic() < deadline, "a request never ended"
            time.sleep(0.01)


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[Simulator]:
    command = [sys.executable, "-m", "assistants.simulator", "--port", "0", "--delay-ms", "0", "--rate", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("Simulated model provider on http://127.0.0.1:"), line
        yield Simulator(process, line.split()[-1])
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    running_simulator.wait_until_closed()
    running_simulator.control("/_sim/reset", method="POST")
    return running_simulator
