"""Changes to a running subscription: items, quantities, the anchor of its periods, its trial; and what they cost."""

from dataclasses import dataclass, field

from billing.simulator.core import invoice_items, invoice_states, invoices, lines, subscriptions
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.lines import Share
from billing.simulator.core.params import Params

BEHAVIOURS = "create_prorations always_invoice none"
ITEM = "id price price_data quantity deleted metadata clear_usage discounts plan"


@dataclass
class Change:
    """What is wanted. `trial_end` is a moment, 0 for now, None to leave it."""

    items: list[Json]
    behaviour: str = "create_prorations"
    date: int | None = None
    anchors_now: bool = False
    trial_end: int | None = None


@dataclass
class Effect:
    """What a change costs: items for the next invoice, and lines that only an invoice of now may carry."""

    prorations: list[Json] = field(default_factory=list)
    lines: list[Json] = field(default_factory=list)
    invoices_now: bool = False


def read_items(desk: Desk, subscription: Json, params: Params, name: str = "items") -> list[Json]:
    """The items as a request leaves them: those it does not name stay. Raises Refused."""
    rows = {row["id"]: copy(row) for row in subscriptions.items_of(subscription)}
    for given in params.hashes(name, ITEM):
        id = given.text("id")
        if id is None:
            made = subscriptions.item(
                desk,
                subscription["id"],
                subscriptions.wanted_price(desk, given),
                given.integer("quantity", least=0),
                given.metadata(),
            )
            rows[made["id"]] = made
        elif id not in rows:
            raise invalid(f"No such subscription item: '{id}'", given.named("id"), "resource_missing")
        elif given.boolean("deleted"):
            del rows[id]
        else:
            rows[id] = _altered(desk, rows[id], given)
    return list(rows.values())


def _altered(desk: Desk, row: Json, given: Params) -> Json:
    if "price" in given or "price_data" in given:
        price = subscriptions.wanted_price(desk, given)
        fresh = subscriptions.item(desk, row["subscription"], price, row.get("quantity"))
        row = {name: value for name, value in row.items() if name != "quantity"}
        row |= {name: fresh[name] for name in ("price", "plan", "quantity") if name in fresh}
    if "quantity" in given:
        if lines.is_metered(row):
            raise invalid("Metered prices have no quantity.", given.named("quantity"))
        row["quantity"] = given.integer("quantity", least=0)
    row["metadata"] = given.metadata(row["metadata"])
    return row


def apply(desk: Desk, subscription: Json, change: Change) -> Effect:
    """Changes the subscription (the caller saves and tells) and works out what it costs. Writes nothing itself."""
    before = copy(subscription)
    was_every = subscriptions.interval_of(subscription)
    begun, end = subscriptions.period_of(subscription)
    date = change.date if change.date is not None else desk.now
    if not begun <= date <= max(end, desk.now):
        raise invalid(
            "Cannot specify proration_date outside of current subscription period.", "proration_date"
        )
    subscriptions.put_items(desk, subscription, change.items)
    subscriptions.set_period(subscription, begun, end)
    if subscription["status"] in ("incomplete", *subscriptions.ENDED):
        raise invalid("This subscription cannot be changed: its first payment did not succeed.")
    if change.trial_end is not None:
        return _retrial(desk, before, subscription, change, date)
    if subscription["status"] == "trialing":
        return Effect()
    if change.anchors_now or subscriptions.interval_of(subscription) != was_every:
        return _restart(desk, before, subscription, change, date)
    if change.behaviour == "none":
        return Effect()
    share = Share(date, end, begun, end)
    return Effect(_differences(desk, before, subscription, share), [], change.behaviour == "always_invoice")


def _differences(desk: Desk, before: Json, after: Json, share: Share) -> list[Json]:
    was = {row["id"]: row for row in subscriptions.items_of(before)}
    now = {row["id"]: row for row in subscriptions.items_of(after)}
    rows = []
    for id in [*was, *(id for id in now if id not in was)]:
        old, new = was.get(id), now.get(id)
        if (
            old
            and new
            and (old["price"]["id"], old.get("quantity")) == (new["price"]["id"], new.get("quantity"))
        ):
            continue
        rows += lines.prorations(desk, after, old, new, share)
    # What is given back comes first, as on the real service's invoices.
    return sorted(rows, key=lambda row: not row["is_credit"])


def unused(desk: Desk, subscription: Json, date: int) -> list[Json]:
    begun, end = subscriptions.period_of(subscription)
    share = Share(date, end, begun, end)
    rows = []
    for item in subscriptions.items_of(subscription):
        rows += lines.prorations(desk, subscription, item, None, share)
    return rows


def _restart(desk: Desk, before: Json, subscription: Json, change: Change, date: int) -> Effect:
    """A new period from now: the rest of the old one is given back, the new one charged in full, at once."""
    begun, _ = subscriptions.period_of(before)
    credits = unused(desk, before, date) if change.behaviour != "none" else []
    usage = [
        lines.metered(desk, before, item, begun, desk.now)
        for item in subscriptions.items_of(before)
        if lines.is_metered(item)
    ]
    subscription["billing_cycle_anchor"] = desk.now
    subscriptions.set_period(subscription, desk.now, subscriptions.next_end(subscription, desk.now))
    return Effect(credits, usage + _advance(desk, subscription), invoices_now=True)


def _advance(desk: Desk, subscription: Json) -> list[Json]:
    start, end = subscriptions.period_of(subscription)
    licensed = [item for item in subscriptions.items_of(subscription) if not lines.is_metered(item)]
    return [lines.licensed(desk, subscription, item, start, end) for item in licensed]


def _retrial(desk: Desk, before: Json, subscription: Json, change: Change, date: int) -> Effect:
    is_trial = before["status"] == "trialing"
    if change.trial_end == 0:
        if not is_trial:
            return Effect()
        subscription |= {"status": "active", "trial_end": desk.now, "billing_cycle_anchor": desk.now}
        subscriptions.set_period(subscription, desk.now, subscriptions.next_end(subscription, desk.now))
        return Effect([], _advance(desk, subscription), invoices_now=True)
    assert change.trial_end is not None
    if change.trial_end <= desk.now:
        raise invalid("Invalid timestamp: trial_end must be in the future.", "trial_end")
    credits = [] if is_trial or change.behaviour == "none" else unused(desk, before, date)
    subscription |= {
        "status": "trialing",
        "trial_start": subscription["trial_start"] if is_trial else desk.now,
        "trial_end": change.trial_end,
        "billing_cycle_anchor": change.trial_end,
    }
    begun = subscriptions.period_of(before)[0] if is_trial else desk.now
    subscriptions.set_period(subscription, begun, change.trial_end)
    return Effect(credits, [], change.behaviour == "always_invoice" and bool(credits))


def charge(desk: Desk, subscription: Json, effect: Effect) -> Json | None:
    """Writes what a change costs; the finalized invoice, when there is one now. It is not collected yet."""
    for row in effect.prorations:
        desk.create(invoice_items.of_proration(desk, subscription, row))
    if not effect.invoices_now:
        return None
    rows = _of_now(desk, subscription)
    if not rows and not effect.lines:
        return None
    invoice = _blank(desk, subscription)
    invoices.keep(desk, invoice, rows + effect.lines, subscriptions.discount_ids(subscription))
    desk.meta(invoice)["days_until_due"] = subscription["days_until_due"] or 30
    return invoice_states.finalize(desk, invoice)


def _of_now(desk: Desk, subscription: Json) -> list[Json]:
    """An invoice for a change carries the subscription's own waiting items."""
    rows = invoices.pending_lines(desk, subscription["customer"], subscription["id"])
    return [row for row in rows if row["subscription"] == subscription["id"]]


def _blank(desk: Desk, subscription: Json) -> Json:
    begun, end = subscriptions.period_of(subscription)
    return invoices.blank(
        desk,
        desk.need("customer", subscription["customer"]),
        reason="subscription_update",
        currency=subscription["currency"],
        period=(begun, end),
        subscription=subscription,
        collection_method=subscription["collection_method"],
    )


def credit_rest(desk: Desk, subscription: Json) -> None:
    """The unused time of the period, as items for the next invoice."""
    for row in unused(desk, subscription, desk.now):
        desk.create(invoice_items.of_proration(desk, subscription, row))
