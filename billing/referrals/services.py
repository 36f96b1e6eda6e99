"""Invitations: remembered at sign-up, counted at confirmation, worth something once an invoice is paid."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import services as accounts_services
from accounts.models import Membership
from billing import grants, log
from billing.referrals import links, queries, suspicions
from billing.referrals.models import Referral, ReferralCode, ReferralCredit
from billing.stripe.state import InvoiceState
from billing.subscriptions.models import BillingAccount
from tenants import audit

logger = logging.getLogger(__name__)
State, Reason, Side = Referral.State, Referral.Reason, ReferralCredit.Side
LOCK = "SELECT pg_advisory_xact_lock(hashtext('billing.referrals'))"


def note_signed_up(*, user_id: UUID, request: HttpRequest) -> None:
    """The answer to the port `person_signed_up`: the browser that signs up has the cookie, the one that opens the mail
    may not."""
    code = links.remembered(request)
    if code and queries.credit_minor():
        with transaction.atomic():
            _attribute(user_id, code)


def note_confirmed(*, user_id: UUID, request: HttpRequest) -> None:
    """The answer to the port `person_confirmed`: the first confirmed address of a person, in its transaction."""
    code = links.remembered(request)
    with transaction.atomic():
        if code and queries.credit_minor():
            _attribute(user_id, code)
        _join(accounts_services.person_reference_of(user_id=user_id), timezone.now())


def _attribute(user_id: UUID, code: str) -> None:
    """The first link stays: a person comes once."""
    referrer_ref = ReferralCode.objects.filter(code=code).values_list("person_ref", flat=True).first()
    referee_ref = accounts_services.person_reference_of(user_id=user_id)
    if referrer_ref is None or referrer_ref == referee_ref:
        return
    Referral.objects.bulk_create(
        [Referral(referrer_ref=referrer_ref, referee_ref=referee_ref)], ignore_conflicts=True
    )


def _join(referee_ref: UUID, now: datetime) -> None:
    """Two who invited each other and confirm at once are judged one after the other."""
    _stand_in_line()
    referral = Referral.objects.filter(referee_ref=referee_ref, state=State.SIGNED_UP).first()
    if referral is None:
        return
    reason = suspicions.at_sign_up(referral)
    if reason:
        refuse(referral, reason, now)
        return
    referral.state, referral.joined_at = State.JOINED, now
    referral.save(update_fields=["state", "joined_at"])


def _stand_in_line() -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOCK)


def refuse(referral: Referral, reason: str, now: datetime) -> None:
    referral.state, referral.reason, referral.resolved_at = State.REFUSED, reason, now
    referral.save(update_fields=["state", "reason", "resolved_at"])
    audit.record(
        "referral.refused",
        actor=audit.SYSTEM,
        workspace_id=None,
        target=("referral", referral.id),
        reason=str(reason),
    )


def note_paid(account: BillingAccount, invoice: InvoiceState) -> None:
    """For the effects of a sync: the first invoice that a workspace paid with money counts for one person who came.

    In the transaction that has locked the account.
    """
    amount = queries.credit_minor()
    if invoice.amount_paid_minor <= 0:
        return
    key = f"first_paid:{account.workspace_id}"
    if not grants.claim(
        key, workspace_id=account.workspace_id, kind="invoice.first_paid", invoice=invoice.id
    ):
        return
    _stand_in_line()
    referral = _joined_owners(account.workspace_id).first()
    if referral is None or not amount:
        return
    now = timezone.now()
    reason = suspicions.at_payment(referral, paying_workspace_id=account.workspace_id)
    home = home_of(referral.referrer_ref)
    if reason or home is None:
        refuse(referral, reason or Reason.NO_WORKSPACE, now)
    else:
        _qualify(referral, account.workspace_id, home, invoice.id, amount)


def _joined_owners(workspace_id: UUID) -> QuerySet[Referral]:
    """Owners who came by a link and have not counted yet; who came first goes first. A workspace counts for one."""
    refs = suspicions.owners_of(workspace_id)
    rows = Referral.objects.select_for_update().filter(referee_ref__in=refs, state=State.JOINED)
    return rows.order_by("created_at", "id")


def _qualify(referral: Referral, paying: UUID, home: UUID, invoice_id: str, amount: int) -> None:
    now = timezone.now()
    if not grants.claim(f"referral:{referral.id}", workspace_id=paying, kind="referral", invoice=invoice_id):
        return
    referral.state, referral.invoice_id = State.QUALIFIED, invoice_id
    referral.qualified_at = referral.next_attempt_at = now
    referral.save(update_fields=["state", "invoice_id", "qualified_at", "next_attempt_at"])
    for side, workspace_id in ((Side.REFEREE, paying), (Side.REFERRER, home)):
        ReferralCredit.objects.create(
            referral=referral,
            side=side,
            workspace_id=workspace_id,
            amount_minor=amount,
            currency=queries.currency(),
        )
        log.record("referral.qualified", workspace_id=workspace_id, side=str(side), amount_minor=amount)
    transaction.on_commit(_wake, robust=True)


def home_of(person_ref: UUID) -> UUID | None:
    """Which workspace of the one who invited is credited: one that pays, else one that is a customer, else the oldest
    that the person owns."""
    owned = Membership.objects.filter(user__person_reference__ref=person_ref, role=Membership.Role.OWNER)
    ids = list(owned.order_by("created_at").values_list("workspace_id", flat=True))
    accounts = {row.pk: row for row in BillingAccount.objects.filter(workspace_id__in=ids)}

    def rank(workspace_id: UUID) -> int:
        account = accounts.get(workspace_id)
        if account is None or not account.stripe_customer_id:
            return 2
        return 0 if account.status in ("active", "trialing", "past_due") else 1

    return min(ids, key=rank, default=None)


def _wake() -> None:
    from billing.referrals.tasks import credit_referrals  # noqa: PLC0415  tasks call services

    credit_referrals.delay()
