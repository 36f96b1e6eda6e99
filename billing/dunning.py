"""What happens by our own clock: trials that end, payments that stay away, cards that expire, and offers of more room.

Each look at the clock may be missed or made twice: what is due follows from the account, and each mail has its key.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing import log, offers
from billing.entitlements import services as entitlements
from billing.mails import notices
from billing.mails import services as mails
from billing.plans import queries as plans
from billing.presenters.plans import Words
from billing.stripe import sync
from billing.subscriptions import queries as subscriptions
from billing.subscriptions.models import BillingAccount
from config.errors import DomainError
from tenants import audit
from usage import outlets

logger = logging.getLogger(__name__)
Status = BillingAccount.Status
TRIAL_DAYS = (7, 3, 1)
GRACE_DAYS = (3, 1)
CARD_DAYS = 30


# trials


def remind_of_trials(*, now: datetime) -> int:
    """Mails seven, three and one day before a trial ends; returns how many were owed now. After a pause only the
    nearest one is sent."""
    rows = BillingAccount.objects.filter(
        status=Status.TRIALING,
        trial_ends_at__gt=now,
        trial_ends_at__lte=now + timedelta(days=max(TRIAL_DAYS)),
    )
    return sum(_remind_of_trial(row.pk, now) for row in rows)


def _remind_of_trial(workspace_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        account = BillingAccount.objects.select_for_update().get(pk=workspace_id)
        if account.status != Status.TRIALING or account.trial_ends_at is None:
            return False
        days = _line(TRIAL_DAYS, account.trial_ends_at - now)
        return days is not None and notices.tell_of_trial(account, account.trial_ends_at, days)


def _line(lines: Iterable[int], left: timedelta) -> int | None:
    """The nearest line, in days, that was passed; None before the first and when nothing is left."""
    passed = [days for days in lines if timedelta(0) < left <= timedelta(days=days)]
    return min(passed, default=None)


# payments that stay away


def remind_of_grace(*, now: datetime) -> int:
    """Mails three days and one day before grace ends; the failure itself was told when it happened."""
    rows = BillingAccount.objects.filter(
        status__in=notices.OWING,
        restricted_at=None,
        grace_ends_at__gt=now,
        grace_ends_at__lte=now + timedelta(days=max(GRACE_DAYS)),
    )
    return sum(_remind_of_grace(row.pk, now) for row in rows)


def _remind_of_grace(workspace_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        account = BillingAccount.objects.select_for_update().get(pk=workspace_id)
        since, ends_at = account.past_due_since, account.grace_ends_at
        if account.status not in notices.OWING or since is None or ends_at is None:
            return False
        days = _line(GRACE_DAYS, ends_at - now)
        # Told of the failure within this line already, nobody needs a second mail on the same day.
        if days is None or ends_at - since <= timedelta(days=days):
            return False
        amount, currency = _owed_of(account)
        return mails.send_once(
            f"grace:{account.pk}:{ends_at:%Y%m%dT%H%M}:{days}",
            kind="payment_failed",
            workspace_id=account.workspace_id,
            context=notices.owed(account, amount, currency),
        )


def _owed_of(account: BillingAccount) -> tuple[int, str]:
    """What is unpaid, by the mirror of the invoices."""
    rows = [row for row in subscriptions.list_invoices(account.workspace_id) if row.status == "open"]
    currency = account.plan.currency if account.plan else "usd"
    return sum(row.due_minor for row in rows), rows[0].currency if rows else currency


def restrict_due(*, now: datetime) -> int:
    """Makes workspaces read-only whose grace is over; returns how many. Nothing is deleted.

    The payment service is asked first: nobody is restricted who has paid and of whom we were not told. While it cannot
    be asked nobody is restricted.
    """
    restricted = 0
    for workspace_id, customer_id in list(_due(now).values_list("pk", "stripe_customer_id")):
        try:
            sync.sync_customer(str(customer_id), cause="grace.over")
        except DomainError as error:
            extra = {"workspace_id": str(workspace_id), "code": error.code}
            logger.warning("a workspace is not restricted: its payments could not be looked at", extra=extra)
            continue
        restricted += _restrict(workspace_id, now)
    return restricted


def _due(now: datetime) -> QuerySet[BillingAccount]:
    return BillingAccount.objects.filter(
        status__in=notices.OWING,
        restricted_at=None,
        grace_ends_at__lte=now,
        stripe_customer_id__isnull=False,
    )


def _restrict(workspace_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        account = _due(now).select_for_update(of=("self",)).filter(pk=workspace_id).first()
        if account is None:
            return False
        account.restricted_at = now
        account.save(update_fields=["restricted_at"])
        since = account.past_due_since.isoformat() if account.past_due_since else ""
        log.record("workspace.restricted", workspace_id=workspace_id, past_due_since=since)
        audit.record(
            "billing.restricted",
            actor=audit.SYSTEM,
            workspace_id=workspace_id,
            target=("billing_account", workspace_id),
            past_due_since=since,
        )
        entitlements.refresh(workspace_id)
        mails.send_once(
            f"restricted:{workspace_id}:{since}",
            kind="restricted",
            workspace_id=workspace_id,
            context={"plan": notices.name_of(account.plan)},
        )
    return True


# cards


def remind_of_cards(*, now: datetime) -> int:
    """Mails thirty days before the card of a running subscription expires, which it does with the end of its month."""
    rows = BillingAccount.objects.filter(
        payment_method__exp_year=now.year,
        payment_method__exp_month=now.month,
        status__in=(Status.ACTIVE, Status.TRIALING, Status.PAST_DUE),
        cancels_at=None,
    )
    return sum(_remind_of_card(row.pk, now) for row in rows)


def _remind_of_card(workspace_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        account = BillingAccount.objects.select_for_update().get(pk=workspace_id)
        card = account.payment_method
        year, month = card.get("exp_year"), card.get("exp_month")
        if not year or not month:
            return False
        begins = datetime(year, month, 1, tzinfo=UTC)
        ends_at = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if not now < ends_at <= now + timedelta(days=CARD_DAYS):
            return False
        return mails.send_once(
            f"card_expiring:{workspace_id}:{card.get('last4', '')}:{year}-{month:02}",
            kind="card_expiring",
            workspace_id=workspace_id,
            context={
                "brand": str(card.get("brand") or "card").capitalize(),
                "last4": card.get("last4", ""),
                "expires": f"{begins:%B %Y}",
            },
        )


# more room


def offer_upgrade(*, workspace_id: UUID, event: str, data: dict[str, Any]) -> None:
    """A taker of `usage.outlets`: whose limit is nearly or quite used up is offered a plan with more room, if there is
    one, once for each window."""
    if event != outlets.LIMIT_REACHED or data["subject"] != "workspace":
        return
    with transaction.atomic():
        account = subscriptions.get_account(workspace_id)
        if account.custom_plan_id is not None or account.cancels_at is not None:
            return
        offered = plans.list_offered()
        limit = {"subject": "workspace", "meter": data["meter"], "window": data["window"]}
        current = account.effective_plan
        offer = offers.find(
            offers.Refused(limits=[limit]), current=current, offered=offered, words_of=Words.of(offered)
        )
        if offer is None:
            return
        mails.send_once(
            f"quota_upgrade:{workspace_id}:{data['meter']}:{data['window']}:{data['window_start']}",
            kind="quota_upgrade",
            workspace_id=workspace_id,
            context={
                "text": data["text"],
                "plan": offer.plan.name,
                "offer": "; ".join(offer.gains) or offer.card.price,
            },
        )
