"""What every page of a workspace tells about its plan: a payment that failed, a trial or a plan that ends."""

from dataclasses import dataclass
from datetime import datetime

from accounts.permissions import Member
from billing.presenters.dates import counted, day, days_left
from billing.subscriptions import queries
from billing.subscriptions.models import BillingAccount
from tenants.scope import WorkspaceRef
from usage.features import queries as rights

TRIAL_TOLD_DAYS = 7


@dataclass(frozen=True)
class Banner:
    """`posts_to`: the name of a page that the button sends a form to, with `flow`; else `leads_to` is linked, or
    `url`."""

    tone: str
    title: str
    text: str
    label: str = ""
    leads_to: str = ""
    posts_to: str = ""
    flow: str = ""
    url: str = ""


def list_banners(member: Member, workspace: WorkspaceRef, *, now: datetime) -> list[Banner]:
    """What is read-only concerns everybody; money only who may see billing. One query, and what a plan's rights cost
    once in a second."""
    account = queries.find_told(workspace.id)
    found = [_restricted(account, member)] if account and account.restricted_at else []
    state = rights.state_of(workspace.id)
    if member.membership_id in state.over_seats:
        found.append(_beyond_seats(state.seats_allowed))
    if account is not None and member.can_view_billing:
        found += _about_money(account, member, workspace.timezone, now)
        if state.over_seats and member.membership_id not in state.over_seats:
            found.append(_others_beyond_seats(len(state.over_seats), member))
    return found


def _restricted(account: BillingAccount, member: Member) -> Banner:
    text = "A payment is missing. Everything can be read and nothing is deleted."
    if not member.can_manage_billing:
        return Banner(
            "danger", "This workspace is read-only", f"{text} An owner can pay, and it opens at once."
        )
    text += " It opens again as soon as the payment has gone through."
    if account.action_url:
        return Banner(
            "danger", "This workspace is read-only", text, "Confirm payment", url=account.action_url
        )
    return Banner(
        "danger", "This workspace is read-only", text, "Update card", posts_to="billing-portal", flow="card"
    )


def _beyond_seats(allowed: int | None) -> Banner:
    text = (
        f"The plan has room for {counted(allowed or 0, 'person', 'people')}, and you came after them. "
        "You can read everything; an owner can make room."
    )
    return Banner("warning", "You can only read here at the moment", text)


def _others_beyond_seats(count: int, member: Member) -> Banner:
    text = f"{counted(count, 'person', 'people')} beyond the seats of the plan can only read. Nothing is deleted."
    label = "Change plan" if member.can_manage_billing else ""
    return Banner("warning", "More people than the plan has room for", text, label, leads_to="billing-plans")


def _about_money(account: BillingAccount, member: Member, zone: str, now: datetime) -> list[Banner]:
    if account.restricted_at is not None:
        return []
    if account.status in queries.OUTSTANDING:
        return [_past_due(account, member, zone)]
    if account.action_url:
        return [_to_confirm(account, member)]
    if account.cancels_at is not None and queries.is_running(account):
        return [_ending(account, member, zone)]
    left = days_left(account.trial_ends_at, now)
    if account.status == BillingAccount.Status.TRIALING and left is not None and left <= TRIAL_TOLD_DAYS:
        return [_trial(account, member, zone, left)]
    return []


def _past_due(account: BillingAccount, member: Member, zone: str) -> Banner:
    until = day(account.grace_ends_at, zone)
    text = (
        f"Everything works until {until}; then the workspace is read-only."
        if until
        else "Please look at it soon."
    )
    if not member.can_manage_billing:
        return Banner(
            "danger", "A payment failed", f"{text} An owner can update the card.", "See billing", "billing"
        )
    if account.action_url:
        return Banner(
            "danger", "A payment has to be confirmed", text, "Confirm payment", url=account.action_url
        )
    return Banner("danger", "A payment failed", text, "Update card", posts_to="billing-portal", flow="card")


def _to_confirm(account: BillingAccount, member: Member) -> Banner:
    text = "Your bank wants you to confirm it. It goes through as soon as you have."
    if not member.can_manage_billing:
        return Banner(
            "warning", "A payment has to be confirmed", "An owner can do that.", "See billing", "billing"
        )
    return Banner("warning", "A payment has to be confirmed", text, "Confirm payment", url=account.action_url)


def _ending(account: BillingAccount, member: Member, zone: str) -> Banner:
    name = account.plan.name if account.plan else "The plan"
    text = "Nothing is deleted. What is over the limits then becomes read-only."
    title = f"{name} ends on {day(account.cancels_at, zone)}"
    if not member.can_manage_billing:
        return Banner("warning", title, text, "See billing", "billing")
    return Banner("warning", title, text, "Resume", posts_to="billing-resume")


def _trial(account: BillingAccount, member: Member, zone: str, left: int) -> Banner:
    title = f"The trial ends in {counted(left, 'day')}"
    ends = day(account.trial_ends_at, zone)
    if account.payment_method:
        return Banner("info", title, f"On {ends} the first payment is taken.", "See billing", "billing")
    text = f"Add a card before {ends}, or the workspace goes back to what is free. Nothing is deleted."
    if not member.can_manage_billing:
        return Banner("warning", title, text, "See billing", "billing")
    return Banner("warning", title, text, "Add a card", posts_to="billing-portal", flow="card")
