"""Shapes of billing in the REST API. Money is in minor units (cents) of the currency beside it."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from billing.plans import queries as plans
from billing.plans.models import Plan, PlanPrice
from billing.subscriptions.describe import Subscription
from billing.subscriptions.services import PORTAL_FLOWS
from usage.serializers import StandingSerializer


class PlanNameSerializer(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()


class SeatsSerializer(serializers.Serializer):
    taken = serializers.IntegerField()
    allowed = serializers.IntegerField(allow_null=True, help_text="Null is unlimited.")
    bought = serializers.IntegerField(allow_null=True, help_text="Null: the seats come with the plan.")


class NextChargeSerializer(serializers.Serializer):
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    is_estimate = serializers.BooleanField(
        help_text="By the list price, without discounts, taxes and credit."
    )


class PendingChangeSerializer(serializers.Serializer):
    plan = PlanNameSerializer()
    interval = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class TrialSerializer(serializers.Serializer):
    ends_at = serializers.DateTimeField()
    days_left = serializers.IntegerField()
    ends_without_card = serializers.BooleanField()


class PaymentMethodSerializer(serializers.Serializer):
    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField(allow_null=True)
    exp_year = serializers.IntegerField(allow_null=True)
    is_expiring = serializers.BooleanField()


class SubscriptionSerializer(serializers.Serializer):
    """`plan` is in effect; `subscribed_plan` is what the workspace pays for, if it does."""

    plan = PlanNameSerializer(allow_null=True)
    subscribed_plan = PlanNameSerializer(allow_null=True)
    status = serializers.CharField(
        help_text="As Stripe names it: trialing, active, past_due, unpaid, canceled, incomplete or paused; or none."
    )
    status_text = serializers.CharField()
    is_running = serializers.BooleanField()
    interval = serializers.CharField(help_text="month, year, or empty.")
    currency = serializers.CharField()
    price_minor = serializers.IntegerField(allow_null=True, help_text="Of one unit, each interval.")
    seats = SeatsSerializer()
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)
    next_charge = NextChargeSerializer(allow_null=True)
    pending = PendingChangeSerializer(allow_null=True)
    cancels_at = serializers.DateTimeField(allow_null=True)
    trial = TrialSerializer(allow_null=True)
    payment_method = PaymentMethodSerializer(allow_null=True)
    action_url = serializers.CharField(help_text="Where a payment waits to be confirmed, or empty.")
    credit_minor = serializers.IntegerField()
    debt_minor = serializers.IntegerField()
    past_due_since = serializers.DateTimeField(allow_null=True)
    grace_ends_at = serializers.DateTimeField(allow_null=True)
    restricted_at = serializers.DateTimeField(allow_null=True)
    is_arranged = serializers.BooleanField()
    is_lifetime = serializers.BooleanField()
    usage = StandingSerializer(many=True)
    notice = serializers.CharField(help_text="Such as that payments are simulated; else empty.")

    def to_representation(self, instance: Subscription) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(asdict(instance))
        return shown


class InvoiceSerializer(serializers.Serializer):
    id = serializers.CharField()
    number = serializers.CharField()
    status = serializers.CharField(help_text="open, paid, void or uncollectible.")
    currency = serializers.CharField()
    total_minor = serializers.IntegerField()
    paid_minor = serializers.IntegerField()
    due_minor = serializers.IntegerField()
    created_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    hosted_url = serializers.CharField(help_text="A page of it, where it can also be paid.")
    pdf_url = serializers.CharField()


class PriceSerializer(serializers.Serializer):
    interval = serializers.CharField()
    amount_minor = serializers.IntegerField()


class PlanSerializer(serializers.Serializer):
    """A plan that is offered. `sale`: free, paid, contact (ask us) or unpriced (not sold yet)."""

    key = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    tagline = serializers.CharField()
    sale = serializers.CharField()
    currency = serializers.CharField()
    prices = serializers.SerializerMethodField()
    saving_minor = serializers.SerializerMethodField(help_text="What a year costs less than twelve months.")
    is_per_seat = serializers.BooleanField()
    seats_included = serializers.IntegerField(allow_null=True, help_text="Null is unlimited.")
    trial_days = serializers.IntegerField()
    is_passthrough = serializers.BooleanField(
        help_text="What models cost is charged beside it, without a mark-up."
    )
    limits = serializers.ListField(child=serializers.DictField())
    features = serializers.ListField(child=serializers.CharField())
    support = serializers.CharField()

    def get_prices(self, plan: Plan) -> list[dict[str, Any]]:
        rows = [row for row in plan.prices.all() if row.kind == PlanPrice.Kind.LICENSED]
        return [{"interval": row.interval, "amount_minor": row.amount_minor} for row in rows]

    def get_saving_minor(self, plan: Plan) -> int:
        return plans.saving_minor(plan)


class PlanListSerializer(serializers.Serializer):
    results = PlanSerializer(many=True)


class SubscribeSerializer(serializers.Serializer):
    plan = serializers.CharField(max_length=40)
    interval = serializers.ChoiceField(
        choices=PlanPrice.Interval.choices, default=PlanPrice.Interval.MONTH.value
    )
    seats = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        help_text="Of a plan that is sold per seat.",
    )
    trial = serializers.BooleanField(default=False)
    promotion_code = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")


class CheckoutSerializer(SubscribeSerializer):
    """`deal`: a one-off offer, which names its plan itself."""

    plan = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    deal = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs["plan"]) == bool(attrs["deal"]):
            raise serializers.ValidationError({"plan": "Name a plan or a deal, one of them."})
        return attrs


class CheckoutOpenedSerializer(serializers.Serializer):
    checkout_url = serializers.CharField(help_text="The page where it is paid.")


class PortalSerializer(serializers.Serializer):
    flow = serializers.ChoiceField(choices=sorted(PORTAL_FLOWS), default="", allow_blank=True)


class PortalOpenedSerializer(serializers.Serializer):
    portal_url = serializers.CharField()


class SubscribedSerializer(serializers.Serializer):
    """Either `checkout_url` (nothing ran yet) or `subscription` with `outcome`: now, period_end, or unconfirmed:
    nothing has changed until the payment is confirmed at `action_url`."""

    checkout_url = serializers.CharField(required=False)
    outcome = serializers.CharField(required=False)
    action_url = serializers.CharField(required=False)
    subscription = SubscriptionSerializer(required=False)
