"""Links and codes in mails that do not hold say so and change nothing; and what forms cost, whoever is asked about."""

import re
import secrets

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import hashers
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Mail, User
from tests import factories, mails
from tests.accounts.signing_in import FIREFOX, sign_in
from tests.factories import PASSWORD

NEW_PASSWORD = "another-long-password"
RANDOM = re.compile(rb'(csrfmiddlewaretoken" value="|<code>)[^"<]+')


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """Each hashing of a password, whatever for."""
    found: list[str] = []
    real = MD5PasswordHasher.encode

    def encode(self, password, salt):
        found.append(password)
        return real(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    hashers.get_hashers.cache_clear()
    return found


def unknown() -> str:
    return f"nobody-{secrets.token_hex(6)}@example.test"


def known(**fields) -> str:
    return factories.make_user(f"person-{secrets.token_hex(6)}@example.test", **fields).email


def without_password() -> str:
    user = User.objects.get(email=known())
    user.set_unusable_password()
    user.save()
    return user.email


def blocked() -> str:
    return known(is_active=False)


def unconfirmed() -> str:
    return known(verified=False)


FORMS = {
    "sign-in": ("/accounts/login/", lambda who: {"login": who, "password": "wrong"}, 1, 0),
    "code": ("/accounts/login/code/", lambda who: {"email": who}, 0, 1),
    "reset": ("/accounts/password/reset/", lambda who: {"email": who}, 0, 1),
    "sign-up": ("/accounts/signup/", lambda who: {"email": who, "password1": NEW_PASSWORD}, 1, 1),
}


@pytest.mark.django_db
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whose", [known, without_password, blocked, unconfirmed])
def test_known_and_unknown_addresses_answer_alike_and_cost_alike(form, whose, hashed):
    """The same page, as many passwords hashed, as many mails owed."""
    url, fields, hashings, owed = FORMS[form]
    found = []
    for address in (whose(), unknown()):
        client = factories.browser(headers={"User-Agent": FIREFOX})
        hashed.clear()
        before = Mail.objects.count()
        response = client.post(url, fields(address))
        answers = [response]
        if response.status_code == 302:
            answers.append(client.get(response["Location"]))
        pages = [
            (
                each.status_code,
                each.get("Location"),
                RANDOM.sub(rb"\1", each.content).replace(address.encode(), b"WHO"),
            )
            for each in answers
        ]
        found.append((pages, len(hashed), Mail.objects.count() - before))
    assert found[0] == found[1]
    assert found[0][1:] == (hashings, owed)


@pytest.mark.django_db
def test_code_for_nobody_is_never_right():
    address, client = unknown(), factories.browser()
    client.post("/accounts/login/code/", {"email": address})
    for code in ("", "AAAA-AAAA", "None", "0"):
        client.post("/accounts/login/code/confirm/", {"code": code})
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_failed_sign_in_leaves_as_many_statements_for_nobody():
    """But for the key under which the first entry about somebody is sealed, which is taken back for nobody."""
    user, counts = factories.make_user(), []
    for address in (user.email, unknown()):
        with CaptureQueriesContext(connection) as captured:
            factories.browser().post("/accounts/login/", {"login": address, "password": "wrong"})
        kinds = [
            row["sql"].split(" ", 1)[0] for row in captured if "accounts_personreference" not in row["sql"]
        ]
        counts.append(kinds.count("INSERT"))
    assert counts[0] == counts[1] > 0


# links in mails


def mailed_path(*marks: str) -> str:
    links = [link for message in mails.deliver("rendered")[-1:] for link in mails.LINK.findall(message.body)]
    (found,) = [link for link in links if all(mark in link for mark in marks)]
    return "/" + found.split("/", 3)[3]


def ask_reset(user) -> str:
    factories.browser().post("/accounts/password/reset/", {"email": user.email})
    return mailed_path("password/reset/key")


def set_by(path: str) -> object:
    """Opens the link in a browser of its own and sets a password, if that is offered."""
    client = factories.browser()
    page = client.get(path, follow=True)
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(page.request["PATH_INFO"], form)
    return page


@pytest.mark.django_db
def test_reset_link_works_once_and_ends_every_session():
    user = factories.make_user()
    client = sign_in(user)
    path = ask_reset(user)
    assert b"Choose a new password" in set_by(path).content
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert client.get("/me/").status_code == 302
    assert b"This link no longer works" in set_by(path).content


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["tampered", "expired", "foreign", "after a change"])
def test_reset_link_that_does_not_hold_says_so_and_changes_nothing(what, monkeypatch, settings):
    user, other = factories.make_user(), factories.make_user()
    path, password = ask_reset(user), PASSWORD
    if what == "tampered":
        path = path[:-3] + ("aa/" if not path.endswith("aa/") else "bb/")
    elif what == "foreign":
        whose = ask_reset(other).split("/key/")[1].split("-", 1)[0]
        path = re.sub(r"/key/\w+-", f"/key/{whose}-", path)
    elif what == "expired":
        settings.PASSWORD_RESET_TIMEOUT = -1
    else:
        password = "changed-meanwhile-1"
        user.set_password(password)
        user.save()
    assert b"This link no longer works" in set_by(path).content
    for person, expected in ((user, password), (other, PASSWORD)):
        person.refresh_from_db()
        assert person.check_password(expected)


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["tampered", "expired"])
def test_confirmation_that_does_not_hold_says_so_and_changes_nothing(what, settings):
    address, client = unknown(), factories.browser()
    client.post("/accounts/signup/", {"email": address, "password1": NEW_PASSWORD})
    path = mailed_path("confirm-email")
    if what == "tampered":
        path = path[:-4] + "aaa/"
    else:
        settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = -1
    visitor = factories.browser()
    assert b"This link no longer works" in visitor.get(path).content
    assert visitor.post(path).status_code == 404
    assert not EmailAddress.objects.get(email=address).verified


@pytest.mark.django_db
def test_mailed_code_works_once_in_the_browser_that_asked():
    user, client, thief = factories.make_user(), factories.browser(), factories.browser()
    client.post("/accounts/login/code/", {"email": user.email})
    link = mailed_path("sign-in")
    code = link.split("code=")[1]
    stolen = thief.get(link, follow=True)
    assert "Open the link in the browser in which you asked for it" in stolen.content.decode()
    thief.post("/accounts/login/code/confirm/", {"code": code})
    assert "_auth_user_id" not in thief.session
    page = client.get(link, follow=True)
    assert f'value="{code}"' in page.content.decode()
    assert "_auth_user_id" not in client.session, "a link scanner's GET must not sign in"
    client.post("/accounts/login/code/confirm/", {"code": code})
    assert "_auth_user_id" in client.session
    client.post("/accounts/logout/")
    client.post("/accounts/login/code/", {"email": user.email})
    client.post("/accounts/login/code/confirm/", {"code": code})
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_mailed_code_expires(monkeypatch, settings):
    user, client = factories.make_user(), factories.browser()
    client.post("/accounts/login/code/", {"email": user.email})
    code = mailed_path("sign-in").split("code=")[1]
    settings.ACCOUNT_LOGIN_BY_CODE_TIMEOUT = -1
    response = client.post("/accounts/login/code/confirm/", {"code": code})
    assert response["Location"] == "/accounts/login/code/"
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_links_to_nobody_come_from_configuration_too(settings):
    """allauth would make these from the Host header."""
    client = factories.browser()
    client.defaults["HTTP_HOST"] = "localhost:6666"
    client.post("/accounts/password/reset/", {"email": unknown()})
    client.post("/accounts/signup/", {"email": known(), "password1": NEW_PASSWORD})
    bodies = [message.body for message in mails.deliver("rendered")]
    links = [link for body in bodies for link in mails.LINK.findall(body)]
    assert len(links) == 2
    assert all(link.startswith(settings.BASE_URL + "/accounts/") for link in links)
