"""Reads a run's events as a browser does: appends deltas, obeys snapshots, comes back with the last id it saw."""

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.patience import PATIENCE_S

BETWEEN_CONNECTIONS_S = 0.05


@dataclass(frozen=True)
class Event:
    id: str
    name: str
    data: dict[str, Any]
    at: float


@dataclass
class Transcript:
    """What the viewer has. A delta that does not begin where the text ends is a hole, whatever came before it."""

    text: str = ""
    last_id: str = ""
    events: list[Event] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    heartbeats: int = 0
    done: dict[str, Any] | None = None

    def take(self, block: str) -> None:
        if block.startswith(":"):
            self.heartbeats += 1
            return
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if "event" not in fields:
            return
        event = Event(fields["id"], fields["event"], json.loads(fields["data"]), time.monotonic())
        self.events.append(event)
        self.last_id = event.id
        self._apply(event)

    def _apply(self, event: Event) -> None:
        if event.name == "delta":
            if event.data["offset"] != len(self.text):
                self.holes.append(f"{event.id}: offset {event.data['offset']}, have {len(self.text)}")
            self.text = self.text[: event.data["offset"]] + event.data["text"]
        elif event.name == "snapshot":
            self.text = event.data["text"]
        elif event.name == "status" and event.data["state"] == "restarted":
            self.text = ""
        elif event.name == "done":
            self.done = event.data


class Viewer(threading.Thread):
    """Reads until `done`. `cuts`: after how many bytes of each connection it is broken off, somewhere in an event.

    With `comes_back` False it stays away after the first end of its connection.
    """

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        *,
        known: Transcript | None = None,
        cuts: Iterator[int] | None = None,
        comes_back: bool = True,
    ) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.headers = headers
        self.known = known or Transcript()
        self.statuses: list[int] = []
        self.closed_at = 0.0
        self._cuts = cuts
        self._comes_back = comes_back
        self._gone = threading.Event()

    @property
    def text(self) -> str:
        return self.known.text

    def run(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with httpx2.Client(timeout=30) as client:
            while not self._gone.is_set() and time.monotonic() < deadline:
                # The server may be killed under us, or not be back yet.
                with contextlib.suppress(httpx2.TransportError):
                    self._read_once(client)
                self.closed_at = time.monotonic()
                if self.known.done is not None or not self._comes_back or self._is_refused():
                    return
                self._gone.wait(BETWEEN_CONNECTIONS_S)

    def _is_refused(self) -> bool:
        """As an EventSource: no new try after a refusal."""
        return bool(self.statuses) and 400 <= self.statuses[-1] < 500

    def _read_once(self, client: httpx2.Client) -> None:
        headers = {**self.headers, "Accept": "text/event-stream"}
        if self.known.last_id:
            headers["Last-Event-ID"] = self.known.last_id
        with client.stream("GET", self.url, headers=headers) as response:
            self.statuses.append(response.status_code)
            if response.status_code == 200:
                self._read_body(response)

    def _read_body(self, response: httpx2.Response) -> None:
        room = next(self._cuts) if self._cuts else None
        rest = b""
        for raw in response.iter_raw():
            piece = raw[:room]
            *blocks, rest = (rest + piece).split(b"\n\n")
            for block in blocks:
                self.known.take(block.decode())
            if room is not None:
                room -= len(piece)
            if room == 0 or self._gone.is_set() or self.known.done is not None:
                return

    def leave(self) -> None:
        """Breaks the connection off at the next byte and does not come back."""
        self._gone.set()

    def finish(self, within_s: float = PATIENCE_S) -> Transcript:
        """Waits for `done`."""
        self.join(within_s)
        assert not self.is_alive(), f"no end after {within_s} s; has {len(self.text)} characters"
        assert self.known.done is not None, f"closed without an end, statuses {self.statuses}"
        return self.known

    def wait_for_text(self, characters: int = 1, within_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + within_s
        while len(self.text) < characters and self.is_alive():
            assert time.monotonic() < deadline, f"{len(self.text)} characters after {within_s} s"
            time.sleep(0.01)


def random_cuts(random: Any, *, low: int, high: int) -> Iterator[int]:
    """Each connection may live a little longer, so that a long snapshot gets through in the end."""
    return (random.randint(low, high) + 20 * number for number in itertools.count())
