"""Entitlement features, and what each customer may use by the products they subscribe to."""

from billing.simulator.core import ids, listing
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route

GIVING = ("active", "trialing", "past_due")


@route("POST /v1/entitlements/features", "lookup_key name metadata")
def create(desk: Desk, params: Params) -> Json:
    key = params.need("lookup_key")
    if desk.newest("entitlements.feature", key=key):
        raise invalid(
            f"A feature already uses the lookup key {key}.", "lookup_key", "resource_already_exists"
        )
    return desk.add(
        {
            "id": ids.new("entitlements.feature"),
            "object": "entitlements.feature",
            "active": True,
            "livemode": LIVEMODE,
            "lookup_key": key,
            "metadata": params.metadata(),
            "name": params.need("name"),
        }
    )


@route("GET /v1/entitlements/features", f"archived lookup_key {PAGE}")
def list_features(desk: Desk, params: Params) -> Json:
    archived = params.boolean("archived") if "archived" in params else None
    return listing.page(
        desk,
        params,
        "entitlements.feature",
        "/v1/entitlements/features",
        lambda found: archived in (None, not found["active"]),
        key=params.text("lookup_key"),
    )


@route("GET /v1/entitlements/features/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("entitlements.feature", id)


@route("POST /v1/entitlements/features/:id", "active name metadata")
def update(desk: Desk, params: Params, id: str) -> Json:
    feature = desk.need("entitlements.feature", id)
    if "active" in params:
        feature["active"] = params.boolean("active")
    if "name" in params:
        feature["name"] = params.need("name")
    feature["metadata"] = params.metadata(feature["metadata"])
    return desk.save(feature)


@route("POST /v1/products/:id/features", "entitlement_feature")
def attach(desk: Desk, params: Params, id: str) -> Json:
    desk.need("product", id)
    feature = desk.need("entitlements.feature", params.need("entitlement_feature"), "entitlement_feature")
    if any(
        row["entitlement_feature"]["id"] == feature["id"] for row in desk.newest("product_feature", parent=id)
    ):
        raise invalid(
            "This feature is already attached to the product.",
            "entitlement_feature",
            "resource_already_exists",
        )
    return desk.add(
        {
            "id": ids.new("product_feature"),
            "object": "product_feature",
            "entitlement_feature": copy(feature),
            "livemode": LIVEMODE,
        },
        parent=id,
    )


@route("GET /v1/products/:id/features", PAGE)
def list_attached(desk: Desk, params: Params, id: str) -> Json:
    desk.need("product", id)
    return listing.page(desk, params, "product_feature", f"/v1/products/{id}/features", parent=id)


@route("GET /v1/products/:id/features/:feature")
def retrieve_attached(desk: Desk, params: Params, id: str, feature: str) -> Json:
    return desk.need("product_feature", feature)


@route("DELETE /v1/products/:id/features/:feature")
def detach(desk: Desk, params: Params, id: str, feature: str) -> Json:
    desk.need("product", id)
    desk.need("product_feature", feature)
    desk.books.remove("product_feature", feature)
    return {"id": feature, "object": "product_feature", "deleted": True}


def active(desk: Desk, customer: str) -> list[Json]:
    """What a customer may use now."""
    products = {
        item["price"]["product"]
        for subscription in desk.newest("subscription", customer=customer)
        if subscription["status"] in GIVING
        for item in subscription["items"]["data"]
    }
    features = {
        row["entitlement_feature"]["id"]: row["entitlement_feature"]
        for product in sorted(products)
        for row in desk.oldest("product_feature", parent=product)
    }
    return [
        {
            "id": f"{ids.PREFIXES['entitlements.active_entitlement']}{customer[-8:]}{feature['id'][-12:]}",
            "object": "entitlements.active_entitlement",
            "feature": feature["id"],
            "livemode": LIVEMODE,
            "lookup_key": feature["lookup_key"],
        }
        for feature in features.values()
    ]


@route("GET /v1/entitlements/active_entitlements", f"customer {PAGE}")
def list_active(desk: Desk, params: Params) -> Json:
    customer = desk.need("customer", params.need("customer"), "customer")["id"]
    return listing.slice_of(active(desk, customer), params, "/v1/entitlements/active_entitlements")


def tell(desk: Desk, customer: str) -> None:
    """`entitlements.active_entitlement_summary.updated`, when it is news."""
    owner = desk.get("customer", customer)
    if owner is None:
        return
    rows = active(desk, customer)
    keys = sorted(row["lookup_key"] for row in rows)
    meta = desk.meta(owner)
    if meta.get("entitlements", []) == keys:
        return
    meta["entitlements"] = keys
    desk.save(owner)
    url = f"/v1/customer/{customer}/entitlements"
    summary = {
        "object": "entitlements.active_entitlement_summary",
        "customer": customer,
        "entitlements": listing.envelope(rows, url),
        "livemode": LIVEMODE,
    }
    desk.emit("updated", summary)
