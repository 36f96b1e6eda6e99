"""What webhooks are told of payments: in the transaction that applies them, and nothing of long ago."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import transaction

from billing import effects
from billing.subscriptions.models import BillingAccount
from tenants import audit
from tenants.models import WebhookMessage
from tenants.webhooks import emission, services
from tenants.webhooks.services import Caller
from tests.billing import lives

KINDS = ["invoice.paid", "invoice.payment_failed", "subscription.changed"]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def unsent(monkeypatch):
    monkeypatch.setattr(emission, "wake", lambda endpoint_id: None)


@pytest.fixture
def account(db) -> BillingAccount:
    made = lives.subscribed(interval="month", quantity=3)
    listen(made.workspace_id, KINDS)
    return made


def listen(workspace_id: UUID, kinds: list[str]) -> None:
    caller = Caller(workspace_id, audit.SYSTEM)
    services.create(caller=caller, url="https://example.com/", event_types=kinds)


def run(effect, account, *args) -> None:
    with transaction.atomic():
        effect(BillingAccount.objects.select_for_update().get(pk=account.pk), *args)


def told(workspace_id: UUID) -> list[tuple[str, dict]]:
    rows = WebhookMessage.objects.filter(workspace_id=workspace_id).order_by("created_at")
    return [(row.type, row.data) for row in rows]


def test_paid_invoice_is_told(account):
    run(effects.invoice_paid, account, lives.invoice(id="in_1", number="AC-7", amount_paid_minor=2500))
    assert told(account.pk) == [
        ("invoice.paid", {"invoice_id": "in_1", "number": "AC-7", "currency": "usd", "amount_minor": 2500}),
    ]


def test_failed_payment_is_told(account):
    failed = {"status": "open", "amount_remaining_minor": 2000, "attempt_count": 2, "paid_at": None}
    run(effects.invoice_failed, account, lives.invoice(id="in_1", needs_action=True, **failed))
    assert told(account.pk) == [
        (
            "invoice.payment_failed",
            {
                "invoice_id": "in_1", "number": "AC-0001", "currency": "usd", "amount_minor": 2000, "attempt": 2,
                "needs_action": True,
            },
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "change"),
    [
        (effects.subscription_started, "started"),
        (effects.subscription_changed, "changed"),
        (effects.subscription_ended, "ended"),
    ],
)
def test_change_of_the_subscription_is_told(account, effect, change):
    run(effect, account, lives.subscription(account, cancels_at=lives.NOW))
    assert told(account.pk) == [
        (
            "subscription.changed",
            {
                "subscription_id": account.subscription_id, "change": change, "status": "active", "plan": "pro",
                "interval": "month", "quantity": 3, "cancels_at": "2026-03-10T12:00:00+00:00",
            },
        ),
    ]  # fmt: skip


def test_what_is_long_ago_is_told_to_nobody(account):
    run(effects.invoice_paid, account, lives.invoice(paid_at=LONG_AGO))
    over = lives.subscription(account, status="canceled", ended_at=LONG_AGO)
    run(effects.subscription_started, account, over)
    run(effects.subscription_ended, account, over)
    assert told(account.pk) == []


def test_what_is_undone_is_not_told(account):
    class UndoneError(Exception):
        pass

    with pytest.raises(UndoneError), transaction.atomic():
        run(effects.invoice_paid, account, lives.invoice())
        assert len(told(account.pk)) == 1
        raise UndoneError
    assert told(account.pk) == []


def test_only_who_wants_it_is_told(account):
    other = lives.subscribed()
    listen(other.pk, ["member.added"])
    run(effects.invoice_paid, other, lives.invoice())
    run(effects.subscription_changed, other, lives.subscription(other))
    assert (told(other.pk), told(account.pk)) == ([], [])
