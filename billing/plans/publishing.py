"""The payment service's half of a catalogue: products, prices, entitlement features and meters, made where they lack.

Found by ids and lookup keys that follow from ours, never by what we remember, so that it also fits an account that was
emptied, or a database that is younger than its account.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import stripe

from billing.catalogues.catalogue import Catalogue
from billing.plans.models import Plan, PlanPrice
from billing.plans.versions import Change, Draft
from billing.stripe.client import PaymentRequestRefused, get_client, payment_errors
from usage.features.keys import label_of
from usage.models import Meter

PAGE = 100
KEYS_PER_CALL = 10
METERED_UNITS = 1_000_000
METERS = {Meter.COST_MICRO: "AI cost in micro-units"}


def event_name(meter: str) -> str:
    """What the payment service's meter of ours listens to."""
    return f"steward_{meter}"


def feature_key(key: str) -> str:
    return f"steward_{key}"


def product_id(plan: Plan) -> str:
    return f"steward_{plan.catalogue}_{plan.key}_v{plan.version}"


@dataclass
class Publisher:
    """One pass. With `is_dry` it only looks and says what it would do."""

    write: Callable[[str], object]
    is_dry: bool = False
    brand: str = ""
    changes: list[Change] = field(default_factory=list)
    _meters: dict[str, str] | None = None
    _features: dict[str, str] | None = None

    @property
    def client(self) -> stripe.StripeClient:
        return get_client()

    def publish(self, drafts: list[Draft], superseded: list[PlanPrice]) -> None:
        """Raises what `payment_errors` raises. One call per ten prices when nothing is to be done."""
        sold = [draft for draft in drafts if draft.prices]
        keys = [price.lookup_key for draft in sold for price in draft.prices]
        with payment_errors():
            found = self._find([*keys, *(price.lookup_key for price in superseded)])
            for number, draft in enumerate(sold, start=1):
                self.write(f"[{number}/{len(sold)}] payment service: {draft.plan.catalogue}/{draft.plan.key}")
                self._publish(draft, found)
            # Last, so that there is no moment without something to sell.
            for price in superseded:
                there = found.get(price.lookup_key)
                if there is not None and there.active:
                    self._archive(there, price.lookup_key)

    def _say(self, kind: str, what: str, detail: str = "") -> None:
        change = Change(kind, what, detail)
        self.changes.append(change)
        self.write(f"  {change}")

    def _find(self, keys: list[str]) -> dict[str, stripe.Price]:
        found: dict[str, stripe.Price] = {}
        for start in range(0, len(keys), KEYS_PER_CALL):
            some = keys[start : start + KEYS_PER_CALL]
            page = self.client.v1.prices.list(
                params={"lookup_keys": some, "expand": ["data.product"], "limit": PAGE}
            )
            found |= {str(price.lookup_key): price for price in page.data}
        return found

    def _publish(self, draft: Draft, found: dict[str, stripe.Price]) -> None:
        plan, product = draft.plan, product_id(draft.plan)
        if not any(_is_complete(found.get(price.lookup_key), plan) for price in draft.prices):
            self._ensure_product(plan, product)
        if plan.stripe_product_id != product and not self.is_dry:
            Plan.objects.filter(pk=plan.pk).update(stripe_product_id=product)
            plan.stripe_product_id = product
        for price in draft.prices:
            self._ensure_price(price, product, found.get(price.lookup_key))

    # products

    def _ensure_product(self, plan: Plan, product: str) -> None:
        """Its metadata is marked as complete last, when its features are there."""
        wanted: dict[str, Any] = {"name": f"{self.brand} {plan.name}".strip(), "metadata": _labels(plan)}
        if plan.tagline:
            wanted["description"] = plan.tagline
        if not self._exists(product):
            self._say("product.created", product)
            if not self.is_dry:
                self.client.v1.products.create(params={"id": product, **wanted})  # type: ignore[typeddict-item]
        self._ensure_features(plan, product)
        if not self.is_dry:
            wanted["metadata"] = _labels(plan) | {"fingerprint": plan.fingerprint}
            wanted["active"] = True
            self.client.v1.products.update(product, params=wanted)  # type: ignore[arg-type]

    def _exists(self, product: str) -> bool:
        try:
            with payment_errors():
                self.client.v1.products.retrieve(product)
        except PaymentRequestRefused as error:
            if error.is_missing:
                return False
            raise
        return True

    def _ensure_features(self, plan: Plan, product: str) -> None:
        attached: set[str] = set()
        if self._exists(product):
            page = self.client.v1.products.features.list(product, params={"limit": PAGE})
            attached = {entry.entitlement_feature.lookup_key for entry in page.data}
        for key in plan.features:
            if feature_key(key) in attached:
                continue
            feature = self._feature(key)
            self._say("feature.attached", key, product)
            if not self.is_dry:
                self.client.v1.products.features.create(product, params={"entitlement_feature": feature})

    def _feature(self, key: str) -> str:
        if self._features is None:
            page = self.client.v1.entitlements.features.list(params={"limit": PAGE})
            self._features = {row.lookup_key: row.id for row in page.auto_paging_iter()}
        name = feature_key(key)
        if name not in self._features:
            self._say("feature.created", name)
            self._features[name] = ""
            if not self.is_dry:
                made = self.client.v1.entitlements.features.create(
                    params={"lookup_key": name, "name": label_of(key)}
                )
                self._features[name] = made.id
        return self._features[name]

    # prices

    def _ensure_price(self, price: PlanPrice, product: str, there: stripe.Price | None) -> None:
        if there is not None and not _matches(there, price, product):
            self._archive(there, price.lookup_key)
            there = None
        if there is None:
            self._say("price.created", price.lookup_key, _amount(price))
            if self.is_dry:
                return
            there = self.client.v1.prices.create(params=self._wanted(price, product))
        elif not there.active:
            self._say("price.reopened", price.lookup_key)
            if not self.is_dry:
                self.client.v1.prices.update(there.id, params={"active": True})
        if price.stripe_price_id != there.id and not self.is_dry:
            PlanPrice.objects.filter(pk=price.pk).update(stripe_price_id=there.id)
            price.stripe_price_id = there.id

    def _wanted(self, price: PlanPrice, product: str) -> Any:
        wanted: dict[str, Any] = {
            "product": product,
            "currency": price.plan.currency,
            "lookup_key": price.lookup_key,
            "transfer_lookup_key": True,
            "nickname": f"{price.plan.name}, per {price.interval}",
            "metadata": _labels(price.plan),
            "recurring": {"interval": price.interval},
        }
        if price.kind == PlanPrice.Kind.METERED:
            wanted["unit_amount_decimal"] = str(_per_unit(price))
            wanted["recurring"] |= {"usage_type": "metered", "meter": self._meter(price.meter)}
        else:
            wanted["unit_amount"] = price.amount_minor
        return wanted

    def _archive(self, there: stripe.Price, key: str) -> None:
        self._say("price.archived", key, "existing subscriptions keep it")
        if not self.is_dry:
            self.client.v1.prices.update(there.id, params={"active": False})

    def _meter(self, meter: str) -> str:
        if self._meters is None:
            page = self.client.v1.billing.meters.list(params={"status": "active", "limit": PAGE})
            self._meters = {row.event_name: row.id for row in page.auto_paging_iter()}
        name = event_name(meter)
        if name not in self._meters:
            self._say("meter.created", name)
            made = self.client.v1.billing.meters.create(
                params={
                    "display_name": METERS[Meter(meter)],
                    "event_name": name,
                    "default_aggregation": {"formula": "sum"},
                    "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
                    "value_settings": {"event_payload_key": "value"},
                }
            )
            self._meters[name] = made.id
        return self._meters[name]


def publish(
    catalogue: Catalogue, drafts: list[Draft], *, write: Callable[[str], object], is_dry: bool = False
) -> list[Change]:
    """Everything of a catalogue. Outside every transaction. Raises what `payment_errors` raises."""
    current = [draft.plan.pk for draft in drafts]
    rows = PlanPrice.objects.filter(plan__catalogue=catalogue.key, plan__workspace_id=None)
    superseded = list(rows.exclude(plan_id__in=current).exclude(stripe_price_id="").select_related("plan"))
    publisher = Publisher(write=write, is_dry=is_dry, brand=catalogue.name)
    publisher.publish(drafts, superseded)
    return publisher.changes


def _labels(plan: Plan) -> dict[str, str]:
    labels = {"catalogue": plan.catalogue, "plan": plan.key, "version": str(plan.version)}
    return labels | ({"workspace": str(plan.workspace_id)} if plan.workspace_id else {})


def _is_complete(there: stripe.Price | None, plan: Plan) -> bool:
    product = there.product if there is not None else None
    if not isinstance(product, stripe.Product) or product.id != product_id(plan):
        return False
    return bool(product.active) and dict(_pairs(product)).get("fingerprint") == plan.fingerprint


def _pairs(product: stripe.Product) -> Iterator[tuple[str, str]]:
    metadata = product.metadata
    yield from (metadata.to_dict() if metadata else {}).items()


def _matches(there: stripe.Price, price: PlanPrice, product: str) -> bool:
    """Amount, currency, interval and product cannot be changed at the payment service."""
    recurring = there.recurring
    wanted = _per_unit(price) if price.kind == PlanPrice.Kind.METERED else Decimal(price.amount_minor)
    found = there.unit_amount_decimal if there.unit_amount_decimal is not None else there.unit_amount
    place = there.product if isinstance(there.product, str) else there.product.id
    return (
        found is not None
        and Decimal(found) == wanted
        and there.currency == price.plan.currency
        and recurring is not None
        and recurring.interval == price.interval
        and (recurring.usage_type == "metered") == (price.kind == PlanPrice.Kind.METERED)
        and place == product
    )


def _per_unit(price: PlanPrice) -> Decimal:
    """Cents per unit of a meter: 0.0001 for a micro-unit that is passed on."""
    return Decimal(price.amount_minor) * Decimal(1).scaleb(-6)


def _amount(price: PlanPrice) -> str:
    if price.kind == PlanPrice.Kind.METERED:
        return f"{_per_unit(price)} {price.plan.currency} cents per unit of {price.meter}"
    whole = Decimal(price.amount_minor).scaleb(-2)
    return f"{whole} {price.plan.currency} per {price.interval}"
