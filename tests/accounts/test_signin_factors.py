"""Second factors: asked for after the password, each code once, sealed in the database, told by mail and entered."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user_model

from accounts import services
from accounts.models import KnownDevice
from accounts.signin import codes, queries
from accounts.signin.devices import device_of
from accounts.signin.second_factors import SecondFactorAdapter
from config import env
from tenants.models import AuditEntry
from tests import factories, mails
from tests.accounts.signing_in import FIREFOX, SAFARI, app_code, prove, sign_in, turn_app_on
from tests.factories import PASSWORD


@pytest.fixture
def user(db):
    return factories.make_user()


@pytest.fixture
def secret(user, django_capture_on_commit_callbacks) -> str:
    client = sign_in(user)
    prove(client)
    with django_capture_on_commit_callbacks(execute=True):
        return turn_app_on(client)


def begin(user):
    client = factories.browser(headers={"User-Agent": FIREFOX})
    response = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert response["Location"] == "/accounts/2fa/authenticate/"
    return client


def entries(user, action: str) -> list[dict]:
    ref = services.person_reference(user)
    rows = AuditEntry.objects.filter(action=action, target_id=str(ref)).order_by("id")
    return [row.data for row in rows]


def is_in(client) -> bool:
    return "_auth_user_id" in client.session


def test_setting_one_up_asks_first_who_it_is(user):
    client = sign_in(user)
    response = client.get("/accounts/2fa/totp/activate/")
    assert response["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2F2fa%2Ftotp%2Factivate%2F"
    assert client.post("/accounts/2fa/totp/activate/", {"code": "1"})["Location"].startswith(
        "/accounts/reauthenticate/"
    )
    assert not Authenticator.objects.filter(user=user).exists()


def test_qr_code_is_an_image_that_the_policy_allows(user, settings):
    client = sign_in(user)
    prove(client)
    content = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert 'src="data:image/svg+xml;base64,' in content
    assert "data:" in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"]
    assert "<svg" not in content.split("</header>")[1].split('class="qr"')[0].split("<h2>1.")[1]


def test_password_alone_does_not_sign_in_any_more(user, secret):
    client = begin(user)
    assert not is_in(client)
    assert client.get("/me/").status_code == 302
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert not is_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": app_code(secret)})
    assert is_in(client)


def test_mailed_code_alone_does_not_sign_in_either(user, secret):
    client = factories.browser()
    client.post("/accounts/login/code/", {"email": user.email})
    (code,) = re.findall(r"code=([\w-]+)", mails.deliver("rendered")[-1].body)
    response = client.post("/accounts/login/code/confirm/", {"code": code})
    assert response["Location"] == "/accounts/2fa/authenticate/"
    assert not is_in(client)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_works_once(user, secret, steps, monkeypatch):
    code = app_code(secret, steps=steps)
    first, second = begin(user), begin(user)
    first.post("/accounts/2fa/authenticate/", {"code": code})
    assert is_in(first)
    # allauth forgets a code after one half minute of the three in which it is right.
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.TOTP._mark_code_used", lambda *_: True)
    second.post("/accounts/2fa/authenticate/", {"code": code})
    assert not is_in(second)


def test_old_codes_are_refused(user, secret):
    for steps in (-3, 3):
        client = begin(user)
        client.post("/accounts/2fa/authenticate/", {"code": app_code(secret, steps=steps)})
        assert not is_in(client)


def test_recovery_code_stands_in_once(user, secret):
    code = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()[0]
    for expected in (True, False):
        client = begin(user)
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert is_in(client) is expected
    assert queries.get_security(user).recovery_left == 9


def test_five_wrong_codes_and_the_right_one_is_not_even_looked_at(user, secret):
    for _ in range(5):
        begin(user).post("/accounts/2fa/authenticate/", {"code": "000000"})
    client = begin(user)
    response = client.post("/accounts/2fa/authenticate/", {"code": app_code(secret)})
    assert response.status_code == 429
    assert not is_in(client)


def test_sign_ins_without_pages_check_codes_too(user, secret):
    assert not codes.is_right(user.id, "000000")
    code = app_code(secret)
    assert codes.is_right(user.id, code)
    assert not codes.is_right(user.id, code)


def test_secrets_are_sealed_and_survive_a_new_secret_key(user, secret, settings):
    row = Authenticator.objects.get(user=user, type="totp")
    assert secret not in str(row.data)
    before = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [before]
    assert SecondFactorAdapter().decrypt(row.data["secret"]) == secret


def test_recovery_codes_are_downloaded_as_text(user, django_capture_on_commit_callbacks):
    client = sign_in(user)
    prove(client)
    with django_capture_on_commit_callbacks(execute=True):
        turn_app_on(client)
    response = client.get("/accounts/2fa/recovery-codes/download/")
    assert response["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert len(response.content.decode().split()) == 10


def test_changes_are_entered_and_told(user, secret):
    assert [row["kind"] for row in entries(user, "second_factor.added")] == ["recovery_codes", "totp"] or [
        row["kind"] for row in entries(user, "second_factor.added")
    ] == ["totp", "recovery_codes"]
    (told,) = [m for m in mails.deliver("two_factor_changed") if "second factor" in m.subject]
    assert told.to == [user.email]
    assert "an authenticator app was added" in told.body


# sign-ins are entered, and told when they come from elsewhere


def test_sign_in_says_by_what(user):
    sign_in(user)
    assert entries(user, "session.started") == [{"methods": ["password"]}]


def test_sign_in_with_a_second_factor_says_so(user, secret):
    sign_in(user, code=secret)
    assert entries(user, "session.started")[-1] == {"methods": ["password", "totp"]}


def test_wrong_password_is_entered_for_who_has_the_address(user):
    before = AuditEntry.objects.count()
    for address in (user.email, "nobody@example.test"):
        factories.browser().post("/accounts/login/", {"login": address, "password": "wrong"})
    assert entries(user, "session.refused") == [{"method": "password"}]
    assert AuditEntry.objects.count() == before + 1
    assert get_user_model().objects.filter(email="nobody@example.test").count() == 0


def test_wrong_code_of_the_app_is_entered(user, secret):
    begin(user).post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert entries(user, "second_factor.refused") == [{"kind": "totp"}]


def test_another_device_is_told_once_and_the_first_is_not(user):
    sign_in(user, FIREFOX)
    assert mails.deliver("new_device") == []
    sign_in(user, SAFARI)
    (told,) = mails.deliver("new_device")
    assert (told.to, told.subject) == ([user.email], "New sign-in with Mobile Safari on iOS")
    assert "/me/security/" in told.body
    sign_in(user, SAFARI)
    sign_in(user, FIREFOX.replace("128", "129"))
    assert len(mails.deliver("new_device")) == 1
    assert KnownDevice.objects.filter(user=user).count() == 2


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Mobile Safari on iOS"),
        ("", "An unknown browser on an unknown system"),
        ("<script>alert(1)</script>", "An unknown browser on an unknown system"),
    ],
)
def test_device_by_what_the_browser_says(agent, label):
    assert device_of(agent).label == label


# other services


def test_no_keys_no_buttons(db):
    assert b"Continue with" not in factories.browser().get("/accounts/login/").content


def test_keys_make_a_button_and_open_the_door(db, settings):
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {"APPS": [{"client_id": "id", "secret": "x", "key": ""}]}}
    client = factories.browser()
    content = client.get("/accounts/login/").content.decode()
    assert content.count("Continue with GitHub") == 1
    assert "Google" not in content
    assert client.get("/accounts/github/login/").status_code == 200, "a GET leads nowhere else"
    answer = client.post("/accounts/github/login/")
    assert answer["Location"].startswith("https://github.com/login/oauth/authorize?client_id=id")
    assert client.post("/accounts/google/login/").status_code == 404


def test_both_keys_of_a_service_or_neither(monkeypatch):
    from django.core.exceptions import ImproperlyConfigured

    monkeypatch.setenv("GOOGLE_CLIENT_ID", "id")
    with pytest.raises(ImproperlyConfigured, match="GOOGLE_CLIENT_SECRET"):
        env.sign_in_services()
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "secret")
    assert set(env.sign_in_services()) == {"google"}
