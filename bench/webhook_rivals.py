"""The same event delivered by many at the same moment, round after round: how often does its effect happen?"""

import json
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from unittest import mock
from uuid import UUID

from django.utils import timezone

from bench.webhook_orders import Life, sign
from billing import effects
from billing.stripe import mirror, sync
from billing.stripe.state import CustomerState
from billing.subscriptions.models import BillingAccount, BillingEvent, Grant
from billing.webhooks import services
from billing.webhooks.models import WebhookEvent

AtOnce = Callable[[int, Callable[[int], Any]], list[Any]]


@dataclass(frozen=True)
class Knock:
    """One event of an invoice that was paid just now."""

    body: bytes
    event_id: str
    invoice_id: str
    state: CustomerState


@dataclass
class Rivals:
    """`effects`: rounds by how often the effect ran. `wrong`: rounds in which anything else was not as it must be."""

    effects: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    rounds: int = 0


def knock(life: Life) -> Knock:
    """The life's last invoice once more, under another name."""
    mark = secrets.token_hex(12)
    (told,) = [
        json.loads(row.body) for row in life.happenings if (row.type, row.world) == ("invoice.paid", 3)
    ]
    told["id"], told["data"]["object"]["id"] = f"evt_{mark}", f"in_{mark}"
    end = life.worlds[-1]
    state = replace(end, invoices=(replace(end.invoices[0], id=f"in_{mark}"),))
    return Knock(json.dumps(told).encode(), told["id"], f"in_{mark}", state)


def deliver(knock: Knock, at: datetime) -> str:
    services.receive(knock.body, sign(knock.body), now=at)
    return services.process(knock.event_id)


def look_only(knock: Knock, at: datetime) -> str:
    """Without the lease on the event, which spares work: what is left is what makes it safe."""
    sync.sync_customer(knock.state.id, cause=knock.event_id)
    return ""


def run(
    life: Life,
    workspace_id: UUID,
    *,
    rounds: int,
    rivals: int,
    at_once: AtOnce,
    take: Callable[[Knock, datetime], str] = deliver,
    progress: Callable[[int], object] = lambda _: None,
) -> Rivals:
    """With real commits, on real threads. The workspace keeps what the rounds leave."""
    found = Rivals()
    BillingAccount.objects.update_or_create(
        workspace_id=workspace_id, defaults={"stripe_customer_id": life.customer_id}
    )
    for number in range(1, rounds + 1):
        _round(knock(life), workspace_id, rivals, at_once, take, found)
        progress(number)
    return found


def _round(
    told: Knock,
    workspace_id: UUID,
    rivals: int,
    at_once: AtOnce,
    take: Callable[[Knock, datetime], str],
    found: Rivals,
) -> None:
    ran = list[str]()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(sync, "fetch", lambda customer_id: told.state))
        stack.enter_context(mock.patch.object(mirror, "copy", lambda *_, **__: 0))
        stack.enter_context(mock.patch.object(services, "_enqueue", lambda event_id: None))
        stack.enter_context(
            mock.patch.object(effects, "invoice_paid", lambda account, invoice: ran.append(invoice.id))
        )
        results = at_once(rivals, lambda _: take(told, timezone.now()))
    found.rounds += 1
    found.effects[ran.count(told.invoice_id)] += 1
    found.wrong += _judge(told, workspace_id, rivals, results, take)


def _judge(
    told: Knock, workspace_id: UUID, rivals: int, results: list[Any], take: Callable[..., str]
) -> list[str]:
    logged = BillingEvent.objects.filter(
        workspace_id=workspace_id, kind="invoice.paid", data__invoice=told.invoice_id
    ).count()
    granted = Grant.objects.filter(key=f"invoice.paid:{told.invoice_id}").count()
    checks = {
        f"raised {results}": not any(isinstance(result, BaseException) for result in results),
        f"{logged} entries in the log": logged == 1,
        f"{granted} grants": granted == 1,
    }
    if take is deliver:
        event = WebhookEvent.objects.get(pk=told.event_id)
        checks |= {
            f"{event.deliveries} deliveries": event.deliveries == rivals,
            f"{event.attempts} attempts": event.attempts == 1,
            f"event is {event.state}": event.state == WebhookEvent.State.DONE,
        }
    return [text for text, is_right in checks.items() if not is_right]


def look_first(key: str, *, workspace_id: UUID, kind: str, **data: Any) -> bool:
    """The control, in the place of `grants.claim`: looks whether it was done, then notes that it is."""
    if Grant.objects.filter(key=key).exists():
        return False
    Grant.objects.create(key=f"{key}:{secrets.token_hex(4)}", workspace_id=workspace_id, kind=kind, data=data)
    return True


def run_control(life: Life, workspace_id: UUID, *, rounds: int, rivals: int, at_once: AtOnce) -> Rivals:
    """Each event's effect by check, then insert, with no lock on the account."""
    found = Rivals()
    BillingAccount.objects.update_or_create(
        workspace_id=workspace_id, defaults={"stripe_customer_id": life.customer_id}
    )
    for _ in range(rounds):
        told, ran = knock(life), list[str]()

        def take(_: int, told: Knock = told, ran: list[str] = ran) -> None:
            if look_first(f"invoice.paid:{told.invoice_id}", workspace_id=workspace_id, kind="control"):
                ran.append(told.invoice_id)

        at_once(rivals, take)
        found.rounds += 1
        found.effects[len(ran)] += 1
    return found
