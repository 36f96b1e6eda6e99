"""What buying and changing a plan may be refused for. Each says what to do, and leads there."""

from typing import Any
from uuid import UUID

from config.errors import DomainError, NotFound
from tenants import links
from tenants.scope import get_ref


class AlreadySubscribed(DomainError):
    code = "already_subscribed"
    status = 409
    message = "This workspace has a plan already. Change it instead of buying a second one."


class NotSubscribed(DomainError):
    code = "not_subscribed"
    status = 409
    message = "This workspace has no paid plan yet. Choose one first."


class PlanUnchanged(DomainError):
    code = "plan_unchanged"
    status = 409
    message = "That is what this workspace has already."


class PlanArranged(DomainError):
    code = "plan_arranged"
    status = 409
    message = "The plan of this workspace was arranged with us. Write to us to change it."


class PlanEnding(DomainError):
    code = "plan_ending"
    status = 409
    message = "The plan of this workspace is going to end. Resume it first, then change it."


class PaymentOutstanding(DomainError):
    code = "payment_outstanding"
    status = 402
    message = "An invoice of this workspace is unpaid. Pay it first, then change the plan."


class NothingScheduled(DomainError):
    code = "nothing_scheduled"
    status = 409
    message = "No change of the plan is scheduled."


class NothingToResume(DomainError):
    code = "nothing_to_resume"
    status = 409
    message = "The plan of this workspace is not going to end."


class SeatsTooFew(DomainError):
    code = "seats_too_few"
    status = 422
    message = "More people are in this workspace than that."


class SeatsFixed(DomainError):
    code = "seats_fixed"
    status = 422
    message = "The seats of this plan come with it and cannot be bought one by one."


class TrialRefused(DomainError):
    code = "trial_refused"
    status = 409
    message = "There is no trial of this plan for you. You can buy it right away."


class PromotionCodeUnknown(DomainError):
    code = "promotion_code_unknown"
    status = 422
    message = "This promotion code is not known, or no longer valid."


class QuoteOutdated(DomainError):
    code = "quote_outdated"
    status = 409
    message = "These figures are out of date. Look at the preview again, then confirm it."


class CheckoutUnknown(NotFound):
    code = "checkout_unknown"


def lead_to(workspace_id: UUID, page: str, label: str) -> dict[str, Any]:
    """The part of an error's data by which its page offers a way on. Two queries."""
    url = links.absolute_workspace_url(get_ref(id=workspace_id), page)
    return {"action_url": url, "action_label": label}
