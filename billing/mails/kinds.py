"""What each mail is about and what its template needs: templates/billing/mails/<kind>.txt."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """`subject`: may name values of the context. `needs`: what the context must hold: amounts as minor units with
    `currency`, moments (`…_at`) in ISO's form. `page`: the workspace page it leads to, unless the context has a `path`:
    below the workspace's pages, or for staff of the whole address. `variants`: other subjects, by what is true of it.
    """

    subject: str
    needs: frozenset[str]
    page: str = "billing"
    is_for_staff: bool = False
    variants: tuple[tuple[str, str], ...] = ()

    def subject_of(self, values: dict[str, Any]) -> str:
        chosen = [subject for name, subject in self.variants if values[name]]
        return (*chosen, self.subject)[0].format(**values)


def _kind(
    subject: str, *needs: str, page: str = "billing", is_for_staff: bool = False, **variants: str
) -> Kind:
    return Kind(subject, frozenset(needs), page, is_for_staff, tuple(variants.items()))


KINDS = {
    "welcome": _kind("welcome to {plan}", "plan", "is_lifetime"),
    "trial_ending": _kind("your trial ends {when}", "plan", "when", "ends_at", "has_card"),
    "receipt": _kind(
        "receipt {number}", "number", "amount_minor", "currency", "paid_at", "invoice_url", page="billing-invoices"
    ),
    "payment_failed": _kind(
        "a payment failed", "plan", "amount_minor", "currency", "grace_ends_at", "action_url"
    ),
    "card_expiring": _kind("your card expires soon", "brand", "last4", "expires"),
    "plan_changed": _kind(
        "your plan is now {plan}", "was", "plan", "is_scheduled", "changes_at",
        is_scheduled="your plan changes to {plan}",
    ),
    "cancelled": _kind(
        "your subscription is cancelled", "plan", "is_over", "ends_at", is_over="{plan} has ended"
    ),
    "referral_credited": _kind(
        "you received a credit", "amount_minor", "currency", "is_referrer", page="billing-referrals"
    ),
    "quota_upgrade": _kind("more room with {plan}", "text", "plan", "offer", page="billing-plans"),
    "restricted": _kind("the workspace is read-only", "plan"),
    "recovered": _kind("the payment arrived", "plan"),
    "enquiry_received": _kind("new enquiry", "name", "email", "organisation", "text", "path", is_for_staff=True),
    "milestone_reached": _kind(
        "milestone of {percent} % reached", "goal", "percent", "amount_minor", "currency", "path"
    ),
}  # fmt: skip


def check(kind: str, context: dict[str, Any]) -> Kind:
    """Raises ValueError for an unknown kind or an incomplete context, before the mail is owed."""
    if kind not in KINDS:
        raise ValueError(f"there is no mail {kind}")
    missing = KINDS[kind].needs - set(context)
    if missing:
        raise ValueError(f"the mail {kind} lacks {sorted(missing)}")
    return KINDS[kind]
