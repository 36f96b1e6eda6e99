"""Settings from the environment: a wrong value stops the start with one sentence that names it."""

import importlib
import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture
def variable(monkeypatch):
    def put(value: str | None) -> str:
        if value is None:
            monkeypatch.delenv("SOME_SETTING", raising=False)
        else:
            monkeypatch.setenv("SOME_SETTING", value)
        return "SOME_SETTING"

    return put


@pytest.mark.parametrize("value", [None, ""])
def test_required_text_that_is_missing_is_named(variable, value):
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING is not set"):
        env.text(variable(value))
    assert env.text(variable(value), "fallback") == "fallback"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True),
        ("true", True),
        ("YES", True),
        (" on ", True),
        ("0", False),
        ("No", False),
        ("off", False),
        ("", False),
    ],
)
def test_flag(variable, value, expected):
    assert env.flag(variable(value), default=not expected) is expected


def test_flag_that_is_missing_has_its_default(variable):
    assert env.flag(variable(None)) is False
    assert env.flag(variable(None), default=True) is True


@pytest.mark.parametrize("value", ["2", "ja", "truee", "-1", "None"])
def test_flag_that_is_neither_is_refused(variable, value):
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING=.* not a yes/no value"):
        env.flag(variable(value))


def test_integer(variable):
    assert env.integer(variable("12"), 3) == 12
    assert env.integer(variable(None), 3) == env.integer(variable(""), 3) == 3


@pytest.mark.parametrize("value", ["1.5", "many", "1e3", "0x10"])
def test_integer_that_is_none_is_refused(variable, value):
    with pytest.raises(ImproperlyConfigured, match="not a whole number"):
        env.integer(variable(value), 3)


def test_integer_below_its_minimum_is_refused(variable):
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING=0 is below 1"):
        env.integer(variable("0"), 3, minimum=1)
    assert env.integer(variable("1"), 3, minimum=1) == 1


def test_words(variable):
    assert env.words(variable(" a, b ,,c "), []) == ["a", "b", "c"]
    assert env.words(variable(""), ["x"]) == []
    assert env.words(variable(None), ["x"]) == ["x"]


def test_address_loses_its_last_slash(variable):
    assert env.http_url(variable("https://a.test/v1/"), "") == "https://a.test/v1"


@pytest.mark.parametrize("value", ["a.test", "ftp://a.test", "http://", "//a.test", "https:a.test"])
def test_address_that_is_none_is_refused(variable, value):
    with pytest.raises(ImproperlyConfigured, match="not an http:// or https:// address"):
        env.http_url(variable(value), "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "postgres://u:p%40ss@db.test:5433/name",
            {"NAME": "name", "USER": "u", "PASSWORD": "p@ss", "HOST": "db.test", "PORT": "5433"},
        ),
        (
            "postgresql://u@/name?host=%2Frun%2Fpg&port=7",
            {"NAME": "name", "USER": "u", "PASSWORD": "", "HOST": "/run/pg", "PORT": "7"},
        ),
        ("postgres:///name", {"NAME": "name", "USER": "", "PASSWORD": "", "HOST": "", "PORT": ""}),
    ],
)
def test_database(variable, value, expected):
    assert env.database(variable(value)) == expected


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("mysql://a/b", "postgres://"),
        ("sqlite:///x", "postgres://"),
        ("postgres://host", "names no database"),
        ("x", "no scheme"),
    ],
)
def test_database_that_cannot_be_is_refused(variable, value, complaint):
    with pytest.raises(ImproperlyConfigured, match=complaint):
        env.database(variable(value))


def test_refused_database_does_not_show_its_password(variable):
    with pytest.raises(ImproperlyConfigured) as raised:
        env.database(variable("mysql://u:secret-word@host/name"))
    assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "port", "ssl", "tls"),
    [
        ("smtp://h.test", 587, False, False),
        ("smtps://u:p@h.test", 465, True, False),
        ("smtp+tls://u:p%2Fw@h.test:2525", 2525, False, True),
    ],
)
def test_mail(monkeypatch, url, port, ssl, tls):
    monkeypatch.setenv("EMAIL_URL", url)
    found = env.email()
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("h.test", port)
    assert (found["EMAIL_USE_SSL"], found["EMAIL_USE_TLS"]) == (ssl, tls)
    assert found["EMAIL_HOST_PASSWORD"] in ("", "p", "p/w")


def test_mail_that_cannot_be_sent_is_refused(monkeypatch):
    for url in ("http://h.test", "smtp://", "h.test:25"):
        monkeypatch.setenv("EMAIL_URL", url)
        with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
            env.email()
    monkeypatch.setenv("EMAIL_URL", "")
    assert env.email() == {}


@pytest.fixture
def mail_environment(monkeypatch):
    def put(**values: str) -> dict[str, object]:
        for name in [
            name for name in os.environ if name.startswith(("ANYMAIL_", "MAIL_PROVIDER", "EMAIL_URL"))
        ]:
            monkeypatch.delenv(name)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return env.mail_provider()

    return put


def test_mail_leaves_by_any_provider_and_is_not_tracked(mail_environment):
    found = mail_environment(MAIL_PROVIDER="postmark", ANYMAIL_POSTMARK_SERVER_TOKEN="secret")
    assert found["EMAIL_BACKEND"] == "anymail.backends.postmark.EmailBackend"
    assert found["ANYMAIL"]["POSTMARK_SERVER_TOKEN"] == "secret"
    assert found["ANYMAIL"]["SEND_DEFAULTS"] == {"track_opens": False, "track_clicks": False}
    assert mail_environment() == {}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"MAIL_PROVIDER": "pigeon"}, "is not one of"),
        ({"MAIL_PROVIDER": "postmark"}, "needs its key"),
        ({"MAIL_PROVIDER": "postmark", "EMAIL_URL": "smtp://a:1", "ANYMAIL_X": "y"}, "both set"),
    ],
)
def test_provider_that_cannot_work_is_refused(mail_environment, values, words):
    with pytest.raises(ImproperlyConfigured, match=words):
        mail_environment(**values)


@pytest.mark.parametrize("provider", sorted(env.MAIL_PROVIDERS - {"amazon_ses"}))
def test_every_provider_has_a_backend(provider):
    assert hasattr(importlib.import_module(f"anymail.backends.{provider}"), "EmailBackend")
