"""From where a key may be used: networks, and nothing that a caller says of themselves."""

import pytest

from accounts import services
from accounts.keys import addresses
from accounts.keys import services as key_services
from accounts.models import ApiKey
from tests import factories

MODELS, KEYS = "/v1/models", "/api/v1/keys"


@pytest.fixture
def key(db, owner) -> str:
    allowed = ["203.0.113.0/28", "2001:db8::/48"]
    return services.create_api_key(member=owner.member, name="K", scopes=["read"], allowed=allowed)[1]


def ask(text: str, address: str, said: str = "") -> int:
    extra = {"HTTP_X_FORWARDED_FOR": said} if said else {}
    return factories.with_key(text).get(MODELS, REMOTE_ADDR=address, **extra).status_code


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("203.0.113.0", 200), ("203.0.113.15", 200), ("203.0.113.16", 403), ("203.0.112.255", 403),
        ("::ffff:203.0.113.7", 200), ("::ffff:203.0.113.99", 403), ("2001:db8:0:ffff::1", 200), ("2001:db8:1::1", 403),
        ("", 403), ("nonsense", 403),
    ],
)  # fmt: skip
def test_key_works_from_its_networks_alone(key, address, status):
    assert ask(key, address) == status


def test_key_without_networks_works_from_everywhere(db, owner):
    assert ask(factories.make_key(owner.member), "198.51.100.1") == 200


def test_refusal_says_why_and_is_no_use_of_the_key(key):
    client = factories.with_key(key)
    response = client.get(KEYS, REMOTE_ADDR="198.51.100.1")
    assert (response.status_code, response.json()["code"]) == (403, "address_not_allowed")
    assert ApiKey.objects.get(name="K").last_used_at is None


@pytest.mark.parametrize("said", ["203.0.113.7", "203.0.113.7, 203.0.113.8", "198.51.100.1, 203.0.113.7"])
def test_without_proxies_nobody_says_where_they_come_from(key, settings, said):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    assert ask(key, "198.51.100.1", said) == 403
    assert ask(key, "203.0.113.7", "198.51.100.1") == 200


def test_behind_a_proxy_only_its_word_counts(key, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    # What the caller sent stands to the left of what the proxy added.
    assert ask(key, "10.0.0.1", "203.0.113.7, 198.51.100.1") == 403
    assert ask(key, "10.0.0.1", "198.51.100.1, 203.0.113.7") == 200


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["203.0.113.7"], ["203.0.113.7/32"]),
        (["203.0.113.7/24", " 203.0.113.0/24"], ["203.0.113.0/24"]),
        (["2001:DB8::1/32"], ["2001:db8::/32"]),
        (["::ffff:203.0.113.0/120"], ["203.0.113.0/24"]),
    ],
)
def test_networks_are_kept_in_one_spelling(typed, kept):
    assert addresses.networks(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "localhost", "203.0.113", "203.0.113.256", "203.0.113.0/33", "fe80::1%eth0/64x", "1\x00"]
)
def test_what_is_no_network_is_refused(db, owner, typed):
    client = factories.with_key(factories.make_key(owner.member))
    before = ApiKey.objects.count()
    body = {"name": "CI", "scopes": ["read"], "addresses": [typed]}
    response = client.post(KEYS, body, content_type="application/json")
    assert response.status_code in (400, 422)
    assert ApiKey.objects.count() == before


def test_too_many_networks_are_refused():
    many = [f"10.0.{number}.0/24" for number in range(addresses.MAX_NETWORKS)]
    assert addresses.networks(many) == many
    with pytest.raises(addresses.AddressesRefused):
        addresses.networks([*many, "192.0.2.1"])


def test_addresses_can_be_changed_and_the_next_call_knows(key, owner):
    row = ApiKey.objects.get(name="K")
    key_services.change(member=owner.member, key_id=row.id, allowed=["198.51.100.1"])
    assert (ask(key, "203.0.113.7"), ask(key, "198.51.100.1")) == (403, 200)
    key_services.change(member=owner.member, key_id=row.id, allowed=[])
    assert ask(key, "203.0.113.7") == 200


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ([], [], True), (["10.0.0.0/8"], [], True), ([], ["10.0.0.0/8"], False),
        (["10.1.0.0/16"], ["10.0.0.0/8"], True), (["10.0.0.0/8"], ["10.1.0.0/16"], False),
        (["2001:db8::/64"], ["10.0.0.0/8"], False), (["10.1.0.0/16", "192.0.2.1/32"], ["10.0.0.0/8"], False),
    ],
)  # fmt: skip
def test_networks_within_networks(inner, outer, expected):
    assert addresses.are_within(inner, outer) == expected
