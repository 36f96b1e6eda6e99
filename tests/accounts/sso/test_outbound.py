"""Addresses that an owner types lead to public hosts only, once, and not elsewhere."""

import socket

import pytest

from accounts.sso import outbound
from accounts.sso.outbound import CallFailed, CallRefused, GuardedSession
from config import outbound as guard


@pytest.mark.parametrize(
    "url", ["http://idp.example", "ftp://idp.example", "https://", "https://a:b@idp.example"]
)
def test_other_than_https_is_refused(url):
    with pytest.raises(CallRefused):
        outbound.check_address(url)


def test_private_host_is_refused_without_being_dialled(provider_process, settings, monkeypatch):
    """The provider runs on loopback: where private hosts are allowed it answers, elsewhere nothing is dialled."""
    settings.SSO_ALLOW_PRIVATE_HOSTS = True
    url = f"{provider_process.url}/.well-known/openid-configuration"
    with GuardedSession() as session:
        assert session.get(url).status_code == 200
    settings.SSO_ALLOW_PRIVATE_HOSTS = False
    monkeypatch.setattr(guard.dialling, "create_connection", _nothing_is_dialled)
    with GuardedSession() as session, pytest.raises(CallFailed, match="private host"):
        session.get(url.replace("http://", "https://"))


def _nothing_is_dialled(*args, **options):
    raise AssertionError("it was dialled")


def test_name_with_one_private_address_is_refused(settings, monkeypatch):
    rows = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *args, **options: rows)
    monkeypatch.setattr(guard.dialling, "create_connection", _nothing_is_dialled)
    with GuardedSession() as session, pytest.raises(CallFailed, match="private host"):
        session.get("https://idp.example/")


def test_the_address_that_was_looked_at_is_dialled(settings, monkeypatch):
    """A name that answers differently the second time gains nothing: it is asked once."""
    asked, dialled = [], []

    def answer(host, port, **options):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("93.184.216.34", port))]

    def dial(address, *args, **options):
        dialled.append(address)
        raise OSError("far away")

    monkeypatch.setattr(guard.socket, "getaddrinfo", answer)
    monkeypatch.setattr(guard.dialling, "create_connection", dial)
    with GuardedSession() as session, pytest.raises(CallFailed):
        session.get("https://idp.example/")
    assert (asked, dialled) == (["idp.example"], [("93.184.216.34", 443)])


def test_redirect_is_not_followed(provider):
    with GuardedSession() as session, pytest.raises(CallRefused):
        session.get(f"{provider.url}/moved/.well-known/openid-configuration")


def test_answer_is_bounded(provider, monkeypatch):
    monkeypatch.setattr(outbound, "MOST_BYTES", 20)
    with GuardedSession() as session, pytest.raises(CallRefused):
        session.get(f"{provider.url}/.well-known/openid-configuration")
