"""Objects of the payment service without what names somebody: fields by their place, and by what they say."""

from collections.abc import Collection
from typing import Any

TEXTS = frozenset({"email", "customer_email", "receipt_email", "customer_name", "customer_phone", "phone"})
"""Fields that name somebody wherever they stand."""
PARTS = frozenset(
    {
        "address", "billing_details", "custom_fields", "customer_address", "customer_details", "customer_shipping",
        "customer_tax_ids", "payer_details", "shipping", "shipping_details", "collected_information", "individual_name",
    }
)  # fmt: skip
"""Hashes of which every text may."""


def minimised(value: Any, *, names_somebody: bool = False) -> Any:
    """A copy with the same keys, where what names a payer is None. `names_somebody`: a `name` in it is a person's."""
    if isinstance(value, list):
        return [minimised(item, names_somebody=names_somebody) for item in value]
    if not isinstance(value, dict):
        return value
    names = names_somebody or "email" in value or _is_about_customer(value)
    return {key: _of_field(key, item, names) for key, item in value.items()}


def _is_about_customer(event: dict[str, Any]) -> bool:
    """An event whose `previous_attributes` may hold a name without an address beside it."""
    data = event.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    return isinstance(found, dict) and found.get("object") == "customer"


def _of_field(key: str, value: Any, names_somebody: bool) -> Any:
    if key in PARTS:
        return _emptied(value)
    if isinstance(value, str) and (key in TEXTS or key == "comment" or (key == "name" and names_somebody)):
        return None
    return minimised(value, names_somebody=names_somebody)


def _emptied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _emptied(item) for key, item in value.items()}
    if isinstance(value, list):
        return []
    return None if isinstance(value, str) else value


def without(value: Any, addresses: Collection[str], names: Collection[str] = ()) -> Any:
    """A copy without a person's addresses (in lower case) and names; of a hash that holds an address, also without
    the other fields that name somebody."""
    if isinstance(value, list):
        return [without(item, addresses, names) for item in value]
    if isinstance(value, str):
        return None if _says(value, addresses, names) else value
    if not isinstance(value, dict):
        return value
    theirs = any(isinstance(item, str) and _says(item, addresses, ()) for item in value.values())
    return {
        key: _emptied(item)
        if theirs and (key in TEXTS or key in PARTS or key == "name")
        else without(item, addresses, names)
        for key, item in value.items()
    }


def _says(text: str, addresses: Collection[str], names: Collection[str]) -> bool:
    lowered = text.lower()
    return any(address in lowered for address in addresses) or lowered in {name.lower() for name in names}
