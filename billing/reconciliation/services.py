"""The hourly repair: every account is compared with the payment service, whatever events came or did not come."""

import logging
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from billing.stripe import adoption, sync
from billing.stripe.client import PaymentServiceUnavailable, get_client, payment_errors
from billing.stripe.state import plain, reference
from billing.subscriptions.models import BillingAccount
from billing.webhooks import services as webhooks
from billing.webhooks.models import WebhookEvent
from config.errors import DomainError

logger = logging.getLogger(__name__)
PAGE = 100
EVERY = 50
MOST_OUTAGES = 3
"""So many accounts in a row that could not be asked for: the service is down, and the next hour comes soon."""
Write = Callable[[str], object]


@dataclass
class Outcome:
    """`repaired`: accounts with a difference; `repairs`: differences. `failed` were left for the next time."""

    accounts: int = 0
    repaired: int = 0
    repairs: int = 0
    adopted: int = 0
    events: int = 0
    failed: int = 0
    is_complete: bool = False


def reconcile(*, write: Write = lambda _: None, workspace_ids: Collection[UUID] | None = None) -> Outcome:
    """Sets every account right and does what events were left over. Each account stands by itself; doing it again
    costs four calls for each and changes nothing. Raises nothing for what fails: it is counted and logged.

    `workspace_ids`: only these accounts, and neither customers nor events that nobody knows.
    """
    outcome = Outcome()
    try:
        _repair_all(_list_customers(workspace_ids), outcome, write)
        if workspace_ids is None:
            _adopt_unknown(outcome, write)
        outcome.is_complete = True
    except PaymentServiceUnavailable as error:
        logger.warning("billing could not be reconciled to the end", extra={"code": error.code})
        write("The payment service is not available: the rest is left for the next time.")
    if workspace_ids is None:
        _drain(outcome, write)
    logger.info("billing was reconciled", extra=asdict(outcome))
    return outcome


def measure_drift(*, workspace_ids: Collection[UUID] | None = None) -> int:
    """How many fields of these (or all) accounts differ from the payment service now. Changes nothing."""
    return sum(len(sync.differences(customer_id)) for customer_id in _list_customers(workspace_ids))


def _list_customers(workspace_ids: Collection[UUID] | None = None) -> list[str]:
    rows = BillingAccount.objects.exclude(stripe_customer_id=None).order_by("workspace_id")
    if workspace_ids is not None:
        rows = rows.filter(workspace_id__in=workspace_ids)
    return [str(customer_id) for customer_id in rows.values_list("stripe_customer_id", flat=True)]


def _repair_all(customers: list[str], outcome: Outcome, write: Write) -> None:
    """Raises PaymentServiceUnavailable when the service is down."""
    write(f"{len(customers)} accounts to compare")
    outages = 0
    for number, customer_id in enumerate(customers, start=1):
        try:
            _repair(customer_id, outcome)
            outages = 0
        except PaymentServiceUnavailable:
            outages += 1
            if outages == MOST_OUTAGES:
                raise
        if number % EVERY == 0 or number == len(customers):
            text = (
                f"{number} of {len(customers)} compared: {outcome.repairs} repairs, {outcome.failed} failed"
            )
            write(text)
            logger.info("billing is being reconciled", extra={"done": number, "of": len(customers)})


def _repair(customer_id: str, outcome: Outcome) -> None:
    """Raises PaymentServiceUnavailable; other failures are this account's own."""
    outcome.accounts += 1
    try:
        applied = sync.look_and_apply(customer_id, cause="reconciliation", is_repair=True)
    except PaymentServiceUnavailable:
        outcome.failed += 1
        raise
    except DomainError as error:
        outcome.failed += 1
        logger.warning(
            "an account could not be reconciled", extra={"customer_id": customer_id, "code": error.code}
        )
    except Exception:
        # One broken account must not keep the others from being reconciled; it is logged each time.
        outcome.failed += 1
        logger.exception("an account could not be reconciled", extra={"customer_id": customer_id})
    else:
        count = len(applied.changes) + len(applied.effects)
        outcome.repairs += count
        outcome.repaired += count > 0


def _adopt_unknown(outcome: Outcome, write: Write) -> None:
    """Customers, or whose subscriptions, name a workspace of ours that does not know them."""
    client, known = get_client(), set(_list_customers())
    with payment_errors():
        named = {
            row.id: row.metadata
            for row in client.v1.customers.list(params={"limit": PAGE}).auto_paging_iter()
        }
        subscriptions = client.v1.subscriptions.list(params={"limit": PAGE, "status": "all"})
        rows = [plain(row) for row in subscriptions.auto_paging_iter()]
    unknown = {
        customer_id: plain(data) for customer_id, data in named.items() if customer_id not in known and data
    }
    for row in rows:
        customer_id = reference(row["customer"])
        if customer_id not in known and "workspace_id" in (row.get("metadata") or {}):
            unknown.setdefault(customer_id, {}).setdefault("workspace_id", row["metadata"]["workspace_id"])
    for customer_id, metadata in unknown.items():
        if adoption.adopt_named(customer_id, metadata) is not None:
            outcome.adopted += 1
            write(f"customer {customer_id} is given to its workspace")
            _repair(customer_id, outcome)


def _drain(outcome: Outcome, write: Write) -> None:
    """Events that failed or that no task took. One under a lease is somebody else's."""
    now = timezone.now()
    free = Q(state=WebhookEvent.State.FAILED) | Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    rows = WebhookEvent.objects.filter(
        free, state__in=(WebhookEvent.State.RECEIVED, WebhookEvent.State.FAILED)
    )
    for event_id in list(rows.order_by("received_at").values_list("pk", flat=True)):
        WebhookEvent.objects.filter(pk=event_id, state=WebhookEvent.State.FAILED).update(next_attempt_at=None)
        outcome.events += bool(webhooks.process(event_id))
    if outcome.events:
        write(f"{outcome.events} events that were left over are processed")
