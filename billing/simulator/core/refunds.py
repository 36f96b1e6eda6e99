"""Money given back."""

from billing.simulator.core import ids, listing
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.expansion import included
from billing.simulator.core.params import Params, one_of
from billing.simulator.core.routing import PAGE, route

DESTINATION: Json = {
    "card": {"reference_type": "acquirer_reference_number", "type": "refund"},
    "type": "card",
}


@route("POST /v1/refunds", "amount charge payment_intent reason metadata")
def create(desk: Desk, params: Params) -> Json:
    charge = _charge(desk, params)
    amount = _amount(charge, params)
    refund = {
        "id": ids.new("refund"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": desk.now,
        "currency": charge["currency"],
        "destination_details": copy(DESTINATION),
        "metadata": params.metadata(),
        "payment_intent": charge["payment_intent"],
        "reason": params.choice("reason", "duplicate fraudulent requested_by_customer"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    desk.create(refund, customer=charge["customer"])
    before = copy(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    desk.changed(charge, before, "refunded")
    return refund


def _amount(charge: Json, params: Params) -> int:
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"]:
        raise invalid("This charge was not successful.", "charge")
    if left == 0:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", "charge", "charge_already_refunded"
        )
    amount = params.integer("amount", left, least=1) or 0
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", "amount"
        )
    return amount


def _charge(desk: Desk, params: Params) -> Json:
    if one_of(params, "charge", "payment_intent") == "payment_intent":
        intent = desk.need("payment_intent", params.need("payment_intent"), "payment_intent")
        if not intent["latest_charge"]:
            raise invalid("This PaymentIntent does not have a successful charge to refund.", "payment_intent")
        return desk.need("charge", intent["latest_charge"])
    return desk.need("charge", params.need("charge"), "charge")


@route("GET /v1/refunds/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("refund", id)


@route("GET /v1/refunds", f"charge payment_intent created {PAGE}")
def list_refunds(desk: Desk, params: Params) -> Json:
    intent = params.text("payment_intent")
    return listing.page(
        desk,
        params,
        "refund",
        "/v1/refunds",
        (lambda found: found["payment_intent"] == intent) if intent else None,
        parent=params.text("charge"),
    )


@included("charge", "refunds")
def _refunds(desk: Desk, charge: Json) -> Json:
    return listing.envelope(desk.newest("refund", parent=charge["id"]), f"/v1/charges/{charge['id']}/refunds")
