"""People at the sign-in page, with browsers that say what they are, and with codes of an app."""

import time

from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from accounts.models import User
from tests import factories
from tests.factories import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)


def sign_in(user: User, agent: str = FIREFOX, *, code: str = "", password: str = PASSWORD) -> Client:
    """By the page, as a browser does. `code`: the secret of the person's app."""
    client = factories.browser(headers={"User-Agent": agent})
    response = client.post("/accounts/login/", {"login": user.email, "password": password})
    assert response.status_code == 302, response.content
    if code:
        assert response["Location"] == "/accounts/2fa/authenticate/"
        assert client.post("/accounts/2fa/authenticate/", {"code": app_code(code)}).status_code == 302
    assert "_auth_user_id" in client.session
    return client


def prove(client: Client) -> None:
    response = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert response.status_code == 302


def turn_app_on(client: Client) -> str:
    """Returns the app's secret. Who is signed in has just proven that it is them."""
    secret: str = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    response = client.post("/accounts/2fa/totp/activate/", {"code": app_code(secret)})
    assert response.status_code == 302, response.content
    return secret


def app_code(secret: str, *, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + steps))
