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
    assert b"not for anybody" not in response.content


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
    (demo.parent / "secret").write_text("not for anybody")
    response = factories.browser().get(f"/dev/mail/{name}/")
    assert response.status_code == 404
    assert b"not for anybody" not in response.content


def written_by_django(directory) -> str:
    """The name of a mail in text and HTML, with a picture, as the product sends it."""
    from anymail.message import attach_inline_image
    from django.core.mail import EmailMultiAlternatives, get_connection

    backend = "django.core.mail.backends.filebased.EmailBackend"
    with get_connection(backend, file_path=directory) as server:
        message = EmailMultiAlternatives(
            "Two", "As text", "a@example.test", ["ada@example.test"], connection=server
        )
        name = attach_inline_image(message, b"\x89PNG", "logo.png", "png")
        html = f'<p style="color:red">As HTML<img src="cid:{name}"><script>alert(1)</script></p>' + "x" * 2000
        message.attach_alternative(html, "text/html")
        message.send()
    (name,) = [path.name for path in directory.glob("*.log") if path.name != "20260101-1.log"]
    return name


def test_mailbox_shows_html_under_a_policy_of_its_own(db, demo):
    name = written_by_django(demo)
    client = factories.browser()
    page, html = client.get(f"/dev/mail/{name}/"), client.get(f"/dev/mail/{name}/html/")
    assert f'src="/dev/mail/{name}/html/"' in page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"
    assert "data:image/png;base64,iVBORw==" in html.content.decode()
    policy = dict(
        part.strip().split(" ", 1)
        for part in html["Content-Security-Policy"].split(";")
        if " " in part.strip()
    )
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == (
        "'none'",
        "'none'",
        "'unsafe-inline'",
    )
    assert (policy["frame-ancestors"], policy["form-action"]) == ("'self'", "'none'")
    assert "allow-scripts" not in policy["sandbox"]
    assert "allow-same-origin" not in policy["sandbox"]
    assert html["X-Frame-Options"] == "SAMEORIGIN"


def test_mailbox_is_searched_by_address(db, demo):
    written_by_django(demo)
    client = factories.browser()
    both, one = (
        client.get("/dev/mail/").content.decode(),
        client.get("/dev/mail/?to=ADA@example").content.decode(),
    )
    assert ("Hello Wörld" in both, "Two" in both) == (True, True)
    assert ("Hello Wörld" in one, "Two" in one) == (False, True)
    assert "No mail to this address" in client.get("/dev/mail/?to=nobody").content.decode()


def test_mail_that_is_not_written_yet_is_not_listed(demo):
    (demo / "2.log").write_text("")
    assert [mail.name for mail in mailbox.list_mails(demo)] == ["20260101-1.log"]


def test_mails_are_listed_newest_first(tmp_path):
    import os

    for number in (1, 2, 3):
        path = tmp_path / f"{number}.log"
        path.write_text(MAIL)
        os.utime(path, (number, number))
    assert [mail.name for mail in mailbox.list_mails(tmp_path)] == ["3.log", "2.log", "1.log"]
    assert [mail.name for mail in mailbox.list_mails(tmp_path, limit=1)] == ["3.log"]
    assert mailbox.list_mails(tmp_path / "none") == []
