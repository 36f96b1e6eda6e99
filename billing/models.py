"""Plans, what each workspace bought, and what the payment service told us. All in `public`.

Money here is in minor units of its currency (cents), as Stripe counts it; usage counts micro-units.
"""

import billing.deals.models
import billing.enquiries.models
import billing.metering.models
import billing.outcomes.models
import billing.plans.models
import billing.referrals.models
import billing.subscriptions.models
import billing.webhooks.models  # noqa: F401  registers these tables
