"""Addresses that an owner types lead to public hosts only, once, and not elsewhere."""

import socket

import pytest

from accounts.sso.outbound import CallFailed, CallRefused, GuardedSession, check_address
from config import outbound


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_private_address_is_none_to_call(address):
    assert not outbound.is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_address_is(address):
    assert outbound.is_public(address)


@pytest.mark.parametrize(
    "url", ["http://idp.example", "ftp://idp.example", "https://", "https://a:b@idp.example"]
)
def test_other_than_https_is_refused(url):
    with pytest.raises(CallRefused):
        check_address(url)


def test_private_host_is_refused_without_being_dialled(provider_process, settings, monkeypatch):
    """The provider runs on loopback: where private hosts are allowed it answers, elsewhere nothing is dialled."""
    settings.SSO_ALLOW_PRIVATE_HOSTS = True
    url = f"{provider_process.url}/.well-known/openid-configuration"
    with GuardedSession() as session:
        assert session.get(url).status_code == 200
    settings.SSO_ALLOW_PRIVATE_HOSTS = False
    monkeypatch.setattr(outbound.dialling, "create_connection", _nothing_is_dialled)
    with GuardedSession() as session, pytest.raises(CallFailed, match="private host"):
        session.get(url.replace("http://", "https://"))


def _nothing_is_dialled(*args, **options):
    raise AssertionError("it was dialled")


def test_name_with_one_private_address_is_refused(settings, monkeypatch):
    rows = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *args, **options: rows)
    monkeypatch.setattr(outbound.dialling, "create_connection", _nothing_is_dialled)
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

    monkeypatch.setattr(outbound.socket, "getaddrinfo", answer)
    monkeypatch.setattr(outbound.dialling, "create_connection", dial)
    with GuardedSession() as session, pytest.raises(CallFailed):
        session.get("https://idp.example/")
    assert (asked, dialled) == (["idp.example"], [("93.184.216.34", 443)])


def test_redirect_is_not_followed(provider):
    with GuardedSession() as session, pytest.raises(CallRefused):
        session.get(f"{provider.url}/moved/.well-known/openid-configuration")


def test_answer_is_bounded(provider, monkeypatch):
    monkeypatch.setattr(GuardedSession, "most_bytes", 20)
    with GuardedSession() as session, pytest.raises(CallRefused):
        session.get(f"{provider.url}/.well-known/openid-configuration")
