"""Who tries addresses learns nothing of them: known and unknown ones get the same answer for the same work, and nobody
is led off this site."""

import re

import pytest
from django.contrib.auth import hashers

from accounts.mails.models import Mail
from tests import factories
from tests.accounts.signing_in import sign_in
from tests.factories import PASSWORD

VARIES = re.compile(r'(csrfmiddlewaretoken" value="|<code>)[^"<]+|nonce-[\w=+/-]+')
UNKNOWN = "nobody-at-all@example.test"
FORMS = [
    ("/accounts/login/", "login", {"password": "not-the-password"}, 200),
    ("/accounts/login/code/", "email", {}, 302),
    ("/accounts/password/reset/", "email", {}, 302),
    ("/accounts/signup/", "email", {"password1": "a-long-enough-Passphrase-7"}, 302),
]
HOSTILE = [
    "https://evil.test/", "//evil.test/", "///evil.test/", "/\\evil.test/", "\\\\evil.test", "https:evil.test",
    "javascript:alert(1)", "http:///evil.test", "\t//evil.test", "https://127.0.0.1:8000@evil.test/",
    "https://evil.test#127.0.0.1:8000",
    "\\/evil.test", "http:evil.test", "https:/evil.test", "/\t/evil.test", "/\n/evil.test", " //evil.test",
    "\x00//evil.test", "//%65vil.test", "//evil。test", "https://evil.test%2f@127.0.0.1:8000", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "//127.0.0.1:8000.evil.test/", "ftp://evil.test/",
]  # fmt: skip


def answer(path: str, field: str, address: str, extra: dict) -> tuple:
    response = factories.browser().post(path, {field: address, **extra})
    body = VARIES.sub("", response.content.decode()).replace(address, "ADDRESS")
    kept = {name: value for name, value in response.items() if name not in ("X-Request-Id", "Content-Length")}
    return response.status_code, kept.get("Location"), body


@pytest.mark.parametrize(("path", "field", "extra", "status"), FORMS)
def test_known_and_unknown_addresses_are_answered_alike(db, path, field, extra, status):
    known = answer(path, field, factories.make_user().email, extra)
    assert known == answer(path, field, UNKNOWN, extra)
    assert known[0] == status


def test_right_password_is_answered_otherwise(db):
    """The control: the comparison does tell answers apart."""
    user = factories.make_user()
    right = answer("/accounts/login/", "login", user.email, {"password": PASSWORD})
    assert right != answer("/accounts/login/", "login", user.email, {"password": "not-the-password"})


def test_as_many_passwords_are_hashed_for_unknown_addresses(db, monkeypatch):
    """What takes time is the hash, so the same number of them is the same time."""
    user, counted = factories.make_user(), []
    hasher = type(hashers.get_hasher())
    encode = hasher.encode
    monkeypatch.setattr(
        hasher, "encode", lambda *given, **named: counted.append(1) or encode(*given, **named)
    )
    numbers = []
    for address in (user.email, UNKNOWN):
        counted.clear()
        answer("/accounts/login/", "login", address, {"password": "not-the-password"})
        numbers.append(len(counted))
    assert numbers == [1, 1]


@pytest.mark.parametrize("path", ["/accounts/login/code/", "/accounts/password/reset/"])
def test_as_many_mails_are_owed_for_unknown_addresses(db, path):
    numbers = []
    for address in (factories.make_user().email, UNKNOWN):
        before = Mail.objects.count()
        answer(path, "email", address, {})
        numbers.append(Mail.objects.count() - before)
    assert numbers == [1, 1]


@pytest.mark.parametrize("target", HOSTILE)
def test_signing_in_leads_nowhere_else(db, target):
    user = factories.make_user()
    response = factories.browser().post(
        "/accounts/login/", {"login": user.email, "password": PASSWORD, "next": target}
    )
    assert response.status_code == 302
    assert re.match(r"/(?![/\\])", response["Location"]), response["Location"]
    assert "evil" not in response["Location"]


@pytest.mark.parametrize("target", HOSTILE)
@pytest.mark.parametrize("path", ["/accounts/logout/", "/accounts/reauthenticate/"])
def test_no_other_page_leads_elsewhere(db, path, target):
    client = sign_in(factories.make_user())
    response = client.post(path, {"password": PASSWORD, "next": target})
    assert response.status_code == 302
    assert "evil" not in response["Location"]
    assert not response["Location"].startswith(("javascript:", "data:", "ftp:"))


def test_own_path_is_followed(db):
    """The control: `next` is read."""
    user = factories.make_user()
    form = {"login": user.email, "password": PASSWORD, "next": "/me/?from=mail"}
    assert factories.browser().post("/accounts/login/", form)["Location"] == "/me/?from=mail"
