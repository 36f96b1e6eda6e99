"""What a choice of plan would do and cost, in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from billing import money
from billing.deals.queries import Deal
from billing.plans.models import Plan
from billing.presenters import plans
from billing.presenters.dates import day
from billing.subscriptions.previews import Preview

Checkout, Change, Cancel, Ask, Nothing = "checkout", "change", "cancel", "ask", ""


class Misfit(Protocol):
    """Something that a plan has less room for than there is."""

    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class LineView:
    text: str
    amount: str


@dataclass(frozen=True)
class PreviewView:
    """`action`: checkout, change, cancel, ask or empty."""

    title: str
    plan_key: str
    plan_name: str
    action: str
    text: str = ""
    interval: str = ""
    seats: int = 1
    lines: Sequence[LineView] = ()
    due_now: str = ""
    next: str = ""
    action_label: str = ""
    quote: str = ""
    deal: str = ""
    trial_days: int = 0
    misfits: list[str] = field(default_factory=list)


def of_change(preview: Preview, *, zone: str, trial_days: int = 0) -> PreviewView:
    """`trial_days`: of the trial that this person may still have here."""
    is_checkout = preview.when == "checkout"
    text, label = _when(preview, zone)
    return PreviewView(
        title=f"Change to {preview.plan_name}" if not is_checkout else preview.plan_name,
        plan_key=preview.plan_key,
        plan_name=preview.plan_name,
        action=Checkout if is_checkout else Change,
        text=text,
        interval=preview.interval,
        seats=preview.quantity,
        lines=[
            LineView(line.text, money.as_text(line.amount_minor, preview.currency)) for line in preview.lines
        ],
        due_now=money.as_text(preview.due_now_minor, preview.currency)
        if preview.when != "period_end"
        else "",
        next=_next(preview, zone),
        action_label=label,
        quote=preview.quote,
        trial_days=trial_days if is_checkout else 0,
        misfits=texts(preview.misfits),
    )


def _when(preview: Preview, zone: str) -> tuple[str, str]:
    """(what happens, the button)."""
    if preview.when == "checkout":
        return "You pay on the next page; the plan begins when the payment has gone through.", ""
    if preview.when == "period_end":
        until = day(preview.changes_at, zone)
        text = f"The present plan stays until {until}, which is paid for. Then it changes by itself."
        return text, "Schedule the change"
    if preview.due_now_minor:
        return "It changes at once. What is left of the present period is taken off.", "Change and pay"
    return "It changes at once.", "Change now"


def _next(preview: Preview, zone: str) -> str:
    amount = money.as_text(preview.next_minor, preview.currency)
    per = plans.PER.get(preview.interval, "")  # type: ignore[call-overload]  # a plain string
    if preview.next_at is None:
        return f"Then {amount} {per}. Taxes and codes are reckoned on the next page."
    credit = ""
    if preview.credit_minor:
        credit = (
            f" {money.as_text(preview.credit_minor, preview.currency)} of credit is taken off it already."
        )
    return f"Next charge: {amount} on {day(preview.next_at, zone)}.{credit}"


def of_free(plan: Plan, *, has_subscription: bool, misfits: Sequence[Misfit]) -> PreviewView:
    """Going back to what costs nothing is cancelling what does."""
    if not has_subscription:
        return PreviewView(
            f"{plan.name} costs nothing",
            plan.key,
            plan.name,
            Nothing,
            "It is what a workspace has that pays for none.",
        )
    text = f"Cancel the paid plan, and this workspace goes back to {plan.name} when the paid time is over."
    return PreviewView(f"Back to {plan.name}", plan.key, plan.name, Cancel, text=text, misfits=texts(misfits))


def of_deal(deal: Deal, *, left: int) -> PreviewView:
    """A one-off offer: paid once, for good."""
    if not left:
        text = "All are sold or being paid for just now. One may come free within half an hour."
        return PreviewView(deal.label, deal.plan_key, deal.label, Nothing, text)
    price = money.as_text(deal.amount_minor, deal.currency)
    return PreviewView(
        deal.label,
        deal.plan_key,
        deal.label,
        Checkout,
        text=f"You pay once, on the next page, and keep it for good. {left:,} of {deal.limit:,} are left.",
        interval=plans.PlanPrice.Interval.MONTH,
        lines=[LineView(deal.label, price)],
        due_now=price,
        deal=deal.key,
    )


def of_asked(plan: Plan) -> PreviewView:
    text = (
        "Limits and price are agreed with you." if plan.sale == Plan.Sale.CONTACT else "It has no price yet."
    )
    return PreviewView(plan.name, plan.key, plan.name, Ask, text=f"{text} Tell us what you need.")


def of_present(plan: Plan) -> PreviewView:
    return PreviewView(
        "This is your plan",
        plan.key,
        plan.name,
        Nothing,
        f"{plan.name} is what this workspace has. Nothing changes.",
    )


def of_refusal(plan: Plan, message: str) -> PreviewView:
    """What cannot be chosen as it is now, and what to do about it."""
    return PreviewView(f"{plan.name} cannot be chosen like this", plan.key, plan.name, Nothing, message)


def texts(misfits: Sequence[Misfit]) -> list[str]:
    return [misfit.text for misfit in misfits]
