"""The addresses of the customer portal: its configurations and sessions. What its pages do, they do over the API."""

from billing.simulator.core import ids, listing, pages
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route

FIELDS = "business_profile default_return_url features login_page metadata name"
FEATURES = "customer_update invoice_history payment_method_update subscription_cancel subscription_update"
REASONS = [
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
]
FLOWS = "customer_update payment_method_update subscription_cancel subscription_update subscription_update_confirm"
BEHAVIOURS = "always_invoice create_prorations none"

DEFAULTS: Json = {
    "customer_update": {"allowed_updates": ["email", "tax_id"], "enabled": False},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": True, "options": REASONS},
        "enabled": True,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "products": [],
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}


@route("POST /v1/billing_portal/configurations", FIELDS)
def create_configuration(desk: Desk, params: Params) -> Json:
    if "features" not in params:
        raise invalid("Missing required param: features.", "features", "parameter_missing")
    return desk.create(_read(desk, params, _blank(desk, is_default=False)))


def _blank(desk: Desk, *, is_default: bool) -> Json:
    return {
        "id": ids.new("billing_portal.configuration"),
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": desk.now,
        "default_return_url": None,
        "features": copy(DEFAULTS),
        "is_default": is_default,
        "livemode": LIVEMODE,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": desk.now,
    }


def _read(desk: Desk, params: Params, made: Json) -> Json:
    profile = params.hash("business_profile", "headline privacy_policy_url terms_of_service_url")
    for name in profile.names():
        made["business_profile"][name] = profile.text(name)
    for name in ("default_return_url", "name"):
        if name in params:
            made[name] = params.text(name)
    if "active" in params:
        made["active"] = params.boolean("active")
    made |= {"metadata": params.metadata(made["metadata"]), "updated": desk.now}
    features = params.hash("features", FEATURES)
    for name in features.names():
        _set_feature(made["features"][name], features.hash(name), name)
    return made


def _set_feature(feature: Json, given: Params, name: str) -> None:
    if "enabled" in given:
        feature["enabled"] = given.boolean("enabled")
    if name == "customer_update" and "allowed_updates" in given:
        feature["allowed_updates"] = given.words("allowed_updates")
    if name == "subscription_cancel":
        feature["mode"] = given.choice("mode", "at_period_end immediately", feature["mode"])
        feature["proration_behavior"] = given.choice(
            "proration_behavior", BEHAVIOURS, feature["proration_behavior"]
        )
        reason = given.hash("cancellation_reason", "enabled options")
        asked = feature["cancellation_reason"]
        asked["enabled"] = reason.boolean("enabled", asked["enabled"])
        asked["options"] = reason.words("options") or asked["options"]
    if name == "subscription_update":
        _set_updates(feature, given)


def _set_updates(feature: Json, given: Params) -> None:
    if "default_allowed_updates" in given:
        feature["default_allowed_updates"] = given.words("default_allowed_updates")
    feature["proration_behavior"] = given.choice(
        "proration_behavior", BEHAVIOURS, feature["proration_behavior"]
    )
    if "products" in given:
        feature["products"] = [
            {
                "adjustable_quantity": {"enabled": False, "maximum": None, "minimum": 1},
                "prices": row.words("prices"),
                "product": row.need("product"),
            }
            for row in given.hashes("products", "product prices adjustable_quantity")
        ]
    schedule = given.hash("schedule_at_period_end", "conditions")
    if "conditions" in schedule:
        rows = schedule.hashes("conditions", "type")
        feature["schedule_at_period_end"] = {"conditions": [{"type": row.need("type")} for row in rows]}


@route("GET /v1/billing_portal/configurations", f"active is_default {PAGE}")
def list_configurations(desk: Desk, params: Params) -> Json:
    active = params.boolean("active") if "active" in params else None
    default = params.boolean("is_default") if "is_default" in params else None
    return listing.page(
        desk,
        params,
        "billing_portal.configuration",
        "/v1/billing_portal/configurations",
        lambda found: active in (None, found["active"]) and default in (None, found["is_default"]),
    )


@route("GET /v1/billing_portal/configurations/:id")
def retrieve_configuration(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("billing_portal.configuration", id)


@route("POST /v1/billing_portal/configurations/:id", f"active {FIELDS}")
def update_configuration(desk: Desk, params: Params, id: str) -> Json:
    configuration = desk.need("billing_portal.configuration", id)
    before = copy(configuration)
    return desk.changed(_read(desk, params, configuration), before)


def _default(desk: Desk) -> str:
    """At the real service a person saves the default once in the dashboard; here it is there when it is needed."""
    for found in desk.newest("billing_portal.configuration"):
        if found["is_default"]:
            return str(found["id"])
    return str(desk.create(_blank(desk, is_default=True))["id"])


@route("POST /v1/billing_portal/sessions", "customer configuration flow_data locale return_url")
def create_session(desk: Desk, params: Params) -> Json:
    customer = desk.need("customer", params.need("customer"), "customer")
    configuration = params.text("configuration")
    if configuration:
        desk.need("billing_portal.configuration", configuration, "configuration")
    id = ids.new("billing_portal.session", 48)
    session = {
        "id": id,
        "object": "billing_portal.session",
        "configuration": configuration or _default(desk),
        "created": desk.now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": _flow(desk, params, customer["id"]),
        "livemode": LIVEMODE,
        "locale": params.text("locale"),
        "on_behalf_of": None,
        "return_url": params.text("return_url"),
        "url": pages.portal(id),
    }
    return desk.create(session)


def _flow(desk: Desk, params: Params, customer: str) -> Json | None:
    if "flow_data" not in params:
        return None
    given = params.hash("flow_data", f"type after_completion {FLOWS}")
    given.need("type")
    kind = given.choice("type", FLOWS) or ""
    flow: Json = {"type": kind, "after_completion": _after(given)}
    flow |= dict.fromkeys(name for name in FLOWS.split() if name != "payment_method_update")
    if kind.startswith("subscription_"):
        details = given.hash(kind)
        subscription = desk.need("subscription", details.need("subscription"), details.named("subscription"))
        if subscription["customer"] != customer:
            raise invalid("The subscription belongs to another customer.", details.named("subscription"))
        flow[kind] = {"subscription": subscription["id"]}
        if kind == "subscription_cancel":
            flow[kind]["retention"] = None
        if kind == "subscription_update_confirm":
            flow[kind] |= {"discounts": None, "items": details.array("items")}
    return flow


def _after(given: Params) -> Json:
    after = given.hash("after_completion", "type redirect hosted_confirmation")
    kind = after.choice("type", "hosted_confirmation portal_homepage redirect", "portal_homepage")
    redirect = after.hash("redirect", "return_url").text("return_url")
    message = after.hash("hosted_confirmation", "custom_message").text("custom_message")
    return {
        "hosted_confirmation": {"custom_message": message} if kind == "hosted_confirmation" else None,
        "redirect": {"return_url": redirect} if kind == "redirect" else None,
        "type": kind,
    }
