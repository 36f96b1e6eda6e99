"""Webhooks out: told in the transaction, signed, in order, tried again; one dead receiver slows no other."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook

from tenants.models import AuditEntry, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from tenants.webhooks import calling, delivery, emission, services
from tests import factories
from tests.tenants.webhooks.telling import add, caller, tell


def test_both_secrets_verify_while_rotating(db, acme, receivers):
    receiver = receivers()
    endpoint, former = add(acme, receiver)
    _, secret = services.rotate(caller=caller(acme), endpoint_id=endpoint.id)
    tell(acme)
    assert delivery.deliver(endpoint.id) == 1
    [(headers, body)] = receiver.got
    told = Webhook(secret).verify(body, headers)
    assert Webhook(former).verify(body, headers) == told
    assert told["type"] == "conversation.created"
    assert told["data"] == {"conversation_id": str(acme.id), "user_id": None, "assistant_id": None}
    tried = WebhookAttempt.objects.get(delivery__endpoint=endpoint)
    assert (tried.status, len(tried.body), "webhook-signature" in tried.headers) == (200, 4096, False)
    assert "\0" not in tried.body
    assert former not in endpoint.secret


def test_former_secret_ends(db, acme, receivers):
    receiver = receivers()
    endpoint, _ = add(acme, receiver)
    services.rotate(caller=caller(acme), endpoint_id=endpoint.id)
    WebhookEndpoint.objects.filter(id=endpoint.id).update(former_until=timezone.now())
    tell(acme)
    delivery.deliver(endpoint.id)
    [(headers, _)] = receiver.got
    assert headers["webhook-signature"].count("v1,") == 1


def test_nobody_who_wants_it_costs_one_statement(db, acme, globex, receivers, assert_queries):
    add(globex, receivers())
    with transaction.atomic(), assert_queries(1):
        told = emission.emit(
            "conversation.created",
            workspace_id=acme.id,
            conversation_id=acme.id,
            user_id=None,
            assistant_id=None,
        )
    assert (told, WebhookMessage.objects.count()) == (0, 0)


def test_what_is_rolled_back_is_not_told(db, acme, receivers):
    add(acme, receivers())
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell(acme)
        raise ZeroDivisionError
    assert WebhookDelivery.objects.count() == 0


def test_other_fields_are_refused(db, acme):
    with pytest.raises(ValueError, match="does not tell"):
        emission.emit("conversation.created", workspace_id=acme.id, text="Hello")


def test_failure_keeps_the_order_and_waits(db, acme, receivers):
    receiver = receivers()
    endpoint, _ = add(acme, receiver)
    tell(acme, 3)
    receiver.answer = (503, {"Retry-After": "900"})
    began = timezone.now()
    assert delivery.deliver(endpoint.id) == 1
    assert not delivery.due_endpoints(now=timezone.now()).exists()
    first = delivery.waiting(endpoint.id)[0]
    assert first.attempts == 1
    assert timedelta(seconds=900) <= first.next_attempt_at - began < timedelta(seconds=930)
    receiver.answer = (204, {})
    WebhookDelivery.objects.filter(id=first.id).update(next_attempt_at=timezone.now())
    assert delivery.deliver(endpoint.id) == 3
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    order = list(WebhookDelivery.objects.order_by("id").values_list("message_id", flat=True))
    assert ids == [order[0], *order]


def test_pause_is_the_tables_within_bounds():
    now = timezone.now()
    assert delivery.pause(11, "5", now=now) >= timedelta(hours=18)
    assert delivery.pause(1, "99999999", now=now) == timedelta(hours=6)
    assert delivery.pause(1, "nonsense", now=now) <= timedelta(seconds=5.5)
    assert 47 * 3600 < sum(delivery.DELAYS_S) < 49 * 3600


@pytest.mark.parametrize(("status", "attempts", "reason"), [(410, 0, "gone"), (500, 11, "failing")])
def test_is_disabled_with_mail_and_entry(db, acme, receivers, status, attempts, reason):
    from accounts.models import Mail

    receiver = receivers()
    endpoint, _ = add(acme, receiver)
    tell(acme, 2)
    WebhookDelivery.objects.update(attempts=attempts)
    receiver.answer = (status, {})
    assert delivery.deliver(endpoint.id) == 1
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_reason) == ("disabled", reason)
    mail = Mail.objects.get(kind="webhook_disabled")
    assert mail.context["url"].endswith(f"/w/acme/settings/webhooks/{endpoint.id}/")
    assert AuditEntry.objects.filter(action="webhook.disabled", target_id=str(endpoint.id)).count() == 1
    assert [row.state for row in WebhookDelivery.objects.order_by("id")] == ["failed", "pending"]
    receiver.answer = (200, {})
    services.change(caller=caller(acme), endpoint_id=endpoint.id, wanted={"is_active": True})
    assert delivery.deliver(endpoint.id) == 1


def test_redirect_is_not_followed(db, acme, receivers):
    receiver, other = receivers(), receivers()
    endpoint, _ = add(acme, receiver)
    tell(acme)
    receiver.answer = (307, {"Location": other.url})
    delivery.deliver(endpoint.id)
    assert (len(receiver.got), other.got) == (1, [])


def test_message_is_sent_again_under_its_id(db, acme, receivers):
    receiver = receivers()
    endpoint, _ = add(acme, receiver)
    tell(acme)
    delivery.deliver(endpoint.id)
    row = WebhookDelivery.objects.get(endpoint=endpoint)
    services.redeliver(caller=caller(acme), delivery_id=row.id)
    assert delivery.deliver(endpoint.id) == 1
    assert [headers["webhook-id"] for headers, _ in receiver.got] == [row.message_id] * 2


def test_killed_sender_leaves_it_to_the_next(db, acme, receivers):
    receiver = receivers()
    endpoint, _ = add(acme, receiver)
    tell(acme)
    assert delivery.claim_endpoint(endpoint.id, now=timezone.now())
    assert delivery.deliver(endpoint.id) == 0
    assert not delivery.due_endpoints(now=timezone.now()).exists()
    WebhookEndpoint.objects.filter(id=endpoint.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert delivery.due_endpoints(now=timezone.now()).get().id == endpoint.id
    assert delivery.deliver(endpoint.id) == 1


def test_workspace_has_so_many_senders(db, acme, receivers):
    receiver = receivers()
    made = [add(acme, receiver)[0] for _ in range(delivery.MOST_SENDERS + 1)]
    claims = [delivery.claim_endpoint(endpoint.id, now=timezone.now()) for endpoint in made]
    assert [claim is not None for claim in claims] == [True] * delivery.MOST_SENDERS + [False]


def test_hanging_receiver_slows_nobody_else(committed, receivers):
    workspace = factories.make_workspace(factories.make_user())
    dead, well = receivers(), receivers()
    dead.goes_on.clear()
    hanging, _ = add(workspace, dead)
    fine, _ = add(workspace, well)
    tell(workspace, 3)

    def run():
        try:
            delivery.deliver(hanging.id)
        finally:
            connection.close()

    sender = threading.Thread(target=run)
    sender.start()
    assert dead.reached.wait(10)
    assert delivery.deliver(fine.id) == 3
    assert (len(dead.got), len(well.got)) == (1, 3)
    assert delivery.deliver(hanging.id) == 0
    dead.goes_on.set()
    sender.join(20)
    assert len(dead.got) == 3
    assert json.loads(dead.got[0][1])["type"] == "conversation.created"


PRIVATE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0.0.0.0",
    "0",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "x.localhost",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[2001::1]",
    "10.0.0.1",
    "10.1",
    "167772161",
    "0x0a000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "0xac100001",
    "192.168.0.1",
    "192.168.1",
    "3232235521",
    "0xc0a80001",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "169.254.1",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "１２７.0.0.1",
    "127。0。0。1",
    "⑯⑨.254.169.254",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_host_is_not_called(settings, monkeypatch, host):
    settings.WEBHOOKS_ALLOW_PRIVATE_HOSTS = False
    dialled = []
    monkeypatch.setattr(calling.outbound.dialling, "create_connection", lambda *args: dialled.append(args))
    answer = calling.send(f"https://{host}/", body="{}", headers={})
    assert (answer.status, dialled) == (None, [])
    assert answer.error in ("refused", "unreachable")


def test_at_least_sixty_spellings():
    assert len(set(PRIVATE)) >= 60


def test_rebound_name_is_refused_when_dialled(settings, monkeypatch):
    settings.WEBHOOKS_ALLOW_PRIVATE_HOSTS = False
    rows = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(calling.outbound.socket, "getaddrinfo", lambda *args, **options: rows)
    assert calling.send("https://rebound.test/", body="{}", headers={}).error == "refused"


def test_without_the_guard_loopback_is_reached(receivers):
    receiver = receivers()
    assert calling.send(receiver.url, body="{}", headers={}).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "ftp://example.org",
        "https://a:b@example.org",
        "https://",
        "https://[",
        "//x",
        "x",
    ],
)
def test_address_is_refused(settings, url):
    settings.WEBHOOKS_ALLOW_PRIVATE_HOSTS = False
    with pytest.raises(calling.AddressRefused):
        calling.check_address(url)


def test_old_messages_are_forgotten(db, acme, receivers):
    add(acme, receivers())
    tell(acme, 2)
    old = WebhookMessage.objects.order_by("id")[0]
    WebhookMessage.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(days=31))
    services.forget_old(now=timezone.now())
    assert WebhookDelivery.objects.count() == 1
