"""Request rates: exactly so many within any minute, whoever comes at once; a clear 429, and nothing of it is run."""

import time
from collections import Counter
from uuid import uuid4

import pytest
import redis
from django.db import connection

from assistants.models import Conversation
from config import redis as redis_clients
from tenants import audit, keys
from tenants.models import AuditEntry
from tenants.scope import enter
from tests import factories
from tests.staff.pages import page
from tests.test_architecture import routes
from tests.usage.crowds import crowd
from usage.models import Hold
from usage.pace import queries, services, window
from usage.pace.queries import Rates
from usage.pace.window import Subject


def subject(limit: int, kind: str = "key") -> Subject:
    return Subject(kind, keys.pace_key(uuid4(), kind, uuid4()), limit)


def passes(*subjects: Subject) -> bool:
    return window.take(subjects).retry_after_s is None


@pytest.fixture
def quick(monkeypatch):
    """A window of a quarter of a second."""
    monkeypatch.setattr(window, "MICRO", 250_000)
    monkeypatch.setattr(window, "WINDOW_S", 1)


# the window


def test_two_hundred_at_once_and_exactly_fifty_pass():
    mine = subject(50)
    assert Counter(crowd(200, lambda _: passes(mine))) == {True: 50, False: 150}


def test_to_look_and_then_to_add_would_let_more_pass():
    """The control: the same list, read and written in two steps."""
    name, client = subject(50).name, redis_clients.client()

    def looks_first(_: int) -> bool:
        if client.llen(name) >= 50:
            return False
        time.sleep(0.001)
        client.rpush(name, 1)
        return True

    assert sum(crowd(200, looks_first)) > 50
    client.delete(name)


def test_all_subjects_count_or_none():
    wide, narrow = subject(100, "workspace"), subject(2)
    assert [passes(narrow, wide) for _ in range(5)] == [True, True, False, False, False]
    assert redis_clients.client().llen(wide.name) == 2, "a refused request counts for nobody"
    answer = window.take([narrow, wide])
    assert (answer.subject, answer.remaining) == (narrow, 0)
    assert 1 <= answer.retry_after_s <= 60


def test_answer_names_what_is_nearest_to_its_limit():
    first = window.take([subject(10), subject(4, "person"), subject(100, "workspace")])
    assert (first.subject.kind, first.remaining, first.retry_after_s) == ("person", 3, None)
    assert 59 <= first.reset_s <= 60


def test_longest_wait_is_told(quick):
    short, long = subject(1), subject(1, "workspace")
    assert passes(short)
    time.sleep(0.1)
    assert passes(long)
    answer = window.take([short, long])
    assert answer.subject == long


def test_no_window_of_that_length_ever_holds_more(quick):
    """Whenever it begins: the instants that passed are looked at by a clock of the test."""
    mine, passed = subject(5), []
    over = time.monotonic() + 1.5
    while time.monotonic() < over:
        before = time.monotonic()
        if passes(mine):
            passed.append((before, time.monotonic()))
        time.sleep(0.003)
    assert len(passed) >= 20, "it lets in again what has slid out"
    for (first, _), (_, last) in zip(passed, passed[5:], strict=False):
        # The sixth comes a whole window after the first. Each passed somewhere between its two readings, so
        # only the outer ones say something sure: a process that was made to wait stretches the inner ones.
        assert last - first >= 0.25


def test_lowered_limit_counts_at_once_and_raised_too(quick):
    name = subject(1).name
    assert [passes(Subject("key", name, limit)) for limit in (5, 5, 5, 2, 4, 4)] == [
        True, True, True, False, True, False,
    ]  # fmt: skip


def test_nothing_is_kept_after_the_window(quick):
    mine = subject(3)
    passes(mine)
    assert 0 < redis_clients.client().pttl(mine.name) <= 1250


def test_without_redis_calls_go_on(monkeypatch):
    def away(**_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(window, "_script", lambda: away)
    assert window.take([subject(1)]) is None
    assert window.take([]) is None


# at the door


@pytest.fixture
def paced(db):
    """A workspace of its own with a key, its owner's browser, and a way to set its rates."""
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    member = factories.member_of(workspace, user)

    class Paced:
        slug, id = workspace.slug, workspace.id
        ref = workspace
        browser = factories.sign_in(user)
        key = factories.with_key(factories.make_key(member))
        other_key = factories.with_key(factories.make_key(member))

        @staticmethod
        def push(**rates: int | None) -> None:
            wanted = {"per_key": None, "per_person": None, "per_workspace": None, **rates}
            services.push_rates(workspace_id=workspace.id, rates=Rates(**wanted))
            queries.forget(workspace.id)

    yield Paced
    queries.forget(workspace.id)


def test_key_over_its_rate_gets_429_with_the_wait_and_nothing_is_run(paced):
    paced.push(per_key=2)
    for left in (1, 0):
        answer = paced.key.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json")
        assert answer.status_code == 201
        assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("2", str(left))
        assert 1 <= int(answer["RateLimit-Reset"]) <= 60
    before = Hold.objects.filter(workspace_id=paced.id).count()
    refused = paced.key.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json")
    assert refused.status_code == 429
    body = refused.json()
    assert (body["code"], body["subject"], body["limit"], body["window_s"]) == ("rate_limited", "key", 2, 60)
    assert (body["used"], body["held"]) == (2, 0)
    assert body["resets_at"].startswith("20")
    assert "upgrade_url" in body
    assert body["detail"].startswith(
        "2 requests a minute are allowed for this API key, and so many came. Try again in"
    )
    assert refused["Retry-After"] == str(body["retry_after_s"])
    assert (refused["RateLimit-Limit"], refused["RateLimit-Remaining"]) == ("2", "0")
    assert refused["Content-Type"] == "application/problem+json"
    assert Hold.objects.filter(workspace_id=paced.id).count() == before
    assert paced.other_key.get("/api/v1/assistants").status_code == 200, "another key has its own"


def test_person_has_one_rate_for_all_keys_and_pages(paced):
    paced.push(per_person=2)
    assert paced.key.get("/api/v1/assistants").status_code == 200
    assert paced.other_key.get("/api/v1/assistants").status_code == 200
    refused = paced.browser.post(f"/w/{paced.slug}/chat/", {"text": "Kept text"})
    assert refused.status_code == 429
    assert "2 requests a minute are allowed for one person" in refused.text
    assert "Kept text" in refused.text, "without scripts the page keeps what was typed"
    with enter(paced.ref):
        assert not Conversation.objects.exists()


def test_workspace_has_one_rate_for_everybody(paced):
    paced.push(per_workspace=1)
    colleague = factories.join(paced.ref, factories.make_user(), "member")
    theirs = factories.with_key(factories.make_key(colleague))
    assert theirs.get("/api/v1/assistants").status_code == 200
    assert paced.key.get("/api/v1/assistants").json()["subject"] == "workspace"


def test_openais_shape_is_a_rate_limit_that_may_be_tried_again(paced):
    paced.push(per_key=1)
    assert paced.key.get("/v1/models").status_code == 200
    refused = paced.key.get("/v1/models")
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limited")
    assert refused["x-should-retry"] == "true"
    assert int(refused["Retry-After"]) >= 1


def test_reading_pages_is_free_and_a_running_answer_can_always_be_stopped(paced):
    paced.push(per_key=1, per_person=1, per_workspace=1)
    made = paced.key.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json").json()
    assert paced.key.get("/api/v1/assistants").status_code == 429
    page = paced.browser.get(f"/w/{paced.slug}/chat/{made['conversation']}/")
    assert page.status_code == 200 and "RateLimit-Limit" not in page
    assert paced.key.post(f"/api/v1/runs/{made['run']}/stop").status_code == 204
    assert paced.browser.post(f"/w/{paced.slug}/chat/runs/{made['run']}/stop/").status_code in (200, 204, 303)


def test_unlimited_is_not_counted_and_strangers_are_not_our_members(paced):
    paced.push()
    assert "RateLimit-Limit" not in paced.key.get("/api/v1/assistants")
    assert factories.browser().get("/api/v1/assistants").status_code == 401


def test_pushed_rates_are_audited_and_read_once_for_a_while(paced, assert_queries):
    paced.push(per_key=7)
    entry = AuditEntry.objects.filter(workspace_id=paced.id, action="request_rates.pushed").latest("id")
    assert entry.data == {"per_key": 7, "per_person": None, "per_workspace": None}
    with assert_queries(1):
        for _ in range(3):
            assert queries.rates_of(paced.id).per_key == 7
    services.push_rates(workspace_id=uuid4(), rates=Rates(1, 1, 1), actor=audit.SYSTEM)
    assert queries.rates_of(uuid4()) == queries.DEFAULT
    connection.check_constraints()


def test_every_page_form_that_starts_model_work_is_counted():
    marked = {pattern.name for _, pattern in routes() if getattr(pattern.callback, "starts_runs", False)}
    assert marked == {
        "chat", "message-send", "message-edit", "message-regenerate", "message-retry", "assistant-test",
        "resume-fill", "tool-approve", "tool-refuse", "follow-up-send",
    }  # fmt: skip


def test_staff_set_the_rates_of_a_workspace(paced, staff):
    form = {"place": paced.slug, "per_key": "3", "per_person": "", "per_workspace": "9"}
    assert staff.browser().post(page("usage.requestrate", "add"), form).status_code == 302
    queries.forget(paced.id)
    assert queries.rates_of(paced.id) == Rates(3, None, 9)
    assert staff.browser().post(page("usage.requestrate", "add"), {**form, "place": ""}).status_code == 200
