"""Conversations over REST, and their events over a real server with a worker behind it."""

import json
from uuid import uuid4

import httpx2
import pytest

from assistants.models import Message, Run
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.books import WORDS
from tests.assistants.streams import said

API = "/api/v1"


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


def post(client, path: str, **body):
    return client.post(f"{API}/{path}", body, content_type="application/json")


def finish(acme, run_id: str, text: str = "An answer.") -> None:
    with workspace_scope(acme.id):
        factories.answer(Run.objects.get(id=run_id), text)


def test_conversation_is_started(client, acme):
    response = post(client, "conversations", text="What is a hold?")
    body = response.json()
    assert response.status_code == 201
    assert set(body) == {"conversation", "question", "answer", "run", "events_url"}
    assert body["events_url"] == f"{API}/runs/{body['run']}/events"
    run = client.get(f"{API}/runs/{body['run']}").json()
    assert (run["state"], run["kind"], run["text"], run["cost_micro"]) == ("queued", "reply", "", 0)
    listed = client.get(f"{API}/conversations").json()["results"]
    assert listed[0]["id"] == body["conversation"]
    assert listed[0]["title"] == "What is a hold?"


def test_conversation_goes_on_where_it_was_left(client, acme):
    first = post(client, "conversations", text="One").json()
    finish(acme, first["run"])
    second = post(client, f"conversations/{first['conversation']}/messages", text="Two")
    assert second.status_code == 201
    with workspace_scope(acme.id):
        assert str(Message.objects.get(id=second.json()["question"]).parent_id) == first["answer"]


def test_question_under_a_running_answer_is_a_conflict(client):
    first = post(client, "conversations", text="One").json()
    response = post(client, f"conversations/{first['conversation']}/messages", text="Two")
    assert (response.status_code, response.json()["code"]) == (409, "answer_running")


def test_parent_of_another_conversation_is_not_found(client, acme):
    first, other = (post(client, "conversations", text=text).json() for text in ("One", "Other"))
    for body in (first, other):
        finish(acme, body["run"])
    response = post(
        client, f"conversations/{first['conversation']}/messages", text="Two", parent_id=other["answer"]
    )
    assert (response.status_code, response.json()["code"]) == (404, "parent_gone")


def test_same_client_id_starts_once(client):
    client_id = str(uuid4())
    bodies = [post(client, "conversations", text="One", client_id=client_id).json() for _ in range(3)]
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"text": ""}, 400, "invalid"),
        ({"text": "   "}, 422, "message_empty"),
        ({"text": "x" * 100_001}, 422, "message_too_long"),
        ({"text": ["x"]}, 400, "invalid"),
        ({"text": "a\x00b"}, 400, "invalid"),
        ({"text": "half \ud83d"}, 400, "invalid"),
        ({"text": "x", "assistant": "no-id"}, 400, "invalid"),
        ({"text": "x", "assistant": str(uuid4())}, 404, "not_found"),
        ({"text": "x", "client_id": 7.5}, 400, "invalid"),
    ],
)
def test_refused_request_is_a_problem_and_starts_nothing(client, acme, body, status, code):
    with workspace_scope(acme.id):
        before = Run.objects.count()
    response = post(client, "conversations", **body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"
    with workspace_scope(acme.id):
        assert Run.objects.count() == before


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b'{"text": NaN}', b"[" * 50_000])
def test_body_that_is_no_object_is_refused(client, raw):
    response = client.post(f"{API}/conversations", raw, content_type="application/json")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_other_media_types_are_refused(client):
    response = client.post(f"{API}/conversations", {"text": "x"})
    assert response.status_code == 415


def test_list_is_paged_newest_first(client):
    made = [post(client, "conversations", text=f"Number {n}").json()["conversation"] for n in range(5)]
    seen, url = [], f"{API}/conversations?limit=2"
    while url and len(seen) < 5:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert seen[:5] == made[::-1]


def test_stop_ends_a_queued_run_and_may_be_repeated(client, acme):
    body = post(client, "conversations", text="One").json()
    for _ in range(2):
        assert client.post(f"{API}/runs/{body['run']}/stop").status_code == 204
    assert client.get(f"{API}/runs/{body['run']}").json()["state"] == "stopped"


def test_schema_names_every_route_and_is_valid(db):
    document = factories.browser().get("/api/schema/?format=json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        f"{API}{path}"
        for path in (
            "/keys", "/keys/{key_id}", "/keys/{key_id}/rotate", "/keys/{key_id}/revoke",
            "/webhooks", "/webhooks/{endpoint_id}", "/webhooks/{endpoint_id}/rotate", "/webhooks/{endpoint_id}/test",
            "/webhooks/{endpoint_id}/deliveries", "/webhooks/deliveries/{delivery_id}/redeliver",
            "/assistants/{assistant_id}/visitors", "/assistants/{assistant_id}/visitors/{conversation_id}",
            "/assistants", "/assistants/{assistant_id}", "/assistants/{assistant_id}/versions",
            "/assistants/{assistant_id}/versions/{version_id}",
            "/assistants/{assistant_id}/versions/{version_id}/restore",
            "/assistants/{assistant_id}/versions/{version_id}/pin", "/assistants/{assistant_id}/pin",
            "/assistants/{assistant_id}/duplicate", "/assistants/{assistant_id}/unarchive",
            "/conversations", "/conversations/tags", "/conversations/{conversation_id}", *(
                f"/conversations/{{conversation_id}}/{name}" for name in (
                    "restore", "messages", "tree", "leaf", "follow-ups", "share-links", "export",
                    "messages/{message_id}",
                )
            ), *(
                f"/conversations/{{conversation_id}}/messages/{{message_id}}/{name}"
                for name in ("edit", "regenerate", "retry", "fork", "feedback")
            ),
            "/follow-ups/{follow_up_id}", "/follow-ups/{follow_up_id}/send",
            "/attachments", "/attachments/{attachment_id}", "/attachments/{attachment_id}/content",
            "/share-links", "/share-links/{link_id}", "/imports", "/imports/{import_id}", "/imports/{import_id}/wake",
            "/runs", "/runs/{run_id}", "/runs/{run_id}/events", "/runs/{run_id}/stop",
            "/projects", "/projects/{project_id}", "/projects/{project_id}/members",
            "/projects/{project_id}/members/{user_id}",
            "/documents", "/documents/{document_id}", "/passages", *(
                f"/documents/{{document_id}}/{name}"
                for name in ("file", "read", "passages", "passages/{passage_id}", "key-facts")
            ),
            "/memory", "/memory/{item_id}", "/memory/{item_id}/history", "/memory/refusals/{refusal_id}", *(
                f"/memory/{name}" for name in ("layers", "switch", "forget-day", "refusals", "relations", "entities")
            ),
            "/chat", "/ask", "/generate", "/analyze", "/runs/{run_id}/result",
            "/resume", "/resume/profile", "/resume/fill",
            "/models", "/providers", "/providers/{provider_id}", *(
                f"/providers/{{provider_id}}/{name}" for name in ("key", "switch", "test", "models")
            ),
            "/tools", "/runs/{run_id}/tool-calls", "/tool-choices", "/tool-choices/{assistant_id}/{tool}",
            "/tool-calls", "/tool-calls/{call_id}", "/tool-calls/{call_id}/approve", "/tool-calls/{call_id}/refuse",
            "/assistants/{assistant_id}/avatar", "/assistants/{assistant_id}/feedback",
            "/assistants/trials", "/assistant-templates", "/notices", "/notices/{notice_id}",
            "/exports", "/exports/{export_id}", "/members/leave", "/workspaces/{workspace_id}/logo",
            "/usage/current", "/usage/history", "/usage/limits", "/usage/limits/{limit_id}",
            "/usage/stops", "/usage/stops/{stop_id}", "/user/usage",
            "/usage/statements", "/usage/statements/{month}",
            "/receipts", "/receipts/{receipt_id}", "/tecp/verify",
            "/receipts/log/checkpoint", "/receipts/log/consistency", "/receipts/log/export",
            "/billing/contracts", "/billing/contracts/{contract_id}", "/billing/contracts/{contract_id}/accept",
            "/billing/contracts/{contract_id}/measurements",
            "/billing/checkout", "/billing/portal", "/billing/subscription", "/billing/invoices", "/billing/plans",
            "/subscribe",
            "/auth/login", "/auth/refresh", "/auth/logout", "/auth/me",
            "/members", "/members/{membership_id}",
            "/invitations", "/invitations/{invitation_id}", "/invitations/{invitation_id}/resend",
            "/workspaces", "/workspaces/{workspace_id}", "/audit", "/audit/export",
        )
    }  # fmt: skip


# over the wire


def events(web: str, key: str, url: str, **headers) -> list[tuple[str, str, dict]]:
    """Reads a stream to its end: (id, event, data)."""
    found, current = [], {}
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream", **headers}
    with httpx2.stream("GET", web + url, headers=headers, timeout=20) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                current[name] = value
            elif "event" in current:
                found.append((current["id"], current["event"], json.loads(current["data"])))
                current = {}
            else:
                current = {}
    return found


@pytest.fixture
def key(committed, owner) -> str:
    return factories.make_key(owner.member)


def begin(web: str, key: str, text: str) -> dict:
    response = httpx2.post(
        f"{web}{API}/conversations",
        json={"text": text},
        headers={"Authorization": f"Bearer {key}"},
        timeout=20,
    )
    assert response.status_code == 201
    return response.json()


def test_answer_streams_from_its_first_event_to_its_end(web, worker, key):
    body = begin(web, key, f"Count\n/sim text={WORDS}\n/sim rate=60")
    found = events(web, key, body["events_url"])
    assert [entry_id for entry_id, _, _ in found] == [f"1-{n}" for n in range(1, len(found) + 1)]
    assert found[0][1:] == ("status", {"state": "running", "attempt": 1})
    assert said([row[1:] for row in found]) == WORDS
    assert (found[-1][1], found[-1][2]["state"]) == ("done", "done")


def test_resumed_stream_goes_on_after_the_last_event(web, worker, key):
    body = begin(web, key, f"Count\n/sim text={WORDS}\n/sim rate=60")
    whole = events(web, key, body["events_url"])
    run_id = body["run"]
    with httpx2.Client(timeout=20) as client:
        state = client.get(f"{web}{API}/runs/{run_id}", headers={"Authorization": f"Bearer {key}"}).json()
    assert (state["state"], state["text"]) == ("done", WORDS)
    again = events(web, key, body["events_url"], **{"Last-Event-ID": whole[0][0]})
    assert again[-1][1] == "done"
    assert again[0][1:] == ("snapshot", {"text": WORDS}), "a finished run is told whole, from its row"


def test_stream_resumed_in_the_middle_has_no_gap_and_nothing_twice(web, worker, key):
    body = begin(web, key, "Tell\n/sim tokens=60 rate=60")
    url, headers = web + body["events_url"], {"Authorization": f"Bearer {key}"}
    first, last_id = [], ""
    with httpx2.stream("GET", url, headers=headers, timeout=20) as response:
        lines = response.iter_lines()
        while len(first) < 3:
            line = next(lines)
            if line.startswith("id: "):
                last_id = line[4:]
            elif line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                first.append((event, json.loads(line[6:])))
    rest = events(web, key, body["events_url"], **{"Last-Event-ID": last_id})
    with httpx2.Client(timeout=20) as client:
        text = client.get(f"{web}{API}/runs/{body['run']}", headers=headers).json()["text"]
    assert said([*first, *[row[1:] for row in rest]]) == text
    assert rest[0][0] == f"1-{int(last_id[2:]) + 1}"


def test_two_viewers_see_the_same(web, worker, key):
    from concurrent.futures import ThreadPoolExecutor

    body = begin(web, key, "Tell\n/sim tokens=60 rate=60")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: events(web, key, body["events_url"]), range(2))
    assert first == second
    assert first[-1][1] == "done"


def test_foreign_run_cannot_be_watched(web, worker, key, globex_owner, admin):
    body = begin(web, key, "Tell\n/sim tokens=30 rate=60")
    for person in (globex_owner, admin):
        other = factories.make_key(person.member)
        response = httpx2.get(
            web + body["events_url"], headers={"Authorization": f"Bearer {other}"}, timeout=20
        )
        assert response.status_code == 404
    assert events(web, key, body["events_url"])[-1][1] == "done"
