"""A person's turn over the REST API: post a question, follow its events, keep what arrived."""

import asyncio
import json
import time
from dataclasses import dataclass, field

from bench import wire
from bench.wire import Address, Connection

RETRY_S = 0.25


@dataclass
class Seen:
    """What the events of one run said. `faults`: deltas that did not join the text before them."""

    text: str = ""
    events: int = 0
    faults: int = 0
    state: str = ""
    code: str = ""
    last_id: str = ""

    def read(self, raw: bytes) -> None:
        """Takes in whole frames (WHATWG HTML §9.2); comments and `retry` fields pass."""
        for block in raw.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line[:1] not in ("", ":"))
            if "event" in fields:
                self.events += 1
                self.last_id = fields.get("id", self.last_id)
                self._take(fields["event"], json.loads(fields["data"]))

    def _take(self, event: str, data: dict[str, object]) -> None:
        if event == "delta":
            if data["offset"] != len(self.text):
                self.faults += 1
            self.text = self.text[: int(str(data["offset"]))] + str(data["text"])
        elif event == "snapshot":
            self.text = str(data["text"])
        elif event == "status" and data["state"] == "restarted":
            self.text = ""
        elif event == "done":
            self.state, self.code = str(data["state"]), str(data.get("code") or "")


@dataclass
class Turn:
    """Times are Unix seconds, to be compared with those of the rows and of the simulated provider."""

    question: str
    run_id: str = ""
    status: int = 0
    sent_at: float = 0.0
    answered_at: float = 0.0
    opened_at: float = 0.0
    first_at: float = 0.0
    done_at: float = 0.0
    error: str = ""
    pieces: list[bytes] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)

    @property
    def is_accepted(self) -> bool:
        return bool(self.run_id)

    def on_body(self, piece: bytes) -> None:
        if not self.first_at and (b"event: delta" in piece or b"event: snapshot" in piece):
            self.first_at = time.time()
        self.pieces.append(piece)

    def digest(self) -> None:
        """Reads the collected pieces up to the last whole frame. After the measurement: parsing costs CPU."""
        raw = b"".join(self.pieces)
        whole = raw.rfind(b"\n\n") + 2
        self.seen.read(raw[:whole])
        self.pieces.clear()


@dataclass(frozen=True)
class Asker:
    """Makes requests with one API key."""

    address: Address
    key: str

    def post(self, question: str) -> bytes:
        return wire.post("/api/v1/conversations", {"text": question}, wire.bearer(self.key))

    def events(self, run_id: str, last_id: str = "") -> bytes:
        headers = wire.bearer(self.key) | ({"Last-Event-ID": last_id} if last_id else {})
        return wire.get(f"/api/v1/runs/{run_id}/events", headers)

    def stop(self, run_id: str) -> bytes:
        return wire.post(f"/api/v1/runs/{run_id}/stop", {}, wire.bearer(self.key))

    async def send(self, connection: Connection, turn: Turn) -> None:
        """Posts the question. A refusal is noted in the turn; a broken connection raises."""
        raw = self.post(turn.question)
        pieces: list[bytes] = []
        turn.sent_at = time.time()
        connection.begin(raw, pieces.append)
        turn.status = await connection.head
        turn.answered_at = time.time()
        await connection.end
        if turn.status == 201:
            turn.run_id = json.loads(b"".join(pieces))["run"]
        else:
            turn.error = f"POST: {turn.status}"

    async def watch(self, connection: Connection, turn: Turn) -> None:
        """Follows the events once, to the end of the response."""
        connection.begin(self.events(turn.run_id, turn.seen.last_id), turn.on_body)
        status = await connection.head
        turn.opened_at = turn.opened_at or time.time()
        await connection.end
        turn.done_at = time.time()
        if status != 200:
            turn.pieces.clear()
            raise ConnectionError(f"events: {status}")

    async def follow(self, turn: Turn, *, deadline: float) -> None:
        """Follows to `done`, again after every break, as a browser does; gives up at `deadline` (Unix time)."""
        while not turn.seen.state and time.time() < deadline:
            try:
                connection = await wire.connect(self.address)
                try:
                    async with asyncio.timeout(max(0.1, deadline - time.time())):
                        await self.watch(connection, turn)
                finally:
                    connection.close()
            except (OSError, TimeoutError) as error:
                turn.error = str(error) or type(error).__name__
            turn.digest()
            if not turn.seen.state:
                await asyncio.sleep(RETRY_S)


async def run_turn(asker: Asker, connection: Connection, turn: Turn) -> None:
    """Posts and follows on one connection, without a second try."""
    await asker.send(connection, turn)
    if turn.is_accepted:
        await asker.watch(connection, turn)
