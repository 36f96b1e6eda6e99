"""How often a secret may be tried: exactly so often, however many try at once and whatever they send."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection
from django.urls import get_resolver, reverse

from accounts.adapter import client_address
from accounts.signin import brakes, braking
from accounts.signin.brakes import Limit, Limits
from config import redis as redis_clients
from tests import factories
from tests.factories import PASSWORD

FIVE = Limits(account=Limit(5, 300), address=None)
FIVE_FROM_ONE = Limits(account=None, address=Limit(5, 300))


def name() -> str:
    """A limit of the test's own."""
    return f"test-{secrets.token_hex(6)}"


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    """Begun together by so many threads. Without a connection to the database, of which there are fewer."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> object:
        barrier.wait(timeout=30)
        try:
            return work(number)
        except brakes.TooManyTries as refused:
            return refused

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def passes(tries: list[object]) -> int:
    return len([each for each in tries if not isinstance(each, brakes.TooManyTries)])


@pytest.mark.parametrize("limits", [FIVE, FIVE_FROM_ONE])
def test_of_200_at_once_exactly_5_pass(limits):
    key = name()
    tries = at_once(200, lambda _: brakes.allow(key, account="a@b.test", address="10.1.1.1", limits=limits))
    assert passes(tries) == 5


def test_reading_then_writing_would_let_more_through():
    """The control: a count that is read by all before one of them writes."""
    client, key, all_have_read = redis_clients.client(), f"{name()}-naive", threading.Barrier(200)

    def naive(_: int) -> None:
        count = int(client.get(key) or 0)
        all_have_read.wait(timeout=30)
        if count >= 5:
            raise brakes.TooManyTries()
        client.incr(key)

    assert passes(at_once(200, naive)) == 200


def test_both_are_counted_or_neither():
    key, limits = name(), Limits(account=Limit(2, 300), address=Limit(3, 300))
    for _ in range(2):
        brakes.allow(key, account="a", address="10.0.0.1", limits=limits)
    for _ in range(5):
        with pytest.raises(brakes.TooManyTries):
            brakes.allow(key, account="a", address="10.0.0.1", limits=limits)
    brakes.allow(key, account="b", address="10.0.0.1", limits=limits)
    with pytest.raises(brakes.TooManyTries) as caught:
        brakes.allow(key, account="c", address="10.0.0.1", limits=limits)
    assert (caught.value.status, caught.value.code) == (429, "too_many_tries")
    assert 0 < caught.value.data["retry_after_s"] <= 300


def test_a_right_try_counts_for_nothing_and_wrong_ones_before_stay():
    key = name()
    for _ in range(4):
        brakes.allow(key, account="a", address="10.0.0.1", limits=FIVE)
    for _ in range(3):
        brakes.give_back(brakes.allow(key, account="a", address="10.0.0.1", limits=FIVE))
    brakes.allow(key, account="a", address="10.0.0.1", limits=FIVE)
    with pytest.raises(brakes.TooManyTries):
        brakes.allow(key, account="a", address="10.0.0.1", limits=FIVE)


def test_spelling_of_an_account_makes_no_difference():
    key = name()
    for spelling in ("A@b.test", " a@B.test ", "a@b.test", "a@b.TEST", "a@b.test"):
        brakes.allow(key, account=spelling, address="10.0.0.1", limits=FIVE)
    with pytest.raises(brakes.TooManyTries):
        brakes.allow(key, account="a@b.test", address="10.0.0.2", limits=FIVE)


def test_one_customers_ipv6_network_is_one_address():
    key = name()
    for number in range(5):
        brakes.allow(key, account=None, address=f"2001:db8:1:2::{number}", limits=FIVE_FROM_ONE)
    with pytest.raises(brakes.TooManyTries):
        brakes.allow(key, account=None, address="2001:db8:1:2:ffff::9", limits=FIVE_FROM_ONE)
    brakes.allow(key, account=None, address="2001:db8:1:3::1", limits=FIVE_FROM_ONE)


def test_window_slides(monkeypatch):
    """By Redis' own clock: a limit of a millisecond is over at the next call."""
    key, limits = name(), Limits(account=Limit(1, 0), address=None)
    for _ in range(3):
        brakes.allow(key, account="a", address="10.0.0.1", limits=limits)


def test_no_address_can_be_read_off_redis():
    key = name()
    brakes.allow(key, account="canary@person.test", address="10.77.66.55", limits=brakes.LIMITS["sign_in"])
    keys = [each.decode() for each in redis_clients.client().scan_iter(f"*{key}*")]
    assert len(keys) == 2
    assert not any("canary" in each or "10.77" in each for each in keys)


def test_without_redis_nobody_signs_in(db, monkeypatch):
    def away(**_):
        raise redis.ConnectionError

    monkeypatch.setattr(brakes, "_script", lambda: away)
    user = factories.make_user()
    response = factories.browser().post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert response.status_code == 503
    assert response.context["code"] == "sign_in_unavailable"


# on the pages


def test_of_200_sign_ins_at_once_exactly_5_reach_the_password(committed, monkeypatch):
    user, checked = factories.make_user(), []
    real = AbstractBaseUser.check_password

    def check_password(self, raw):
        checked.append(raw)
        return real(self, raw)

    monkeypatch.setattr(AbstractBaseUser, "check_password", check_password)

    def attempt(_: int) -> int:
        # From many addresses, as a botnet would.
        form = {"login": user.email, "password": "wrong"}
        try:
            return factories.browser().post("/accounts/login/", form).status_code
        finally:
            connection.close()

    connection.close()
    with ThreadPoolExecutor(12) as pool:  # as many as have a connection
        answers = list(pool.map(attempt, range(200)))
    assert (answers.count(200), answers.count(429)) == (5, 195)
    assert len(checked) == 5


def test_refused_sign_in_keeps_the_address_and_says_when(db):
    user, client = factories.make_user(), factories.browser()
    for _ in range(5):
        client.post("/accounts/login/", {"login": user.email, "password": "wrong"})
    response = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 300
    assert f'value="{user.email}"' in response.content.decode()
    assert "There were too many tries" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_sign_ins_that_succeed_are_never_refused(db):
    user = factories.make_user()
    client = factories.browser()
    for _ in range(8):
        response = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
        assert response.status_code == 302
        client.post("/accounts/logout/")


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_forwarded_header_that_a_client_made_up_does_not_help(db, settings, proxies):
    """Each try from another made-up address, through so many proxies of ours, is one client's all the same."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    client = factories.browser()
    real, own = "198.51.100." + str(secrets.randbelow(250)), ["10.0.0.7"][: max(proxies - 1, 0)]
    options = {} if proxies else {"REMOTE_ADDR": f"198.18.{secrets.randbelow(250)}.{secrets.randbelow(250)}"}
    answers = []
    for number in range(35):
        said = ", ".join([f"203.0.113.{number}", real, *own] if proxies else [f"203.0.113.{number}"])
        form = {"login": f"{secrets.token_hex(4)}@example.test", "password": "wrong"}
        answers.append(
            client.post("/accounts/login/", form, headers={"X-Forwarded-For": said}, **options).status_code
        )
    assert answers == [200] * 30 + [429] * 5


def test_believing_the_whole_header_would_help(rf, settings):
    """The control: with more trusted proxies than there are, the made-up part counts."""
    found = set()
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    for number in range(5):
        request = rf.get(
            "/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"}
        )
        found.add(client_address(request))
    assert len(found) == 5


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", "198.51.100.7"),
        ("", "10.0.0.1"),
        (" , ", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
    ],
)
def test_address_is_what_the_nearest_proxy_says(rf, settings, said, expected):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert client_address(rf.get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": said})) == expected


# every route that takes a secret

TAKES_NO_SECRET = {
    "account_logout", "account_email", "account_inactive", "account_email_verification_sent",
    "account_set_password", "account_reset_password_done", "account_reset_password_from_key_done",
    "mfa_index", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes", "mfa_list_webauthn", "mfa_add_webauthn", "mfa_remove_webauthn",
    "mfa_edit_webauthn", "socialaccount_connections", "socialaccount_login_cancelled",
    "socialaccount_login_error", "usersessions_list",
}  # fmt: skip

OF_OURS = {"sso-emergency"}


def test_every_address_of_allauth_is_braked_or_takes_no_secret():
    """Doors of other services check what those services signed."""
    names = {
        name for name in get_resolver("accounts.signin.allauth_urls").reverse_dict if isinstance(name, str)
    }
    own = {name for name in names if not name.startswith(("google", "github", "microsoft", "saml", "openid"))}
    assert own - TAKES_NO_SECRET == set(braking.ROUTES) - OF_OURS


ARGUMENTS = {
    "account_reset_password_from_key": {"uidb36": "1", "key": "made-up"},
    "account_confirm_email": {"key": "made-up"},
}


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(braking.ROUTES))
def test_each_braked_address_refuses_when_its_address_tried_too_often(route, member):
    """From the network, whoever it is: the next one is refused, and the view does nothing."""
    limits = brakes.LIMITS[braking.ROUTES[route].limits]
    is_of_somebody = braking.ROUTES[route].account in (braking._signed_in,)
    client = member.browser() if is_of_somebody else factories.browser()
    url = reverse(route, kwargs=ARGUMENTS.get(route, {}))
    for _ in range(limits.address.amount):
        brakes.allow(
            braking.ROUTES[route].limits, account=None, address=client.defaults["REMOTE_ADDR"],
            limits=Limits(None, limits.address),
        )  # fmt: skip
    response = client.post(url, {"login": "a@b.test", "email": "a@b.test", "password": "x", "code": "1"})
    assert response["Retry-After"]
    assert response.status_code in (429, 302)
