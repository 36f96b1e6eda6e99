"""Webhooks out, from a chat to a receiver on loopback: signed, in order, again after a refusal, and from the log."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.live.books import eventually


@dataclass
class Receiver:
    """What came, as (webhook-id, headers, body). Answers 503 to the first `refusals`."""

    url: str
    refusals: int = 0
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def ids(self, times: int) -> list[str]:
        eventually(lambda: len(self.came) >= times, what=f"{times} calls")
        return [row[0] for row in self.came]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.came.append((headers["webhook-id"], headers, body))
            self.send_response(503 if len(found.came) <= found.refusals else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def webhook(acme, receiver) -> Iterator[dict]:
    answer = acme.http.post(
        "/api/v1/webhooks", json={"url": receiver.url, "event_types": ["run.finished", "run.failed"]}
    )
    assert answer.status_code == 201, answer.text
    yield answer.json()
    assert acme.http.delete(f"/api/v1/webhooks/{answer.json()['id']}").status_code == 204


def test_a_finished_answer_is_told_signed_and_again_after_a_refusal(acme, receiver, webhook) -> None:
    receiver.refusals = 1
    turn = acme.ask("Tell them.", exact="Told.", rate=0)
    first, again = receiver.ids(2)
    assert first == again
    _, headers, body = receiver.came[1]
    message = Webhook(webhook["secret"]).verify(body, headers)
    assert (message["type"], message["data"]["run_id"], message["data"]["state"]) == (
        "run.finished",
        turn.run,
        "done",
    )
    assert message["data"]["receipt_id"] == acme.run(turn.run)["receipt_id"]
    assert b"Told" not in body
    # Control: another secret does not verify it.
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(body, headers)


def test_the_log_shows_it_and_sends_it_again(acme, receiver, webhook) -> None:
    acme.ask("Fail.", fault="400")
    (sent,) = receiver.ids(1)
    deliveries = f"/api/v1/webhooks/{webhook['id']}/deliveries"

    def taken() -> dict | None:
        rows = acme.http.get(deliveries).json()["results"]
        return next((row for row in rows if row["state"] == "succeeded"), None)

    row = eventually(taken)
    answer = acme.http.post(f"/api/v1/webhooks/deliveries/{row['id']}/redeliver")
    assert answer.status_code == 202, answer.text
    assert receiver.ids(2) == [sent, sent]
