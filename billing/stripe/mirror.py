"""dj-stripe's tables: a copy of what the payment service showed us, for staff and for the list of invoices.

Nothing is decided by it. It follows when our own state is committed; a failure is logged and hinders nobody, since
the next look tries again.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import stripe
from djstripe import models as djstripe

from billing.stripe.client import get_client, payment_errors
from billing.stripe.state import CustomerState, plain

logger = logging.getLogger(__name__)
MODELS: dict[str, Any] = {
    "customer": djstripe.Customer,
    "payment_method": djstripe.PaymentMethod,
    "product": djstripe.Product,
    "price": djstripe.Price,
    "subscription": djstripe.Subscription,
    "invoice": djstripe.Invoice,
}


def copy(state: CustomerState, *, workspace_id: UUID) -> int:
    """Writes what is new or different; returns how many objects. One query per kind when nothing is.

    It may ask the payment service for what it lacks (account, product). Never inside the transaction of our state.
    """
    written = sum(_copy(row) for row in list(_stale(_with_methods(state.originals))))
    djstripe.Customer.objects.filter(id=state.id).exclude(subscriber_id=workspace_id).update(
        subscriber_id=workspace_id
    )
    return written


def copy_catalogue_object(kind: str, object_id: str) -> int:
    """A product or a price, as it is now."""
    client = get_client()
    with payment_errors():
        found = (
            client.v1.products.retrieve(object_id)
            if kind == "product"
            else client.v1.prices.retrieve(object_id)
        )
    return sum(_copy(row) for row in list(_stale([plain(found)])))


def _with_methods(originals: tuple[Mapping[str, Any], ...]) -> Iterator[Mapping[str, Any]]:
    """Payment methods came inside of customers and subscriptions; they go after the customer, who is one of theirs."""
    for row in originals:
        yield row
        settings = row.get("invoice_settings") or {}
        for method in (settings.get("default_payment_method"), row.get("default_payment_method")):
            if isinstance(method, Mapping):
                yield method


def _stale(rows: Iterator[Mapping[str, Any]] | list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Those that the mirror does not show just so."""
    wanted = [row for row in rows if row.get("object") in MODELS]
    kept: dict[str, Any] = {}
    for kind in {row["object"] for row in wanted}:
        ids = [row["id"] for row in wanted if row["object"] == kind]
        kept |= dict(MODELS[kind].objects.filter(id__in=ids).values_list("id", "stripe_data"))
    yield from (row for row in wanted if not _shows(kept.get(row["id"]) or {}, row))


def _shows(kept: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """dj-stripe adds fields of its own."""
    return all(name in kept and kept[name] == value for name, value in row.items())


def _copy(row: Mapping[str, Any]) -> int:
    try:
        # In no transaction of ours: it may ask the payment service on the way.
        MODELS[row["object"]].sync_from_stripe_data(stripe.convert_to_stripe_object(dict(row)))
    except Exception as error:  # noqa: BLE001  a trace would hold the error's text, which may quote the object
        # dj-stripe meets shapes that it does not know with errors of every kind.
        logger.error(
            "the mirror could not take an object",
            extra={"object": row["object"], "object_id": row["id"], "error": type(error).__name__},
        )
        return 0
    return 1
