"""Names for new objects, with the prefixes that tell their kind."""

import secrets

from billing.simulator.core.errors import Json

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"

PREFIXES = {
    "account": "acct_",
    "billing.meter": "mtr_test_",
    "billing.meter_event": "mev_",
    "billing.meter_event_summary": "mtrusg_test_",
    "billing_portal.configuration": "bpc_",
    "billing_portal.session": "bps_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "coupon": "",
    "customer": "cus_",
    "customer_balance_transaction": "cbtxn_",
    "discount": "di_",
    "entitlements.active_entitlement": "ent_test_",
    "entitlements.feature": "feat_test_",
    "event": "evt_",
    "invoice": "in_",
    "invoice_payment": "inpay_",
    "invoiceitem": "ii_",
    "item": "li_",
    "line_item": "il_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "price": "price_",
    "product": "prod_",
    "product_feature": "prodft_test_",
    "promotion_code": "promo_",
    "refund": "re_",
    "request": "req_",
    "setup_intent": "seti_",
    "subscription": "sub_",
    "subscription_item": "si_",
    "subscription_schedule": "sub_sched_",
    "tax_id": "txi_",
    "webhook_endpoint": "we_",
}
# Long prefixes first: `sub_sched_` is no subscription.
KINDS = sorted(((prefix, kind) for kind, prefix in PREFIXES.items() if prefix), key=lambda row: -len(row[0]))


def new(kind: str, length: int = 24) -> str:
    return PREFIXES[kind] + word(length)


def word(length: int, alphabet: str = ALPHABET) -> str:
    """Letters nobody can guess: the pages of a session are open to whoever knows its name."""
    size = len(alphabet)
    return "".join(alphabet[byte % size] for byte in secrets.token_bytes(length))


def kind_of(id: str) -> str:
    """The kind that an id's prefix tells, or nothing."""
    return next((kind for prefix, kind in KINDS if id.startswith(prefix)), "")


def id_of(value: str | Json | None) -> str:
    """The id of a field that holds an id, an expanded object or nothing."""
    if isinstance(value, dict):
        return str(value["id"])
    return value or ""
