"""How a checkout stands, in words."""

from dataclasses import dataclass

from billing.subscriptions.returns import CheckoutState

SLOW_AFTER = 14
"""Looks of the page, one and a half seconds apart."""


@dataclass(frozen=True)
class DoneView:
    state: str
    title: str
    text: str
    action_url: str = ""
    is_slow: bool = False


def done(state: CheckoutState, *, polls: int = 0) -> DoneView:
    plan = state.plan_name
    if state.state == "done":
        return DoneView(
            "done", f"Welcome to {plan}", "The payment service has confirmed it, and the new limits hold."
        )
    if state.state == "failed":
        text = "The payment did not go through and nothing was charged. You can try again, with another card too."
        if state.action_url:
            text = "Your bank wants you to confirm the payment. It goes through as soon as you have."
        return DoneView("failed", "The payment is not finished", text, state.action_url)
    if state.state == "expired":
        return DoneView(
            "expired", "This checkout is over", "Nothing was charged. Choose the plan again to begin anew."
        )
    text = f"The payment service is about to confirm {plan}. Nothing needs to be done."
    return DoneView("waiting", "Thank you, one moment", text, is_slow=polls >= SLOW_AFTER)
