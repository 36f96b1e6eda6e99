"""What a workspace has bought, in words."""

from dataclasses import dataclass

from billing import money
from billing.presenters import plans
from billing.presenters.dates import counted, day
from billing.subscriptions.describe import PaymentMethod, Subscription
from billing.subscriptions.models import BillingAccount
from billing.subscriptions.queries import OUTSTANDING

Status = BillingAccount.Status


@dataclass(frozen=True)
class AccountView:
    plan_name: str
    interval: str
    status: str
    tone: str
    sentence: str
    plan_action: str
    seats: str
    next_charge: str
    pending: str
    payment_method: str
    is_payment_method_expiring: bool
    card_action: str
    balance: str
    action_url: str
    owes: bool
    can_cancel: bool
    can_resume: bool


def present(subscription: Subscription, *, free_name: str, zone: str) -> AccountView:
    """`free_name`: of what it falls back to, empty when there is nothing."""
    back = f"the workspace goes back to {free_name}" if free_name else "the workspace has no plan"
    status, tone, sentence = describe_status(subscription, zone=zone, back=back)
    method = subscription.payment_method
    owes = subscription.restricted_at is not None or subscription.status in OUTSTANDING
    return AccountView(
        plan_name=subscription.plan.name if subscription.plan else "No plan",
        interval=_interval(subscription.interval).lower() if subscription.is_running else "",
        status=status,
        tone=tone,
        sentence=sentence,
        plan_action="Change plan" if subscription.is_running else "Choose a plan",
        seats=seats_words(subscription),
        next_charge="" if owes else next_charge(subscription, zone),
        pending=pending_words(subscription, zone),
        payment_method=card_words(method),
        is_payment_method_expiring=bool(method and method.is_expiring),
        card_action="Update card" if method else "Add a card",
        balance=balance_words(subscription),
        action_url=subscription.action_url,
        owes=owes,
        can_cancel=subscription.is_running and subscription.cancels_at is None,
        can_resume=subscription.is_running and subscription.cancels_at is not None,
    )


def describe_status(subscription: Subscription, *, zone: str, back: str) -> tuple[str, str, str]:
    """(status, tone, sentence)."""
    if subscription.restricted_at is not None:
        text = (
            "A payment is missing and the days of grace are over. Everything can be read and nothing is deleted; "
            "a payment opens the workspace again at once."
        )
        return "Read-only", "danger", text
    if subscription.is_arranged:
        return "By agreement", "success", "A plan agreed with you. Changes go through us."
    if subscription.cancels_at is not None and subscription.is_running:
        ends = day(subscription.cancels_at, zone)
        return "Cancelled", "warning", f"It ends on {ends}. Then {back}; nothing is deleted."
    if subscription.trial is not None:
        return "Trial", "info", trial_words(subscription, zone, back)
    if subscription.is_lifetime and not subscription.is_running:
        return "Bought once", "success", "Yours for good: there is nothing to renew."
    return _plain_words(subscription, zone, back)


def trial_words(subscription: Subscription, zone: str, back: str) -> str:
    trial = subscription.trial
    assert trial is not None
    then = f"Without a card {back} then." if trial.ends_without_card else "Then the first payment is taken."
    return f"It ends on {day(trial.ends_at, zone)}, in {counted(trial.days_left, 'day')}. {then}"


def _plain_words(subscription: Subscription, zone: str, back: str) -> tuple[str, str, str]:
    until = day(subscription.grace_ends_at, zone)
    grace = f" Everything works until {until}; then the workspace is read-only." if until else ""
    renews = f"Renews on {day(subscription.period_end, zone)}." if subscription.period_end else ""
    words = {
        Status.ACTIVE: ("Active", "success", renews),
        Status.TRIALING: ("Trial", "info", renews),
        Status.PAST_DUE: ("Payment failed", "danger", f"The last payment did not go through.{grace}"),
        Status.UNPAID: ("Unpaid", "danger", f"The last invoice was not paid.{grace}"),
        Status.INCOMPLETE: (
            "Payment not finished", "warning", "The plan begins as soon as the first payment has gone through.",
        ),
        Status.PAUSED: ("Paused", "warning", f"The trial ended without a card, so {back}."),
        Status.CANCELED: ("Ended", "", "The subscription has ended. You can begin a new one at any time."),
    }  # fmt: skip
    return words.get(Status(subscription.status), ("No subscription", "", "Nothing is charged."))


def _interval(interval: str) -> str:
    return {value.value: label for value, label in plans.INTERVALS.items()}.get(interval, "")


def seats_words(subscription: Subscription) -> str:
    seats = subscription.seats
    if seats.allowed is None:
        return f"{counted(seats.taken, 'person', 'people')}, any number allowed"
    return f"{seats.taken:,} of {seats.allowed:,}" + (" paid for" if seats.bought is not None else "")


def next_charge(subscription: Subscription, zone: str) -> str:
    """`$15.00 on 1 December 2026`."""
    charge = subscription.next_charge
    if charge is None:
        return ""
    about = "About " if charge.is_estimate else ""
    when = f" on {day(charge.at, zone)}" if charge.at else ""
    return f"{about}{money.as_text(charge.amount_minor, charge.currency)}{when}"


def pending_words(subscription: Subscription, zone: str) -> str:
    pending = subscription.pending
    if pending is None:
        return ""
    name = ", ".join(part for part in (pending.plan.name, _interval(pending.interval).lower()) if part)
    return f"{name}, from {day(pending.at, zone)} on" if pending.at else name


def card_words(method: PaymentMethod | None) -> str:
    """`Visa ending in 4242, valid until 12/2030`."""
    if method is None:
        return ""
    name = (method.brand or "card").replace("_", " ").capitalize()
    if method.last4:
        name += f" ending in {method.last4}"
    if method.exp_month and method.exp_year:
        name += f", valid until {method.exp_month:02}/{method.exp_year}"
    return name


def balance_words(subscription: Subscription) -> str:
    if subscription.credit_minor:
        credit = money.as_text(subscription.credit_minor, subscription.currency)
        return f"{credit} of credit, taken off the next invoices"
    if subscription.debt_minor:
        return f"{money.as_text(subscription.debt_minor, subscription.currency)}, added to the next invoice"
    return ""
