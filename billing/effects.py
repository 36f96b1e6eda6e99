"""What follows from a change at the payment service: each runs once, in the transaction that applies the change.

`billing.stripe.settling` claims each by its business key before it calls; what fails here takes the claim and the
change back with it, and is tried again. The account is locked, already shows the new state, and may be changed and
saved. Network calls go to tasks that are enqueued on commit.
"""

from billing import telling
from billing.deals import services as deals
from billing.mails import notices
from billing.metering import spans as metering
from billing.plans import endings
from billing.referrals import services as referrals
from billing.stripe.state import InvoiceState, SessionState, SubscriptionState
from billing.subscriptions import trials
from billing.subscriptions.models import BillingAccount


def subscription_started(account: BillingAccount, subscription: SubscriptionState) -> None:
    """A subscription began, perhaps with a trial. Once for each subscription; it may be over already."""
    trials.settle_start(account, subscription)
    notices.note_started(account, subscription)
    metering.note_subscription(account, subscription)
    telling.tell_subscription(account, subscription, "started")


def subscription_changed(account: BillingAccount, subscription: SubscriptionState) -> None:
    """Plan, interval, number of seats, end or the change that is scheduled are others than before. What changed and
    changed back between two looks is not seen."""
    notices.note_changed(account, subscription)
    metering.note_subscription(account, subscription)
    telling.tell_subscription(account, subscription, "changed")


def subscription_ended(account: BillingAccount, subscription: SubscriptionState) -> None:
    """Once for each subscription. `account` may have another one already."""
    endings.subscription_ended(account, subscription)
    notices.note_ended(account, subscription)
    metering.note_ended(account, subscription)
    telling.tell_subscription(account, subscription, "ended")


def invoice_paid(account: BillingAccount, invoice: InvoiceState) -> None:
    """Once for each invoice, those over nothing too (a trial's first): see `invoice.amount_paid_minor`."""
    notices.note_paid(account, invoice)
    referrals.note_paid(account, invoice)
    telling.tell_paid(account, invoice)


def invoice_failed(account: BillingAccount, invoice: InvoiceState) -> None:
    """A try to charge failed, or waits for the customer's confirmation (`invoice.needs_action`). Once for each try
    that was seen; one that was paid before anybody looked has no failure."""
    notices.note_failed(account, invoice)
    telling.tell_failed(account, invoice)


def trial_will_end(account: BillingAccount, subscription: SubscriptionState) -> None:
    """The payment service said so, three days before. Once for each end of a trial."""
    notices.note_trial_will_end(account, subscription)


def session_completed(account: BillingAccount, session: SessionState) -> None:
    """A checkout was completed and is paid. Once for each session."""
    deals.note_session(account, session)
