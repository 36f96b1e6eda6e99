"""How a workspace stands with its plan and its money, in one frozen value for pages and for the API."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from billing.plans import queries as plans
from billing.plans.models import Plan
from billing.seats import services as seats
from billing.subscriptions import charges, queries
from billing.subscriptions.charges import NextCharge
from billing.subscriptions.models import BillingAccount
from tenants.scope import get_ref
from usage.limits import queries as limits
from usage.limits.queries import Standing, Viewpoint
from usage.models import SubjectKind

Status = BillingAccount.Status
NOBODY = UUID(int=0)
CARD_ENDS_SOON_MONTHS = 1
AS_KEPT = (
    "status", "interval", "period_start", "period_end", "cancels_at", "action_url", "past_due_since", "grace_ends_at",
    "restricted_at",
)  # fmt: skip

WORDS = {
    Status.NONE: "Free",
    Status.INCOMPLETE: "Waiting for the first payment",
    Status.TRIALING: "Trial",
    Status.ACTIVE: "Active",
    Status.PAST_DUE: "Payment overdue",
    Status.UNPAID: "Unpaid",
    Status.CANCELED: "Ended",
    Status.PAUSED: "Paused",
}


@dataclass(frozen=True)
class PlanName:
    key: str
    name: str
    version: int


@dataclass(frozen=True)
class PendingChange:
    plan: PlanName
    interval: str
    at: datetime | None


@dataclass(frozen=True)
class Trial:
    """`ends_without_card`: no card is there to go on with, so the plan ends with the trial."""

    ends_at: datetime
    days_left: int
    ends_without_card: bool


@dataclass(frozen=True)
class PaymentMethod:
    brand: str
    last4: str
    exp_month: int | None
    exp_year: int | None
    is_expiring: bool


@dataclass(frozen=True)
class Seats:
    """`bought` None: they come with the plan. `allowed` None: unlimited."""

    taken: int
    allowed: int | None
    bought: int | None


@dataclass(frozen=True)
class Subscription:
    """Amounts in minor units of `currency`. `plan` is what the workspace has in effect, `subscribed_plan` what it pays
    for; they differ with an arranged plan, a one-off deal, and when a payment is missing too long.

    `credit_minor` is in the customer's favour, `debt_minor` is added to the next charge. `action_url`: where a payment
    waits for the bank's confirmation.
    """

    workspace_id: UUID
    plan: PlanName | None
    subscribed_plan: PlanName | None
    status: str
    status_text: str
    is_running: bool
    interval: str
    currency: str
    price_minor: int | None
    seats: Seats
    period_start: datetime | None
    period_end: datetime | None
    next_charge: NextCharge | None
    pending: PendingChange | None
    cancels_at: datetime | None
    trial: Trial | None
    payment_method: PaymentMethod | None
    action_url: str
    credit_minor: int
    debt_minor: int
    past_due_since: datetime | None
    grace_ends_at: datetime | None
    restricted_at: datetime | None
    is_arranged: bool
    is_lifetime: bool
    usage: tuple[Standing, ...]
    notice: str


def describe(workspace_id: UUID, *, now: datetime | None = None) -> Subscription:
    """Reads our own tables; only the next charge is asked of the payment service, once for each state of the account,
    and estimated when that does not answer."""
    now = now or timezone.now()
    account = queries.get_account(workspace_id)
    in_effect = account.effective_plan or plans.free_plan()
    paid = account.plan or in_effect
    return Subscription(
        workspace_id=workspace_id,
        plan=name_of(in_effect),
        subscribed_plan=name_of(account.plan),
        status_text=status_text(account),
        is_running=queries.is_running(account),
        currency=paid.currency if paid else "usd",
        price_minor=_price(account),
        seats=_seats(account, in_effect),
        next_charge=charges.next_charge(account),
        pending=_pending(account),
        trial=_trial(account, now),
        payment_method=_payment_method(account, now.date()),
        credit_minor=max(0, -account.balance_minor),
        debt_minor=max(0, account.balance_minor),
        is_arranged=account.custom_plan_id is not None,
        is_lifetime=account.lifetime_plan_id is not None,
        usage=_usage(workspace_id, now),
        notice=settings.PAYMENTS_NOTICE,
        **{name: getattr(account, name) for name in AS_KEPT},
    )


def status_text(account: BillingAccount) -> str:
    if account.restricted_at is not None:
        return "Restricted: read only until the open invoice is paid"
    if queries.is_running(account) and account.cancels_at is not None:
        return f"Ends on {account.cancels_at:%-d %B %Y}"
    return WORDS[Status(account.status)]


def name_of(plan: Plan | None) -> PlanName | None:
    return None if plan is None else PlanName(plan.key, plan.name, plan.version)


def _price(account: BillingAccount) -> int | None:
    """Of one unit, each interval, as it was when this version of the plan was sold."""
    if account.plan is None:
        return None
    found = account.plan.prices.filter(kind="licensed", interval=account.interval).first()
    return found.amount_minor if found else None


def _seats(account: BillingAccount, in_effect: Plan | None) -> Seats:
    allowed = plans.seats_of(in_effect, account.quantity) if in_effect else None
    is_sold = account.plan is not None and account.plan.is_per_seat and queries.is_running(account)
    bought = account.quantity if is_sold else None
    return Seats(seats.count_taken(account.workspace_id), allowed, bought)


def _pending(account: BillingAccount) -> PendingChange | None:
    plan = name_of(account.pending_plan)
    return None if plan is None else PendingChange(plan, account.pending_interval, account.pending_at)


def _trial(account: BillingAccount, now: datetime) -> Trial | None:
    if account.status != Status.TRIALING or account.trial_ends_at is None:
        return None
    days_left = max(0, -((now - account.trial_ends_at).days))
    return Trial(account.trial_ends_at, days_left, ends_without_card=not account.payment_method)


def _payment_method(account: BillingAccount, today: date) -> PaymentMethod | None:
    method = account.payment_method
    if not method:
        return None
    month, year = method.get("exp_month"), method.get("exp_year")
    is_expiring = False
    if month and year:
        months_left = (year - today.year) * 12 + month - today.month
        is_expiring = months_left <= CARD_ENDS_SOON_MONTHS
    return PaymentMethod(
        method.get("brand") or method.get("type", ""), method.get("last4", ""), month, year, is_expiring
    )


def _usage(workspace_id: UUID, now: datetime) -> tuple[Standing, ...]:
    """How the workspace's own limits stand."""
    workspace = get_ref(id=workspace_id)
    viewpoint = Viewpoint(
        workspace_id, workspace.timezone, NOBODY, sees_all=True, anchor_day=workspace.billing_day
    )
    return tuple(limits.list_standings(viewpoint, now=now, only=Q(subject_kind=SubjectKind.WORKSPACE)))
