"""The simulated payment service. `Core` is all of it; importing the topics registers what answers which address."""

from billing.simulator.core import (  # noqa: F401  each registers its addresses
    account,
    checkout,
    checkout_sessions,
    customers,
    discounts,
    events,
    features,
    intents,
    invoice_api,
    invoice_items,
    meters,
    payment_methods,
    payments,
    portal_sessions,
    previews,
    products,
    refunds,
    renewals,
    schedules,
    subscription_api,
    webhook_endpoints,
)
from billing.simulator.core.api import Core, Response

__all__ = ["Core", "Response"]
