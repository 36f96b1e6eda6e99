"""The events of a run, as the bytes of server-sent events (WHATWG HTML §9.2).

The worker formats a frame once; Redis carries it and web processes pass it on unread. Its id is `<attempt>-<seq>`,
which is also its id in the Redis stream: Redis refuses an id below the last one, so a worker whose attempt is over
cannot append.
"""

import json
from dataclasses import dataclass
from typing import Any

Event = tuple[str, dict[str, Any]]
STREAM_FIELD = b"f"
HEARTBEAT = b": keep-alive\n\n"
WAITING = b'event: status\ndata: {"state":"waiting","attempt":0}\n\n'
"""The run waits until others' holds are settled. Without an id: it is no event of an attempt, and not resumed from."""


@dataclass(frozen=True, order=True)
class EventId:
    attempt: int = 0
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.attempt}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "EventId":
        """`0-0` (everything) when the text is not an id: a strange Last-Event-ID replays from the start."""
        attempt, _, seq = text.partition("-")
        if not (attempt.isdecimal() and seq.isdecimal()) or len(text) > 24:
            return cls()
        return cls(int(attempt), int(seq))

    def follows(self, other: "EventId") -> bool:
        """Whether nothing can lie between the two: the next of an attempt, or the first of a later one."""
        if self.attempt == other.attempt:
            return self.seq == other.seq + 1
        return self.attempt > other.attempt and self.seq == 1


def whole(text: str, tool_calls: list[dict[str, Any]]) -> list[Event]:
    """Everything said so far, for who may have missed some of it."""
    events: list[Event] = [("snapshot", {"text": text})]
    return [*events, ("tool", {"whole": tool_calls})] if tool_calls else events


def frame(event_id: EventId, event: str, data: dict[str, Any]) -> bytes:
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event_id}\nevent: {event}\ndata: {body}\n\n".encode()


def read_id(raw: bytes) -> EventId:
    return EventId.parse(raw[4 : raw.index(b"\n")].decode())


def read(raw: bytes) -> tuple[str, dict[str, Any]]:
    """(event, data) of a frame made by `frame`."""
    _, event, data, *_ = raw.decode().split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def is_snapshot(raw: bytes) -> bool:
    return raw[raw.index(b"\n") + 1 :].startswith(b"event: snapshot\n")


def is_done(raw: bytes) -> bool:
    return raw[raw.index(b"\n") + 1 :].startswith(b"event: done\n")
