"""The one account of the simulated service, and how it deals with payments that fail."""

from dataclasses import asdict, dataclass

from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json, missing
from billing.simulator.core.params import Params
from billing.simulator.core.routing import route
from billing.simulator.store import Row

ID = "acct_1SimulatedStripe"
NAME = "Simulated payments"
DAY = 86_400


@dataclass(frozen=True)
class Policy:
    """What the dashboard of the real service sets: days between the attempts at a failed renewal, and what becomes of
    the subscription after the last: `cancel`, `unpaid` or `past_due`."""

    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: str = "cancel"


def policy(desk: Desk) -> Policy:
    row = desk.books.get("policy", "policy")
    return Policy(tuple(row.data["retry_days"]), row.data["after_retries"]) if row else Policy()


def set_policy(desk: Desk, wanted: Policy) -> None:
    row = desk.books.get("policy", "policy") or Row("policy", "policy", {})
    row.data = asdict(wanted)
    desk.books.write(row)


def describe(desk: Desk) -> Json:
    return {
        "id": ID,
        "object": "account",
        "business_profile": {
            "mcc": None,
            "name": NAME,
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": None,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1_577_836_800,
        "default_currency": "usd",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": False,
        "settings": SETTINGS,
        "type": "standard",
    }


SETTINGS: Json = {
    "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
    "card_payments": {
        "decline_on": {"avs_failure": False, "cvc_failure": False},
        "statement_descriptor_prefix": None,
        "statement_descriptor_prefix_kana": None,
        "statement_descriptor_prefix_kanji": None,
    },
    "dashboard": {"display_name": NAME, "timezone": "Etc/UTC"},
    "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": "offer"},
    "payments": {
        "statement_descriptor": "SIMULATED",
        "statement_descriptor_kana": None,
        "statement_descriptor_kanji": None,
    },
}


@route("GET /v1/account")
def retrieve_own(desk: Desk, params: Params) -> Json:
    return describe(desk)


@route("GET /v1/accounts/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    if id != ID:
        raise missing("account", id)
    return describe(desk)
