"""An event is processed once it is stored; what fails is tried again from the table; staff may replay."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import tasks
from billing.stripe import adoption, mirror, sync
from billing.stripe.client import PaymentServiceUnavailable
from billing.subscriptions.models import BillingAccount
from billing.webhooks import queries, services, types
from billing.webhooks.models import WebhookEvent
from tenants.models import AuditEntry
from tests.billing.deliveries import body_of, event, signature_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def looks(monkeypatch) -> list:
    """Which customers were looked at."""
    seen: list = []
    monkeypatch.setattr(
        sync, "sync_customer", lambda customer, **options: seen.append((customer, options)) or []
    )
    return seen


def received(kind: str = "customer.updated", **changes) -> WebhookEvent:
    body = body_of(event(kind, **changes))
    return services.receive(body, signature_of(body), now=timezone.now())


def about(customer: str = "cus_1", kind: str = "subscription", **more) -> dict:
    return {"object": {"id": "sub_1", "object": kind, "customer": customer, **more}}


def test_event_leads_to_a_look_at_its_customer(looks):
    stored = received("customer.subscription.updated", data=about())
    assert services.process(stored.pk) == "done"
    assert looks == [("cus_1", {"cause": stored.pk, "trial_will_end": False})]
    stored.refresh_from_db()
    assert (stored.state, stored.attempts, stored.next_attempt_at) == ("done", 1, None)
    assert stored.processed_at is not None


def test_event_is_enqueued_after_the_commit_and_once(looks, monkeypatch, django_capture_on_commit_callbacks):
    asked = []
    monkeypatch.setattr(tasks.process_event, "delay", lambda **options: asked.append(options))
    body = body_of(event())
    with django_capture_on_commit_callbacks(execute=True):
        first = services.receive(body, signature_of(body), now=timezone.now())
        assert asked == []
    with django_capture_on_commit_callbacks(execute=True):
        again = services.receive(body, signature_of(body), now=timezone.now())
    assert asked == [{"event_id": first.pk}]
    assert (first.deliveries, again.deliveries, again.pk) == (1, 2, first.pk)
    assert WebhookEvent.objects.count() == 1


def test_event_is_processed_once(looks):
    stored = received("invoice.paid", data=about(kind="invoice"))
    assert [services.process(stored.pk) for _ in range(3)] == ["done", "", ""]
    assert len(looks) == 1


def test_event_of_a_type_that_is_not_used_is_ignored(looks):
    stored = received("balance.available")
    assert services.process(stored.pk) == "ignored"
    assert looks == []


@pytest.mark.parametrize(
    ("data", "customer"),
    [
        ({"object": {"id": "cus_1", "object": "customer"}}, "cus_1"),
        (about("cus_2"), "cus_2"),
        (about({"id": "cus_3", "object": "customer"}), "cus_3"),
        ({"object": {"id": "pm_1", "customer": None}, "previous_attributes": {"customer": "cus_4"}}, "cus_4"),
        ({"object": {"id": "prod_1", "object": "product"}}, ""),
    ],
    ids=["customer", "id", "expanded", "detached", "nobody's"],
)
def test_customer_of_an_event(data, customer):
    assert types.customer_of({"data": data}) == customer


def test_catalogue_event_goes_to_the_mirror_only(looks, monkeypatch):
    copied = []
    monkeypatch.setattr(mirror, "copy_catalogue_object", lambda *what: copied.append(what))
    stored = received("price.updated", data={"object": {"id": "price_1", "object": "price"}})
    assert services.process(stored.pk) == "done"
    assert (copied, looks) == ([("price", "price_1")], [])


def test_trial_end_says_so_to_the_look(looks):
    stored = received(types.TRIAL_WILL_END, data=about())
    services.process(stored.pk)
    assert looks == [("cus_1", {"cause": stored.pk, "trial_will_end": True})]


# of a burst one is looked after


def account_seen(acme, *, ago: timedelta) -> None:
    looked = {"stripe_customer_id": "cus_1", "synced_at": timezone.now() - ago}
    BillingAccount.objects.update_or_create(workspace_id=acme.id, defaults=looked)


@pytest.mark.parametrize(("ago", "count"), [(timedelta(minutes=-1), 0), (timedelta(minutes=1), 1)])
def test_look_that_began_after_the_event_came_has_seen_it(looks, acme, ago, count):
    stored = received("customer.subscription.updated", data=about())
    account_seen(acme, ago=ago)
    assert services.process(stored.pk) == "done"
    assert len(looks) == count


def test_replayed_event_is_looked_after_for_certain(looks, acme):
    stored = received("customer.subscription.updated", data=about())
    account_seen(acme, ago=timedelta(minutes=-1))
    services.process(stored.pk)
    services.replay(stored.pk)
    assert services.process(stored.pk) == "done"
    assert len(looks) == 1


# failures


@pytest.fixture
def failing(monkeypatch):
    def fail_with(error: Exception) -> None:
        def look(*_args, **_options):
            raise error

        monkeypatch.setattr(sync, "sync_customer", look)

    return fail_with


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PaymentServiceUnavailable(), "payment_service_unavailable"),
        (ZeroDivisionError("a secret text"), "internal"),
    ],
)
def test_failure_is_written_down_by_code_and_due_again(failing, error, code):
    failing(error)
    stored = received("invoice.paid", data=about(kind="invoice"))
    before = timezone.now()
    assert services.process(stored.pk) == "failed"
    stored.refresh_from_db()
    assert (stored.state, stored.error_code, stored.attempts) == ("failed", code, 1)
    assert services.BACKOFF[0] <= stored.next_attempt_at - before < services.BACKOFF[0] + timedelta(minutes=1)
    assert "secret text" not in str(vars(stored))


def test_failed_event_waits_longer_each_time_and_then_for_staff(failing, looks, monkeypatch):
    stored = received("invoice.paid", data=about(kind="invoice"))
    failing(PaymentServiceUnavailable())
    waits = []
    for _ in range(len(services.BACKOFF) + 1):
        WebhookEvent.objects.update(next_attempt_at=None)
        began = timezone.now()
        assert services.process(stored.pk) == "failed"
        stored.refresh_from_db()
        waits.append(stored.next_attempt_at and round((stored.next_attempt_at - began).total_seconds() / 60))
    assert waits == [1, 5, 15, 60, 180, 360, 720, 1440, 1440, None]
    assert stored in queries.list_undone()


def test_event_that_is_not_due_is_left_alone(failing):
    failing(PaymentServiceUnavailable())
    stored = received("invoice.paid", data=about(kind="invoice"))
    assert [services.process(stored.pk) for _ in range(2)] == ["failed", ""]


def test_only_what_is_due_is_woken(monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.process_event, "delay", lambda **options: asked.append(options["event_id"]))
    now = timezone.now()
    rows = {
        "new": ("received", None, 0), "lost": ("received", None, 2), "leased": ("received", -1, 2),
        "dead": ("received", 1, 2), "waits": ("failed", -1, 9), "due": ("failed", 1, 9),
        "given up": ("failed", None, 9), "done": ("done", None, 9), "ignored": ("ignored", None, 9),
    }  # fmt: skip
    for name, (state, due_ago, received_ago) in rows.items():
        row = received(id=name)
        WebhookEvent.objects.filter(pk=row.pk).update(
            state=state,
            next_attempt_at=due_ago and now - timedelta(minutes=due_ago),
            received_at=now - timedelta(minutes=received_ago),
        )
    assert services.retry_due() == 3
    assert sorted(asked) == ["dead", "due", "lost"]


def test_customer_of_nobody_is_ignored_and_says_so(monkeypatch):
    monkeypatch.setattr(adoption, "adopt", lambda customer_id: None)
    stored = received("customer.subscription.updated", data=about())
    assert services.process(stored.pk) == "ignored"
    stored.refresh_from_db()
    assert stored.error_code == "customer_unknown"


# staff


def test_replay_is_audited_and_enqueued(monkeypatch, looks, django_capture_on_commit_callbacks):
    asked = []
    monkeypatch.setattr(tasks.process_event, "delay", lambda **options: asked.append(options["event_id"]))
    stored = received("invoice.paid", data=about(kind="invoice"))
    services.process(stored.pk)
    with django_capture_on_commit_callbacks(execute=True):
        services.replay(stored.pk)
    assert asked == [stored.pk]
    entry = AuditEntry.objects.get(action="webhook_event.replayed")
    assert (entry.target_id, entry.data) == (stored.pk, {"was": "done"})
    assert services.process(stored.pk) == "done"
    assert len(looks) == 2


def test_replay_of_nothing_is_refused():
    with pytest.raises(services.WebhookEventNotFound):
        services.replay("evt_nobody_knows")


def test_old_events_are_forgotten_unless_they_are_not_done():
    old, new = timezone.now() - services.KEPT - timedelta(days=1), timezone.now()
    for state in WebhookEvent.State.values:
        for age, moment in (("old", old), ("new", new)):
            row = received(id=f"{state} {age}")
            WebhookEvent.objects.filter(pk=row.pk).update(state=state, received_at=moment)
    assert services.forget_old() == 2
    left = set(WebhookEvent.objects.values_list("pk", flat=True))
    assert left == {
        "received old", "received new", "failed old", "failed new", "done new", "ignored new",
    }  # fmt: skip
