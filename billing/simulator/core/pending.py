"""Changes that wait for their payment (`pending_if_incomplete`): until then the subscription stays what it was."""

from billing.simulator.core import invoice_states, subscriptions
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json

LASTS = 23 * 3600
# What a change may touch.
FIELDS = (
    "billing_cycle_anchor", "currency", "discounts", "items", "metadata", "status", "trial_end", "trial_start",
)  # fmt: skip


def begin(desk: Desk, subscription: Json, before: Json, invoice: Json) -> None:
    """Puts the subscription back to `before`, with the change waiting beside it for the invoice to be paid."""
    after = {name: copy(subscription[name]) for name in FIELDS}
    for name in FIELDS:
        subscription[name] = copy(before[name])
    has_new_end = after["trial_end"] != before["trial_end"]
    has_new_anchor = after["billing_cycle_anchor"] != before["billing_cycle_anchor"]
    subscription["pending_update"] = {
        "billing_cycle_anchor": after["billing_cycle_anchor"] if has_new_anchor else None,
        "expires_at": min(desk.now + LASTS, max(subscriptions.period_of(before)[1], desk.now + 1)),
        "subscription_items": after["items"]["data"],
        "trial_end": after["trial_end"] if has_new_end else None,
        "trial_from_plan": None,
    }
    desk.meta(subscription)["pending"] = {"after": after, "invoice": invoice["id"]}
    desk.meta(invoice)["is_for_pending"] = True
    desk.save(invoice)
    desk.save(subscription)


def is_for(desk: Desk, invoice: Json) -> bool:
    return bool(desk.meta(invoice).get("is_for_pending"))


def apply(desk: Desk, subscription: Json, invoice: Json) -> bool:
    """Once the invoice is paid. False when it is not the one that the change waits for; the caller tells of it."""
    waiting = desk.meta(subscription).get("pending")
    if not waiting or waiting["invoice"] != invoice["id"]:
        return False
    subscription |= waiting["after"] | {"pending_update": None}
    desk.meta(subscription).pop("pending")
    subscriptions.index_items(desk, subscription)
    subscriptions.plan(desk, subscription)
    return True


def settle(desk: Desk, subscription: Json, invoice: Json) -> None:
    before = copy(subscription)
    if apply(desk, subscription, invoice):
        desk.changed(subscription, before)
        desk.emit("customer.subscription.pending_update_applied", subscription)
        subscriptions.tell_entitlements(desk, subscription["customer"])


def discard(desk: Desk, subscription: Json) -> None:
    """The change is dropped, and nobody owes anything for it."""
    waiting = desk.meta(subscription).pop("pending", None)
    if waiting is None:
        return
    before = copy(subscription)
    subscription["pending_update"] = None
    subscriptions.plan(desk, subscription)
    desk.changed(subscription, before)
    desk.emit("customer.subscription.pending_update_expired", subscription)
    invoice = desk.need("invoice", waiting["invoice"])
    if invoice["status"] == "open":
        invoice_states.void(desk, invoice)
