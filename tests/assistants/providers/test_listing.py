"""What a server says to the question for its models, and what is not asked at all."""

import socket

import pytest

from assistants.providers import addresses, listing
from assistants.providers.refusals import ProviderRefused
from config import outbound as guard
from tests.assistants.providers.conftest import KEY


def test_list_is_read_with_the_key(server):
    server.names = ["b", "a", "a", "", "x" * 96, "two\nlines"]
    found = listing.read(server.url, KEY)
    assert (found.code, found.models, found.is_local) == ("ok", ("a", "b"), True)
    assert found.left_out == 4
    assert server.asked == [("/v1/models", f"Bearer {KEY}")]


def test_ollama_says_null_for_no_model(server):
    server.body = b'{"object": "list", "data": null}'
    assert listing.read(server.url, KEY) == listing.Listing("ok", (), True)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "unauthorised"), (403, "unauthorised"), (404, "not_found"), (429, "status_refused"),
     (500, "server_failed")],
)  # fmt: skip
def test_refusal_of_the_server_has_a_code(server, status, code):
    server.status = status
    assert listing.read(server.url, KEY).code == code
    assert listing.SENTENCES[code]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"data": {}}', b"[" * 100_000, b"\xff"])
def test_what_is_no_list_is_said_so(server, body):
    server.body = body
    assert listing.read(server.url, KEY).code == "no_list"


def test_redirect_is_not_followed_and_the_key_stays(server):
    server.status, server.headers = 302, {"location": f"{server.url}/elsewhere"}
    assert listing.read(server.url, KEY).code == "redirected"
    assert len(server.asked) == 1


def test_answer_is_bounded(server, monkeypatch):
    monkeypatch.setattr(listing, "MOST_BYTES", 20)
    assert listing.read(server.url, KEY).code == "too_large"


def test_silent_server_is_given_up(server, monkeypatch):
    monkeypatch.setattr(listing, "TIME_S", 0.2)
    server.is_silent = True
    assert listing.read(server.url, KEY).code == "timeout"


def test_nobody_listens(settings):
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = True
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert listing.read(f"http://127.0.0.1:{bound.getsockname()[1]}", KEY).code == "unreachable"


def test_host_without_a_name_is_said_so(settings, monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror("unknown")

    monkeypatch.setattr(guard.socket, "getaddrinfo", unknown)
    assert listing.read("https://nowhere.example/v1", KEY).code == "no_such_host"


def test_private_host_is_not_asked(server, settings):
    """The control is `test_list_is_read_with_the_key`: the same server, with private hosts allowed."""
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = False
    assert listing.read(server.url, KEY).code == "private_host"
    assert server.asked == []


@pytest.mark.parametrize(
    "text",
    ["http://models.example/v1", "ftp://models.example", "https://", "https://a:b@models.example/v1",
     "https://models.example/v1?key=1", "https://models.example/#a", "https://10.0.0.1/v1", "https://[::1]/v1",
     "https://localhost/v1", "https://models.example:port/v1", "https://mod els.example/v1"],
)  # fmt: skip
def test_address_that_is_not_called(settings, text):
    with pytest.raises(ProviderRefused):
        addresses.normalised(text)


def test_address_as_it_is_kept(settings):
    assert addresses.normalised(" https://Models.Example:8443/v1/ ") == "https://models.example:8443/v1"
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = True
    assert addresses.normalised("http://[::1]:11434/v1") == "http://[::1]:11434/v1"
    assert addresses.is_local("http://[::1]:11434/v1") is True
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = False
    assert addresses.is_local("http://[::1]:11434/v1") is False


def test_one_public_address_is_of_the_cloud(settings, monkeypatch):
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = True
    rows = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *args, **options: rows)
    assert addresses.is_local("https://models.example/v1") is False
