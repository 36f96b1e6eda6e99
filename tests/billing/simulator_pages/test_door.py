"""The door over HTTP, asked by the real SDK over loopback."""

import http.client
import threading

import pytest
import stripe

from billing.simulator.door import Door, require_key
from billing.simulator.transport import get_core


@pytest.fixture
def door(django_db_setup):
    get_core().store.clear()
    with Door(0) as door:
        thread = threading.Thread(target=door.serve_forever)
        thread.start()
        yield door
        door.shutdown()
        thread.join()
    get_core().store.clear()


def client(door, key: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": door.url},
        http_client=stripe.RequestsClient(timeout=10),
    )


def test_the_sdk_works_over_it_as_over_the_network(door, settings):
    sdk = client(door, settings.STRIPE_SECRET_KEY)

    made = sdk.v1.customers.create({"email": "ada@example.test", "metadata": {"from": "the door"}})
    found = sdk.v1.customers.retrieve(made.id)
    listed = sdk.v1.customers.list({"limit": 3})

    assert found.email == "ada@example.test"
    assert found.metadata["from"] == "the door"
    assert [each.id for each in listed.data] == [made.id]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.customers.retrieve("cus_unknown")
    assert refused.value.code == "resource_missing"


def test_the_same_idempotency_key_makes_one_customer(door, settings):
    sdk = client(door, settings.STRIPE_SECRET_KEY)
    made = [sdk.v1.customers.create({"email": "a@x.test"}, {"idempotency_key": "once"}).id for _ in range(3)]
    assert len(set(made)) == 1
    assert len(sdk.v1.customers.list().data) == 1


def test_an_unknown_key_is_401_in_stripes_shape(door):
    with pytest.raises(stripe.AuthenticationError) as refused:
        client(door, "sk_test_somebodys_very_own_key_0000").v1.customers.list()
    assert refused.value.http_status == 401
    assert "sk_test_****0000" in str(refused.value)
    assert "somebodys" not in str(refused.value)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic !!!", "Digest x", "Bearer sk_live_x"])
def test_no_key_at_all_is_401_too(door, authorization):
    connection = http.client.HTTPConnection("127.0.0.1", door.server_address[1], timeout=10)
    connection.request(
        "GET", "/v1/customers", headers={"Authorization": authorization} if authorization else {}
    )
    answer = connection.getresponse()
    assert answer.status == 401
    assert b'"invalid_request_error"' in answer.read()
    connection.close()


def test_the_key_is_taken_as_bearer_and_as_name_of_basic(settings):
    import base64

    key = settings.STRIPE_SECRET_KEY
    require_key(f"Bearer {key}")
    require_key("Basic " + base64.b64encode(f"{key}:".encode()).decode())


def test_an_oversized_body_is_refused_and_the_connection_ends(door, settings):
    connection = http.client.HTTPConnection("127.0.0.1", door.server_address[1], timeout=10)
    connection.putrequest("POST", "/v1/customers")
    connection.putheader("Authorization", f"Bearer {settings.STRIPE_SECRET_KEY}")
    connection.putheader("Content-Length", str(2 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_kept_connection_serves_many_requests(door, settings):
    connection = http.client.HTTPConnection("127.0.0.1", door.server_address[1], timeout=10)
    headers = {"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"}
    for _ in range(3):
        connection.request("GET", "/v1/account", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Request-Id"].startswith("req_")
        answer.read()
    connection.close()


def test_it_listens_on_loopback_only(door):
    assert door.server_address[0] == "127.0.0.1"
