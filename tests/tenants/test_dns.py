import socket

import pytest

from config import env
from tenants import dns


def test_texts_of_a_name_are_read(dns_zone):
    dns_zone["_steward-challenge.example.test"] = [
        "steward-verification=domain-abc",
        'of "others"',
        "x" * 600,
    ]

    assert sorted(dns.txt_records("_steward-challenge.example.test")) == [
        'of "others"',
        "steward-verification=domain-abc",
        "x" * 600,
    ]
    assert dns_zone.asked == ["_steward-challenge.example.test"]


def test_a_name_without_records_has_none(dns_zone):
    dns_zone["empty.example.test"] = []

    assert dns.txt_records("empty.example.test") == []
    assert dns.txt_records("missing.example.test") == []


@pytest.mark.parametrize("name", ["a..test", "x" * 64 + ".test", ".".join(["x" * 60] * 5)])
def test_what_is_no_name_is_not_asked_for(dns_zone, name):
    assert dns.txt_records(name) == []
    assert dns_zone.asked == []


def test_a_broken_name_server_says_so(dns_zone):
    dns_zone.is_broken = True

    with pytest.raises(dns.DnsUnavailable) as refusal:
        dns.txt_records("example.test")

    assert (refusal.value.code, refusal.value.status) == ("dns_unavailable", 503)


def test_a_name_server_that_is_not_there_says_so(settings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        settings.DNS_RESOLVER = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(dns.DnsUnavailable):
        dns.txt_records("example.test")


def test_only_the_exact_proof_of_this_kind_proves(dns_zone):
    dns_zone["_steward-challenge.example.test"] = [
        " steward-verification=domain-abc ",
        "steward-verification=domain-",
    ]

    assert dns.is_proven("example.test", kind="domain", secret="abc") is True
    assert dns.is_proven("example.test", kind="sso", secret="abc") is False
    assert dns.is_proven("example.test", kind="domain", secret="ab") is False
    assert dns.is_proven("example.test", kind="domain", secret="") is False
    assert dns.is_proven("other.test", kind="domain", secret="abc") is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("[::1]", ("::1", 53)),
        ("::1", ("::1", 53)),
    ],
)
def test_addresses_of_name_servers(value, expected):
    assert env.split_host_port(value) == expected


@pytest.mark.parametrize("value", ["dns.example.test:53", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:53:1"])
def test_what_is_no_address_stops_the_start(monkeypatch, value):
    monkeypatch.setenv("DNS_RESOLVER", value)

    with pytest.raises(env.ImproperlyConfigured, match="is not an address like"):
        env.resolver("DNS_RESOLVER")
