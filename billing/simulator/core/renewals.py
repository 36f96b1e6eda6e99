"""What time does to a subscription: trials end, periods follow each other, cancellations come due."""

from billing.simulator.core import endings, invoices, lines, payments, pending, subscriptions
from billing.simulator.core.clock import due
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json


@due("subscription")
def wake(desk: Desk, subscription: Json) -> None:
    """One thing that is due; then the next is planned."""
    if subscription["status"] in subscriptions.ENDED:
        return
    if subscription["status"] == "incomplete":
        endings.expire(desk, subscription)
        return
    now, end = desk.now, subscriptions.period_of(subscription)[1]
    meta = desk.meta(subscription)
    cancel_at = subscription["cancel_at"]
    if cancel_at is not None and now >= cancel_at:
        endings.end(desk, subscription, reason="cancellation_requested", at_period_end=True)
        return
    if (waiting := subscription["pending_update"]) and now >= waiting["expires_at"]:
        pending.discard(desk, subscription)
    elif now >= end:
        renew(desk, subscription)
    elif (moment := meta.get("phase_ends_at")) is not None and now >= moment:
        _switch_phase(desk, subscription)
    elif _trial_ends_soon(desk, subscription):
        meta["told_of_trial_end"] = True
        desk.emit("trial_will_end", subscription)
    if subscription["status"] not in subscriptions.ENDED:
        _announce(desk, subscription)
        subscriptions.plan(desk, subscription)
        desk.save(subscription)


def _trial_ends_soon(desk: Desk, subscription: Json) -> bool:
    if subscription["status"] != "trialing" or desk.meta(subscription).get("told_of_trial_end"):
        return False
    return bool(desk.now >= subscription["trial_end"] - subscriptions.TOLD_BEFORE)


def _announce(desk: Desk, subscription: Json) -> None:
    from billing.simulator.core import previews  # noqa: PLC0415  it imagines renewals

    meta = desk.meta(subscription)
    end = subscriptions.period_of(subscription)[1]
    is_soon = desk.now >= end - subscriptions.UPCOMING_BEFORE
    if (
        not is_soon
        or meta.get("told_of_period") == end
        or subscription["status"] not in ("active", "trialing")
    ):
        if is_soon:
            meta["told_of_period"] = end
        return
    meta["told_of_period"] = end
    if not subscription["cancel_at_period_end"]:
        desk.emit("upcoming", previews.next_of(desk, subscription))


def renew(desk: Desk, subscription: Json) -> None:
    """The period is over (a trial is one too): the next begins and is invoiced."""
    from billing.simulator.core import schedules  # noqa: PLC0415  it changes subscriptions

    before = copy(subscription)
    was_trial = subscription["status"] == "trialing"
    if was_trial and _ends_without_card(desk, subscription, before):
        return
    begun, end = subscriptions.period_of(subscription)
    usage = _usage_lines(desk, subscription, begun, end)
    if schedules.reach(desk, subscription, end):
        return
    if was_trial:
        subscription["status"] = "active"
    subscriptions.set_period(subscription, end, subscriptions.next_end(subscription, end))
    invoice = _invoice(desk, subscription, usage, (begun, end))
    subscription["latest_invoice"] = invoice["id"]
    subscriptions.plan(desk, subscription)
    desk.changed(subscription, before)
    if was_trial:
        subscriptions.tell_entitlements(desk, subscription["customer"])


def _switch_phase(desk: Desk, subscription: Json) -> None:
    """A phase that ends within a period: what it costs waits for the next invoice."""
    from billing.simulator.core import changes, schedules  # noqa: PLC0415  they change subscriptions

    before = copy(subscription)
    imagined = copy(subscription)
    if schedules.reach(desk, imagined, desk.now):
        return
    subscription |= {"schedule": imagined["schedule"], "metadata": imagined["metadata"]}
    change = changes.Change(subscriptions.items_of(imagined))
    effect = changes.apply(desk, subscription, change)
    invoice = changes.charge(desk, subscription, effect)
    if invoice is not None:
        subscription["latest_invoice"] = invoice["id"]
    desk.changed(subscription, before)
    if invoice is not None and invoice["status"] == "open":
        payments.collect(desk, invoice, by_itself=True)


def _ends_without_card(desk: Desk, subscription: Json, before: Json) -> bool:
    behaviour = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behaviour == "create_invoice" or has_card(desk, subscription):
        return False
    if subscription["collection_method"] == "send_invoice":
        return False
    if behaviour == "cancel":
        endings.end(desk, subscription, reason=None)
    else:
        subscription["status"] = "paused"
        desk.row(subscription).due_at = None
        desk.changed(subscription, before)
        desk.emit("paused", subscription)
        subscriptions.tell_entitlements(desk, subscription["customer"])
    return True


def has_card(desk: Desk, subscription: Json) -> bool:
    customer = desk.need("customer", subscription["customer"])
    return bool(
        subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    )


def _usage_lines(desk: Desk, subscription: Json, start: int, end: int) -> list[Json]:
    if subscription["status"] == "trialing":
        return []
    metered = [item for item in subscriptions.items_of(subscription) if lines.is_metered(item)]
    return [lines.metered(desk, subscription, item, start, end) for item in metered]


def next_lines(desk: Desk, subscription: Json) -> list[Json]:
    """The coming period, in advance."""
    start, end = subscriptions.period_of(subscription)
    licensed = [item for item in subscriptions.items_of(subscription) if not lines.is_metered(item)]
    return [lines.licensed(desk, subscription, item, start, end) for item in licensed]


def _invoice(desk: Desk, subscription: Json, usage: list[Json], period: tuple[int, int]) -> Json:
    customer = desk.need("customer", subscription["customer"])
    invoice = invoices.blank(
        desk,
        customer,
        reason="subscription_cycle",
        currency=subscription["currency"],
        period=period,
        subscription=subscription,
        collection_method=subscription["collection_method"],
    )
    rows = invoices.pending_lines(desk, customer["id"], subscription["id"])
    rows += usage + next_lines(desk, subscription)
    # An unpaid subscription goes on writing invoices that nobody collects.
    wait = None if subscription["status"] == "unpaid" else invoices.GRACE
    invoices.keep(desk, invoice, rows, subscriptions.discount_ids(subscription), finalizes_in=wait)
    if subscription["collection_method"] == "send_invoice":
        desk.meta(invoice)["days_until_due"] = subscription["days_until_due"]
        desk.save(invoice)
    return invoice


def resume(desk: Desk, subscription: Json) -> Json:
    """After a pause at the end of a trial: a new period begins now."""
    before = copy(subscription)
    subscription |= {"status": "active", "billing_cycle_anchor": desk.now}
    subscriptions.set_period(subscription, desk.now, subscriptions.next_end(subscription, desk.now))
    invoice = _invoice(desk, subscription, [], (desk.now, desk.now))
    subscription["latest_invoice"] = invoice["id"]
    subscriptions.plan(desk, subscription)
    desk.changed(subscription, before)
    desk.emit("resumed", subscription)
    payments.go_on(desk, invoice)
    subscriptions.tell_entitlements(desk, subscription["customer"])
    return subscription
