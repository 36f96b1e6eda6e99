"""`Idempotency-Key`: one call is carried out once, however often it comes."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.utils import timezone

from accounts.idempotency import middleware, services
from accounts.models import ApiKey, IdempotentCall
from assistants.generation import waiting
from assistants.models import Run
from assistants.openai import responder
from tenants.scope import workspace_scope
from tests import factories
from tests.factories import Role
from tests.usage.crowds import crowd
from usage.models import Hold

QUESTION = {"text": "What is a hold?"}
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}


def post(client, path, body, key, **headers):
    headers = {**headers, "Idempotency-Key": key} if key is not None else headers
    return client.post(path, body, content_type="application/json", headers=headers)


def ask(client, key="one", body=QUESTION):
    return post(client, "/api/v1/conversations", body, key)


def code(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def runs(workspace) -> int:
    with workspace_scope(workspace.id):
        return Run.objects.count()


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


def test_first_answer_is_replayed_and_nothing_is_done_twice(client, acme):
    before = runs(acme)
    first, second = ask(client), ask(client)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second["Content-Type"] == first["Content-Type"]
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert runs(acme) == before + 1
    with workspace_scope(acme.id):
        run = Run.objects.get(id=first.json()["run"])
    assert IdempotentCall.objects.get().run_id == run.id


def test_without_a_key_it_is_done_twice(client, acme):
    before = runs(acme)
    assert ask(client, None).json() != ask(client, None).json()
    assert (runs(acme), IdempotentCall.objects.count()) == (before + 2, 0)


@pytest.mark.parametrize("body", [{"text": "Another"}, {"text": "What is a hold?", "client_id": None}])
def test_another_body_is_refused(client, acme, body):
    ask(client)
    before = runs(acme)
    assert code(ask(client, body=body)) == (422, "idempotency_mismatch")
    assert runs(acme) == before


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é"])
def test_key_that_is_none_is_refused(client, key):
    assert code(ask(client, key)) == (400, "idempotency_key_invalid")


def test_longest_key_is_taken(client):
    assert ask(client, "x" * 255).status_code == 201


def test_shown_once_is_replayed_and_not_readable_in_the_table(client):
    body = {"name": "Twice", "scopes": ["view"]}
    first, second = (post(client, "/api/v1/keys", body, "k") for _ in range(2))
    assert first.json() == second.json()
    assert ApiKey.objects.filter(name="Twice").count() == 1
    assert first.json()["key"].encode() not in bytes(IdempotentCall.objects.get().body)


def test_answer_without_a_body_is_replayed(client):
    made = post(client, "/api/v1/keys", {"name": "Gone", "scopes": ["view"]}, None).json()
    for _ in range(2):
        answer = client.delete(f"/api/v1/keys/{made['id']}", headers={"Idempotency-Key": "d"})
        assert (answer.status_code, answer.content) == (204, b"")


def test_refusal_frees_the_key(client):
    assert ask(client, body={"text": ""}).status_code == 400
    assert not IdempotentCall.objects.exists()
    assert ask(client).status_code == 201


def test_crash_frees_the_key(client, monkeypatch):
    from assistants.chat import api

    def crash(**_):
        raise RuntimeError

    client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(api.services, "start_conversation", crash)
        assert ask(client).status_code == 500
    again = ask(client)
    assert (again.status_code, "Idempotent-Replayed" in again) == (201, False)


# others


def test_another_workspace_another_key_and_another_address_are_independent(client, globex_owner, owner, acme):
    foreign = factories.with_key(factories.make_key(globex_owner.member))
    sibling = factories.with_key(factories.make_key(owner.member))
    answers = [ask(each).json()["run"] for each in (client, foreign, sibling)]
    assert len(set(answers)) == 3
    assert post(client, "/api/v1/keys", {"name": "K", "scopes": ["view"]}, "one").status_code == 201


def test_whoever_lost_the_right_gets_no_replay(db, acme):
    workspace = factories.make_workspace(factories.make_user())
    person = factories.make_user()
    factories.join(workspace, person, Role.MEMBER)
    client = factories.sign_in(person)
    headers = {"X-Workspace": workspace.slug}
    assert post(client, "/api/v1/conversations", QUESTION, "r", **headers).status_code == 201
    person.memberships.update(role=Role.VIEWER)
    assert code(post(client, "/api/v1/conversations", QUESTION, "r", **headers)) == (403, "forbidden")


def test_nobody_claims_nothing(db):
    assert ask(factories.browser()).status_code == 401
    assert not IdempotentCall.objects.exists()


# leases


def call(key="lease", body=b"1") -> services.Call:
    return services.Call("person:x", uuid4(), None, "POST", "/api/v1/x", key, body)


def test_running_call_is_waited_for_and_a_lost_one_is_taken_over(db):
    now = timezone.now()
    first = services.claim(call(), attaches=False, now=now)
    with pytest.raises(services.InProgress) as waiting:
        services.claim(call(), attaches=False, now=now + services.LEASE / 2)
    assert waiting.value.data == {"retry_after_s": 1}
    second = services.claim(call(), attaches=False, now=now + services.LEASE)
    assert second.token != first.token


def test_late_worker_starts_no_run_once_its_claim_is_taken(db):
    now = timezone.now()
    late = services.claim(call(), attaches=False, now=now)
    services.claim(call(), attaches=False, now=now + services.LEASE)
    services.enter(late)
    try:
        with pytest.raises(services.InProgress):
            services.bind_run(uuid4())
    finally:
        services.leave()


def test_lost_call_that_started_a_run_is_not_started_again(db):
    now = timezone.now()
    claim, run_id = services.claim(call(), attaches=False, now=now), uuid4()
    services.enter(claim)
    services.bind_run(run_id)
    services.leave()
    with pytest.raises(services.AnswerLost) as lost:
        services.claim(call(), attaches=False, now=now + services.LEASE)
    assert lost.value.data == {"run": str(run_id)}
    assert services.claim(call(), attaches=True, now=now).run_id == run_id


def test_day_later_the_key_is_new_and_the_row_is_forgotten(db):
    now = timezone.now()
    services.claim(call(), attaches=False, now=now)
    services.claim(call(body=b"2"), attaches=False, now=now + services.KEPT)
    assert services.forget_old(now=now + services.KEPT) == 0
    assert services.forget_old(now=now + services.KEPT + timedelta(days=1)) == 1


def test_forms_with_files_are_told_apart_by_their_content():
    def mark(content: bytes) -> bytes:
        file = SimpleUploadedFile("a.txt", content)
        return middleware._fingerprint(RequestFactory().post("/", {"name": "x", "file": file}))

    assert mark(b"one") == mark(b"one") != mark(b"two")


# a turn of the product's own


@pytest.mark.parametrize("is_streaming", [False, True])
def test_repeated_turn_is_answered_from_its_run(client, acme, monkeypatch, is_streaming):
    """While it runs: a conversation that lost its stream gets the same one, and no second turn."""
    seen = []
    for name in ("whole", "stream"):
        answer = getattr(waiting, name)
        monkeypatch.setattr(
            waiting,
            name,
            lambda member, run, *rest, answer=answer: (
                seen.append((run.id, *rest)) or answer(member, run, *rest)
            ),
        )
    before = runs(acme)
    body = {"message": "Hello", "stream": is_streaming}
    first, second = (post(client, "/api/v1/chat", body, "t") for _ in range(2))
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert seen[0] == seen[1]
    assert runs(acme) == before + 1
    assert post(client, "/api/v1/chat", body, None).status_code == 200
    assert (runs(acme), seen[2] == seen[0]) == (before + 2, False)


# OpenAI's protocol


@pytest.fixture
def answered(monkeypatch) -> list:
    """The run from which each call is answered."""
    seen, respond = [], responder.respond
    monkeypatch.setattr(
        responder, "respond", lambda member, run, call: seen.append(run.id) or respond(member, run, call)
    )
    return seen


@pytest.mark.parametrize("stream", [False, True])
def test_repeated_chat_attaches_to_the_run(client, acme, answered, stream):
    before = runs(acme)
    first, second = (post(client, "/v1/chat/completions", {**CHAT, "stream": stream}, "c") for _ in range(2))
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert answered[0] == answered[1]
    assert runs(acme) == before + 1
    assert post(client, "/v1/chat/completions", {**CHAT, "n": 1}, "c").status_code == 422


def test_chat_that_failed_and_cost_nothing_is_tried_anew(client, acme, answered):
    post(client, "/v1/chat/completions", CHAT, "c")
    with workspace_scope(acme.id):
        Run.objects.filter(id=answered[0]).update(state=Run.State.FAILED, finished_at=timezone.now())
    again = post(client, "/v1/chat/completions", CHAT, "c")
    assert (answered[0] != answered[1], "Idempotent-Replayed" in again) == (True, False)
    post(client, "/v1/chat/completions", CHAT, "c")
    assert answered[2] == answered[1]


# at once


@pytest.fixture
def busy(committed):
    workspace = factories.make_workspace(factories.make_user())
    return workspace, factories.make_key(factories.owner_of(workspace))


def test_fifty_at_once_start_one_run(busy):
    workspace, key = busy
    answers = crowd(50, lambda _: ask(factories.with_key(key)))
    fresh = [row for row in answers if row.status_code == 201 and "Idempotent-Replayed" not in row]
    replays = [row for row in answers if row.status_code == 201 and "Idempotent-Replayed" in row]
    waiting = [row for row in answers if row.status_code == 409]
    assert (len(fresh), len(replays) + len(waiting)) == (1, 49)
    assert {row.json()["code"] for row in waiting} <= {"idempotency_in_progress"}
    assert {row.content for row in replays} <= {fresh[0].content}
    assert (runs(workspace), Hold.objects.filter(workspace_id=workspace.id).count()) == (1, 1)


def test_without_the_unique_row_more_runs_come(busy, monkeypatch):
    """The control: every call believes that it is the first."""

    def first(call, now):
        fields = services._fields(call, now)
        return IdempotentCall.objects.create(scope=uuid4().bytes, **fields), True

    monkeypatch.setattr(services, "_first", first)
    workspace, key = busy
    crowd(4, lambda _: ask(factories.with_key(key)))
    assert runs(workspace) == 4
