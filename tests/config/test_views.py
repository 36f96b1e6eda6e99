"""Health, readiness, the demo's mailbox, and what every answer carries."""

import importlib

import pytest
import redis
from django.db import DatabaseError
from django.urls import NoReverseMatch, clear_url_caches, reverse

from config import mailbox, views
from tests import factories

MAIL = (
    "To: a@b.test\nFrom: x@y.test\nSubject: Hello =?utf-8?q?W=C3=B6rld?=\n\nOpen https://a.test/confirm/k:1:s\n"
    + "-" * 79
)


def test_health_asks_nobody(assert_queries, db, monkeypatch):
    monkeypatch.setattr(views.redis_clients, "client", lambda: pytest.fail("health asked Redis"))
    with assert_queries(0):
        response = factories.browser().get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_when_all_is_there(db):
    response = factories.browser().get("/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "missing": []})


def test_not_ready_without_redis(db, monkeypatch):
    def away():
        raise redis.ConnectionError

    monkeypatch.setattr(views.redis_clients, "client", away)
    response = factories.browser().get("/ready")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable", "missing": ["redis"]})


def test_not_ready_without_the_database(db, monkeypatch):
    class Away:
        def cursor(self):
            raise DatabaseError("password=secret")

    monkeypatch.setattr(views, "connection", Away())
    response = factories.browser().get("/ready")
    assert (response.status_code, response.json()["missing"]) == (503, ["database"])
    assert b"secret" not in response.content


def test_not_ready_before_the_migrations(db, monkeypatch):
    monkeypatch.setattr(views, "_migrations_seen", False)
    monkeypatch.setattr(views.MigrationExecutor, "migration_plan", lambda *_: ["one more"])
    response = factories.browser().get("/ready")
    assert (response.status_code, response.json()["missing"]) == (503, ["migrations"])


def test_every_page_carries_the_strict_policy(db, owner):
    for response in (
        factories.browser().get("/"),
        owner.browser().get("/w/acme/"),
        factories.browser().get("/x"),
    ):
        policy = response["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"


def test_cookies_are_not_for_scripts_nor_for_other_sites(db, settings):
    client = factories.browser()
    client.get("/accounts/login/")
    assert client.cookies["csrf"]["samesite"] == "Lax"
    factories.make_user("cookie@example.test")
    client.post("/accounts/login/", {"login": "cookie@example.test", "password": factories.PASSWORD})
    session = client.cookies["session"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")


def test_mailbox_does_not_exist_without_the_demo(db):
    with pytest.raises(NoReverseMatch):
        reverse("dev-mail")
    assert factories.browser().get("/dev/mail/").status_code == 404


@pytest.fixture
def demo(settings, tmp_path):
    from config import urls

    settings.DEMO, settings.MAIL_DIR = True, tmp_path
    importlib.reload(urls)
    clear_url_caches()
    (tmp_path / "20260101-1.log").write_text(MAIL)
    yield tmp_path
    settings.DEMO = False
    importlib.reload(urls)
    clear_url_caches()


def test_mailbox_of_the_demo_shows_mails_and_their_links(db, demo):
    client = factories.browser()
    assert "Hello Wörld" in client.get("/dev/mail/").content.decode()
    page = client.get("/dev/mail/20260101-1.log/").content.decode()
    assert 'href="https://a.test/confirm/k:1:s"' in page


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2fsecret", "nothing.log", "a%00b"])
def test_mailbox_shows_no_other_file(db, demo, name):
    (demo.parent / "secret").write_text("secret")
    response = factories.browser().get(f"/dev/mail/{name}/")
    assert response.status_code == 404
    assert b"secret" not in response.content


def test_mails_are_listed_newest_first(tmp_path):
    import os

    for number in (1, 2, 3):
        path = tmp_path / f"{number}.log"
        path.write_text(MAIL)
        os.utime(path, (number, number))
    assert [mail.name for mail in mailbox.list_mails(tmp_path)] == ["3.log", "2.log", "1.log"]
    assert [mail.name for mail in mailbox.list_mails(tmp_path, limit=1)] == ["3.log"]
    assert mailbox.list_mails(tmp_path / "none") == []
